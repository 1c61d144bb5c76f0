// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/gyrfalcon/gyrfalcon/internal/control"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

// golden compares text with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./internal/terminal -update); got\n%s\nwant\n%s", file, got, want)
	}
}

// moment is when all that happens in the tests.
var moment = time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)

// sample is a sample with everything, hostile names too.
func sample() *control.Top {
	web := &control.Container{ID: "3ad7b26ded6d", Name: "web", Image: "nginx:1.25", Pod: "web-7c9f", Namespace: "shop"}
	t := &control.Top{
		Version: "0.1.0", Hostname: "node-1", PID: 77, Started: moment.Add(-3*time.Hour - 2*time.Minute), Time: moment, Seconds: 1,
		Events: 1234567, Alerts: 12, EventsPS: 12345, AlertsPS: 0.2, CPU: 3.24, EventNS: 2624, RulesNS: 812, RSSBytes: 54 << 20, RulesInUse: 92, Running: 231,
		Losses: []control.LossRate{{Loss: control.Loss{Reason: "bulk ring full"}}},
		Syscalls: []control.SyscallRate{
			{Name: "openat", PerSecond: 9000, Events: 900000, RulesNS: 900}, {Name: "close", PerSecond: 3000, Events: 300000}, {Name: "execve", PerSecond: 2.5, Events: 34567, RulesNS: 12500},
		},
		Processes: []control.ProcessRate{
			{Process: control.Process{PID: 4242, Name: "find", Exe: "/usr/bin/find"}, PerSecond: 8000},
			{Process: control.Process{PID: 31, Name: "nginx", Exe: "/usr/sbin/nginx"}, Container: web, PerSecond: 4000, Over: 900},
			{Process: control.Process{PID: 666, Name: "\x1b[2J\x1b[Hx\n", Exe: "/tmp/\u202e日本語/very/long/path/that/does/not/fit/anywhere"}, PerSecond: 12},
		},
		Containers: []control.ContainerRate{{PerSecond: 8345}, {Container: *web, PerSecond: 4000}, {Container: control.Container{ID: "0123456789ab"}, PerSecond: 3}},
		Rules: []control.RuleRate{
			{Name: "Read sensitive file untrusted", Priority: "Warning", Tested: 9000, Matched: 0.2, Matches: 10, NS: 120, CPU: 0.108},
			{Name: "Drop and execute new binary in container", Priority: "Critical", Tested: 2.5, Matches: 2, NS: 4000, CPU: 0.001},
			{Name: "Terminal shell in container", Priority: "Notice", Tested: 2.5},
		},
	}
	return t
}

// still is a view whose clock stands.
func still(paint Paint, width, height int) *View {
	v := NewView(paint)
	v.now = func() time.Time { return moment }
	v.Update(tea.WindowSizeMsg{Width: width, Height: height})
	return v
}

// keys presses keys, and returns the last command.
func keys(v *View, names ...string) (cmd tea.Cmd) {
	for _, name := range names {
		cmd = v.press(name)
	}
	return cmd
}

// screen is what the view shows.
func screen(t *testing.T, v *View) string {
	t.Helper()
	text := v.View().Content
	lines := strings.Split(text, "\n")
	if len(lines) > v.height {
		t.Errorf("%d lines on a screen of %d", len(lines), v.height)
	}
	for _, l := range lines {
		if Width(l) > v.width {
			t.Errorf("%q is wider than %d", l, v.width)
		}
	}
	return text + "\n"
}

func TestScreens(t *testing.T) {
	time.Local = time.UTC
	for _, size := range []struct{ width, height int }{{80, 24}, {40, 10}, {120, 30}} {
		for pane := range panes {
			v := still(false, size.width, size.height)
			v.Update(Sample{sample()})
			keys(v, fmt.Sprint(pane+1))
			text := screen(t, v)
			if strings.Contains(text, "\x1b") {
				t.Errorf("escapes without colour: %q", text)
			}
			golden(t, fmt.Sprintf("top-%dx%d-%d.txt", size.width, size.height, pane+1), text)
		}
	}
	// The smallest screens, and the largest, do not panic and keep to their size.
	for width := 1; width < 200; width += 7 {
		for height := 1; height < 12; height++ {
			for pane := range panes {
				v := still(width%2 == 0, width, height)
				screen(t, v)
				v.Update(Sample{sample()})
				keys(v, fmt.Sprint(pane+1))
				screen(t, v)
			}
		}
	}
}

func TestColouredScreen(t *testing.T) {
	v := still(true, 80, 24)
	v.Update(Sample{sample()})
	keys(v, "4")
	text := screen(t, v)
	if !strings.Contains(text, "\x1b[33mWARNING") || !strings.Contains(text, "\x1b[7m[4 Rules]") {
		t.Errorf("%q", text)
	}
	v.Update(Sample{&control.Top{Losses: []control.LossRate{{Loss: control.Loss{Reason: "bulk ring full", Count: 5}, PerSecond: 2}, {Loss: control.Loss{Reason: "other"}}}}})
	if text := screen(t, v); !strings.Contains(text, "\x1b[1;31mlost 2.0/s, 5 in all: bulk ring full\x1b[m") {
		t.Errorf("%q", text)
	}
}

// order is the column of names as shown.
func order(t *testing.T, v *View) (names []string) {
	for _, line := range strings.Split(screen(t, v), "\n")[5:] {
		if f := strings.Fields(line); len(f) > 1 && f[0] != "q" {
			names = append(names, f[0])
		}
	}
	return names
}

func TestKeys(t *testing.T) {
	v := still(false, 80, 24)
	v.Update(Sample{sample()})
	check := func(want string) {
		t.Helper()
		if got := strings.Join(order(t, v), " "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	check("openat close execve")
	keys(v, "r")
	check("execve close openat")
	keys(v, "r", "s", "s") // by the cost of rules
	check("execve openat close")
	keys(v, "S", "S", "S") // by name
	check("close execve openat")
	keys(v, "tab")
	check("4242 31 666")
	keys(v, "shift+tab", "shift+tab")
	if v.pane != 3 {
		t.Errorf("pane %d", v.pane)
	}
	keys(v, "right", "left", "3")
	check("host 3ad7b26ded6d 0123456789ab")
	for _, key := range []string{"q", "ctrl+c", "esc"} {
		if cmd := keys(v, key); cmd == nil || fmt.Sprintf("%T", cmd()) != "tea.QuitMsg" {
			t.Errorf("%s does not end it", key)
		}
	}
	if _, cmd := v.Update(tick(moment)); cmd == nil {
		t.Error("no further tick")
	}
	if _, cmd := v.Update(tea.KeyPressMsg{Code: 'q', Text: "q"}); cmd == nil {
		t.Error("the key q does not come through")
	}
}

func TestPause(t *testing.T) {
	v := still(false, 80, 24)
	v.Update(Sample{sample()})
	keys(v, "p")
	later := sample()
	later.EventsPS = 777
	v.Update(Sample{later})
	if text := screen(t, v); !strings.Contains(text, "PAUSED") || !strings.Contains(text, "12345 events/s") {
		t.Error(text)
	}
	keys(v, "space")
	if text := screen(t, v); strings.Contains(text, "PAUSED") || !strings.Contains(text, "777 events/s") {
		t.Error(text)
	}
}

func TestScroll(t *testing.T) {
	v := still(false, 80, 12)
	top := sample()
	for i := range 50 {
		top.Syscalls = append(top.Syscalls, control.SyscallRate{Name: fmt.Sprintf("call%02d", i)})
	}
	v.Update(Sample{top})
	first := func() string { return order(t, v)[0] }
	for _, step := range []struct{ key, first, of string }{
		{"down", "close", "2-7 of 53"}, {"up", "openat", "1-6"}, {"up", "openat", "1-6"}, {"pgdown", "call03", "7-12"}, {"end", "call44", "48-53"},
		{"down", "call44", "48-53"}, {"pgup", "call38", "42-47"}, {"home", "openat", "1-6"}, {"end", "call44", "48-53 of 53"},
	} {
		keys(v, step.key)
		if got := first(); got != step.first || !strings.Contains(screen(t, v), step.of) {
			t.Errorf("after %s: %s\n%s", step.key, got, screen(t, v))
		}
	}
	v.Update(Sample{sample()})
	if got := first(); got != "openat" {
		t.Errorf("rows went away, shown is %s", got)
	}
}

func TestSilenceIsTold(t *testing.T) {
	v := still(false, 80, 24)
	if text := screen(t, v); !strings.Contains(text, "waiting for the first sample") {
		t.Error(text)
	}
	v.Update(Silence{errors.New("no gyr answers\x1b[2J")})
	if text := screen(t, v); !strings.Contains(text, `no gyr answers\x1b[2J`) {
		t.Error(text)
	}
	v.Update(Sample{sample()})
	if text := screen(t, v); strings.Contains(text, "no gyr answers") {
		t.Error(text)
	}
	v.now = func() time.Time { return moment.Add(7 * time.Second) }
	if text := screen(t, v); !strings.Contains(text, "nothing heard for 7s") {
		t.Error(text)
	}
	v.Update(Silence{errors.New("gyr has stopped")})
	if text := screen(t, v); !strings.HasPrefix(text, "gyr has stopped") {
		t.Error(text)
	}
}

func TestPage(t *testing.T) {
	time.Local = time.UTC
	text := Page(sample(), 100, 2, false)
	if strings.Contains(text, "\x1b") {
		t.Errorf("%q", text)
	}
	golden(t, "page.txt", text)
}

// The program itself, with a terminal that is a pipe: keys come through, the screen comes back.
func TestProgram(t *testing.T) {
	in, press := io.Pipe()
	var out bytes.Buffer
	v := NewView(false)
	p := Program(t.Context(), v, in, &out, tea.WithWindowSize(80, 24), tea.WithEnvironment([]string{"TERM=xterm-256color", "NO_COLOR=1"}))
	ended := make(chan error, 1)
	go func() {
		_, err := p.Run()
		ended <- err
	}()
	p.Send(Sample{sample()})
	if _, err := press.Write([]byte("4q")); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("q does not end it")
	}
	if v.pane != 3 {
		t.Errorf("the key 4 did nothing: pane %d", v.pane)
	}
	text := out.String()
	if !strings.Contains(text, "\x1b[?1049h") || !strings.Contains(text, "\x1b[?1049l") || !strings.Contains(text, "Read sensitive") {
		t.Errorf("%q", text)
	}
	if strings.Contains(text, "\x1b[3") || strings.Contains(text, "\x1b[1;31m") || strings.Contains(text, "\x1b[7m") {
		t.Errorf("there is colour in %q", text)
	}
}
