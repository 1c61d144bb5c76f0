// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
)

// captureRules have one rule that wants a capture and one that does not.
const captureRules = `
- rule: shadow
  desc: d
  condition: evt.type = openat and evt.arg.name = /etc/shadow
  output: opened %evt.arg.name
  priority: CRITICAL
  capture: true
  capture_duration: 2000
- rule: passwd
  desc: d
  condition: evt.type = openat and evt.arg.name = /etc/passwd
  output: opened %evt.arg.name
  priority: INFO
`

// second makes the event of an open in the n-th second.
func second(n int, name string) []byte {
	return event.AppendRecord(nil, uint64(n)*1e9, 100, event.OpenAt, i64(3), i64(-100), append([]byte(name), 0), u32(1), u32(0), u32(0x801), i64(77))
}

// opens makes an event a second.
func opens(names ...string) (records [][]byte) {
	for i, n := range names {
		records = append(records, second(i+1, n))
	}
	return records
}

// openedIn reads the names of the files that the opens of a capture are about.
func openedIn(t *testing.T, file string) (names []string) {
	t.Helper()
	s := scap.New(scap.Options{Path: file})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var ev event.Event
	for {
		switch err := s.Next(&ev); {
		case err == nil:
			if name, ok := ev.Text(2); ok && ev.Type() == event.OpenAt {
				names = append(names, name)
			}
		case errors.Is(err, io.EOF):
			return names
		case !errors.Is(err, source.ErrIdle):
			t.Fatal(err)
		}
	}
}

// captured replays events with captures enabled and returns what the files hold.
func captured(t *testing.T, records [][]byte, change func(*config.Config)) (files [][]string, out, log string) {
	t.Helper()
	dir := t.TempDir()
	rules := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(rules, []byte(captureRules), 0o600); err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(dir, "in.scap")
	if err := os.WriteFile(in, capture(records...), 0o600); err != nil {
		t.Fatal(err)
	}
	out, log, err := run(t, nil, func(c *config.Config, o *Options) {
		o.NewSource, o.RulesPaths = nil, []string{rules}
		c.Engine.Kind, c.Engine.Replay.CaptureFile = config.EngineReplay, in
		c.Capture.Enabled, c.Capture.PathPrefix, c.Gyr.Capture.BeforeMB = true, filepath.Join(dir, "c"), 0
		if change != nil {
			change(c)
		}
	})
	if err != nil {
		t.Fatal(err, log)
	}
	list, _ := filepath.Glob(filepath.Join(dir, "c_*.scap"))
	slices.Sort(list)
	for _, f := range list {
		files = append(files, openedIn(t, f))
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v)", f, info.Mode(), err)
		}
	}
	if rest, _ := filepath.Glob(filepath.Join(dir, ".c*")); len(rest) > 0 {
		t.Errorf("left behind: %v", rest)
	}
	return files, out, log
}

func TestCaptures(t *testing.T) {
	for name, c := range map[string]struct {
		events []string
		change func(*config.Config)
		want   string
	}{
		"until the deadline": {[]string{"/1", "/etc/shadow", "/3", "/4", "/5"}, nil, "[[/etc/shadow /3 /4]]"},
		"to the end":         {[]string{"/1", "/etc/shadow", "/3"}, nil, "[[/etc/shadow /3]]"},
		"the same rule prolongs": {
			[]string{"/etc/shadow", "/2", "/etc/shadow", "/4", "/5", "/6"}, nil, "[[/etc/shadow /2 /etc/shadow /4 /5]]",
		},
		"another rule prolongs": {
			[]string{"/etc/shadow", "/etc/passwd", "/3", "/4", "/5", "/6", "/7", "/8"}, nil,
			"[[/etc/shadow /etc/passwd /3 /4 /5 /6 /7]]",
		},
		"one after the other": {
			[]string{"/etc/shadow", "/2", "/3", "/4", "/etc/shadow", "/6"}, nil, "[[/etc/shadow /2 /3] [/etc/shadow /6]]",
		},
		"a rule that wants none": {[]string{"/etc/passwd", "/2"}, nil, "[]"},
		"all rules": {
			[]string{"/1", "/etc/passwd", "/3", "/4"},
			func(c *config.Config) { c.Capture.Mode, c.Capture.DefaultDuration = config.CaptureAllRules, 1000 }, "[[/etc/passwd /3]]",
		},
		"what was before": {
			[]string{"/1", "/2", "/etc/shadow", "/4", "/5", "/6", "/7", "/etc/shadow"},
			func(c *config.Config) { c.Gyr.Capture.BeforeMB = 1 }, "[[/1 /2 /etc/shadow /4 /5] [/6 /7 /etc/shadow]]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			files, _, log := captured(t, opens(c.events...), c.change)
			if got := fmt.Sprint(files); got != c.want {
				t.Errorf("got %s, want %s\n%s", got, c.want, log)
			}
		})
	}
}

// TestCaptureName holds the name to time and number of the event, 20 digits each.
func TestCaptureName(t *testing.T) {
	_, _, log := captured(t, opens("/1", "/etc/shadow"), nil)
	if want := "c_00000000002000000000_00000000000000000002.scap"; !strings.Contains(log, want) {
		t.Errorf("%s is not in\n%s", want, log)
	}
}

// TestCaptureLimit ends a file by its size and tells of it.
func TestCaptureLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 60_000)
	records := opens("/etc/shadow")
	for range 100 {
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		records = append(records, event.AppendRecord(nil, 1e9+1, 100, event.Write, i64(60_000), noise, i64(1), u32(60_000)))
	}
	files, out, log := captured(t, append(records, second(2, "/2"), second(2, "/3")), func(c *config.Config) { c.Capture.MaxFileSizeMB = 1 })
	if len(files) != 1 || len(files[0]) != 1 {
		t.Errorf("files %v\n%s", files, log)
	}
	if !strings.Contains(out, "Informational Falco internal: capture size limit reached. Configured limit: 1 MB.") {
		t.Errorf("the alert is missing in\n%s", out)
	}
}

// TestCaptureFails holds that a file that cannot be written ends no run, and that it is said.
func TestCaptureFails(t *testing.T) {
	files, out, log := captured(t, opens("/etc/shadow", "/2", "/3", "/4"), func(c *config.Config) { c.Capture.PathPrefix = "/nonexistent/c" })
	if len(files) != 0 || !strings.Contains(out, "opened /etc/shadow") || !strings.Contains(log, "a capture could not be written") {
		t.Errorf("files %v\n%s\n%s", files, out, log)
	}
}

// TestRecordRotates holds names and number of the files, each of which is whole.
func TestRecordRotates(t *testing.T) {
	var names []string
	for i := range 30_000 {
		names = append(names, fmt.Sprintf("/some/file/%06d", i))
	}
	in := filepath.Join(t.TempDir(), "in.scap")
	if err := os.WriteFile(in, capture(opens(names...)...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{0, 3} {
		dir := t.TempDir()
		done, err := Record(context.Background(), RecordOptions{
			Config: config.Default(), Input: in, File: filepath.Join(dir, "r"), FileBytes: 500_000, Files: limit, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(dir, "r*"))
		total := 0
		for _, f := range files {
			total += len(openedIn(t, f))
		}
		switch {
		case limit == 0 && (total != len(names) || len(files) != done.Files || done.Files < 4):
			t.Errorf("%d events in %v, %+v", total, files, done)
		case limit > 0 && (len(files) != limit || filepath.Base(files[0]) != "r0" || total >= len(names)):
			t.Errorf("%d events in %v, %+v", total, files, done)
		}
	}
}
