// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/control"
)

const topRules = `
- rule: marked file
  desc: d
  condition: evt.type in (open, openat) and fd.name contains topmark
  output: opened %fd.name by %proc.name
  priority: WARNING
`

// TestTopAndTail follows a running gyr with the commands that people use: the alert of a process comes
// with its lineage, the busiest process leads the table, and the end of gyr ends the following.
func TestTopAndTail(t *testing.T) {
	needLive(t)
	needBuild(t)
	if summary, err := stopShared(); err != nil {
		t.Errorf("%v\n%s", err, summary)
	}
	s := newScene(t, "top")
	socket, rules, marked := s.path("gyr.sock"), s.path("rules.yaml"), s.file("topmark")
	if err := os.WriteFile(rules, []byte(topRules), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := start("-r", rules, "-o", "gyr.control.socket="+socket)
	if err != nil {
		t.Fatal(err)
	}
	running := true
	defer func() {
		if running {
			_, _ = w.stop()
		}
	}()
	tail := exec.Command(build.gyr, "tail", "--socket", socket, "-o", "json", "-n", "0")
	var said bytes.Buffer
	tail.Stderr = &said
	out, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	alerts := make(chan control.Alert, 1000)
	go func() {
		defer close(alerts)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var a control.Alert
			if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
				t.Error(err)
			}
			alerts <- a
		}
	}()
	// The client connects in its own time: the file is opened until its alert comes.
	var got control.Alert
	deadline := time.After(30 * time.Second)
	for got.Rule == "" {
		if text, err := exec.Command("sh", "-c", "cat "+marked+"; true").CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, text)
		}
		select {
		case got = <-alerts:
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			t.Fatalf("no alert comes\n%s\n%s", &said, w.log())
		}
	}
	if got.Rule != "marked file" || got.Extra == nil || len(got.Extra.Lineage) < 3 || got.Extra.Lineage[0].Name != "cat" || got.Extra.Lineage[1].Name != "sh" {
		t.Errorf("%+v %+v", got, got.Extra)
	}

	last, err := exec.Command(build.gyr, "tail", "--socket", socket, "-n", "1", "-o", "json", "--follow=false").Output()
	if err != nil || bytes.Count(last, []byte("\n")) != 1 || !json.Valid(last) || !bytes.Contains(last, []byte(`"rule":"marked file"`)) {
		t.Errorf("%v %s", err, last)
	}
	line, err := exec.Command(build.gyr, "tail", "--socket", socket, "-n", "1", "--follow=false").Output()
	if err != nil || !strings.Contains(string(line), "WARNING   marked file") || bytes.ContainsRune(line, 0x1b) {
		t.Errorf("%v %q", err, line)
	}

	flood := exec.Command(build.actor, "open-flood", "1000000000", s.file("target"))
	if err := flood.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = flood.Process.Kill()
		_ = flood.Wait()
	}()
	var top control.Top
	page, err := exec.Command(build.gyr, "top", "--socket", socket, "--json").Output()
	if err == nil {
		err = json.Unmarshal(page, &top)
	}
	if err != nil || len(top.Processes) == 0 || top.Processes[0].PID != int64(flood.Process.Pid) || top.Processes[0].PerSecond < 100 || top.CPU <= 0 {
		t.Errorf("%v %s", err, page)
	}
	page, err = exec.Command(build.gyr, "top", "--socket", socket, "--once").Output()
	if err != nil || !strings.Contains(string(page), " actor ") || !strings.Contains(string(page), "marked file") || bytes.ContainsRune(page, 0x1b) {
		t.Errorf("%v %s", err, page)
	}

	running = false
	if summary, err := w.stop(); err != nil {
		t.Errorf("%v\n%s", err, summary)
	}
	for range alerts {
	}
	if err := tail.Wait(); err != nil || !strings.Contains(said.String(), "gyr stops") {
		t.Errorf("%v %s", err, &said)
	}
}
