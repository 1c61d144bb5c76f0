// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// allRules are the options with which everything is reported.
var allRules = []string{"-o", "rule_matching=all", "-o", "rules[].enable.rule=*"}

// TestRecordingReplays does what every rule is about while gyr watches and writes a capture, and
// replays that: the same alerts must come, with the same times, texts and fields.
func TestRecordingReplays(t *testing.T) {
	needLive(t)
	needBuild(t)
	prefix := filepath.Join(t.TempDir(), "live")
	w, err := start(append(slices.Clone(allRules), "-o", "capture.enabled=true", "-o", "capture.mode=all_rules",
		"-o", "capture.path_prefix="+prefix, "-o", "capture.default_duration=600000", "-o", "gyr.capture.before_mb=64")...)
	if err != nil {
		t.Fatal(err)
	}
	defer w.stop()
	t.Run("actions", func(t *testing.T) {
		for i, r := range table {
			t.Run(r.Rule, func(t *testing.T) {
				t.Parallel()
				r.Do(newScene(t, fmt.Sprintf("rec%03d", i)))
			})
		}
	})
	barrier(t, w, "recwall")
	log, err := w.stop()
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	if !strings.Contains(log, "Lost: nothing") {
		t.Skipf("the machine lost events, which no recording has either:\n%s", log)
	}
	files, _ := filepath.Glob(prefix + "_*.scap")
	if len(files) != 1 {
		t.Fatalf("%d captures, want 1\n%s", len(files), log)
	}
	info, err := os.Stat(files[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the capture's mode is %v (%v)", info.Mode(), err)
	}
	compareAlerts(t, replayAlerts(t, files[0]), w.find(func(a *alert) bool { return !strings.HasPrefix(a.Rule, "Falco internal") }))
}

// replayAlerts are the alerts of a capture.
func replayAlerts(t *testing.T, file string) []alert {
	t.Helper()
	cmd := exec.Command(build.gyr, append([]string{"-e", file, "-o", "json_output=true"}, allRules...)...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	var list []alert
	for line := range bytes.Lines(out) {
		a := alert{line: string(line)}
		if json.Unmarshal(line, &a) == nil && a.Rule != "" {
			list = append(list, a)
		}
	}
	return list
}

// compareAlerts compares rule, time, text and fields. Numbers of events count from the start of the
// recording and not of gyr.
func compareAlerts(t *testing.T, got, want []alert) {
	t.Helper()
	key := func(a *alert) string {
		delete(a.Fields, "evt.num")
		fields := ""
		for _, k := range slices.Sorted(maps.Keys(a.Fields)) {
			fields += fmt.Sprintf("\n\t%s=%v", k, a.Fields[k])
		}
		return a.Time.Format(time.RFC3339Nano) + " " + a.Rule + " " + a.Output + fields
	}
	counts := map[string]int{}
	for i := range want {
		counts[key(&want[i])]++
	}
	for i := range got {
		counts[key(&got[i])]--
	}
	shown, differ := 0, 0
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		n := counts[k]
		if n == 0 {
			continue
		}
		differ++
		if shown++; shown <= 10 {
			t.Errorf("%+d live, replayed: %s", n, k)
		}
	}
	t.Logf("%d alerts live, %d in the replay, %d differ", len(want), len(got), differ)
	if len(want) < 30 {
		t.Errorf("only %d alerts: the test says little", len(want))
	}
}

// TestSysdigReadsLive records a program at work and compares what sysdig and we see in the file.
func TestSysdigReadsLive(t *testing.T) {
	needLive(t)
	needBuild(t)
	if _, err := exec.LookPath("sysdig"); err != nil {
		if os.Getenv(requireVar) == "1" {
			t.Fatal("sysdig is not installed")
		}
		t.Skip("sysdig is not installed")
	}
	dir := t.TempDir()
	program, file := filepath.Join(dir, "recordedcat"), filepath.Join(dir, "live.scap")
	data, err := os.ReadFile("/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	recorder := exec.Command(build.gyr, "record", "-w", file)
	said, err := recorder.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := recorder.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "recording") {
	}
	if out, err := exec.Command(program, "/etc/passwd", "/etc/group", "/nonexistent").Output(); len(out) == 0 {
		t.Errorf("the program printed nothing (%v)", err)
	}
	recorder.Process.Signal(os.Interrupt)
	log := ""
	for lines.Scan() {
		log += lines.Text() + "\n"
	}
	if err := recorder.Wait(); err != nil || !strings.Contains(log, "Lost: nothing") {
		t.Fatalf("%v\n%s", err, log)
	}
	// The program's own output is left out: sysdig does not know dup3, which put a pipe there, and takes it for
	// what the test has there, which is a file if somebody keeps what it says.
	const events = "evt.type in (execve, openat, read, write, close) and evt.rawres >= 0 and proc.name = recordedcat and not fd.num in (1, 2)"
	const format = "%evt.type %proc.name %thread.tid %fd.num %fd.name %evt.arg.res"
	theirs, err := exec.Command("sysdig", "-r", file, "-p", "*"+format, events+" and evt.dir = <").Output()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := exec.Command(build.gyr, "replay", file, "-p", format, events).Output()
	if err != nil {
		t.Fatal(err)
	}
	blank := strings.NewReplacer("<NA>", "")
	if a, b := blank.Replace(string(theirs)), blank.Replace(string(ours)); a != b {
		t.Errorf("sysdig says\n%s\nwe\n%s", theirs, ours)
	}
	if n := bytes.Count(ours, []byte{'\n'}); n < 10 || !bytes.Contains(ours, []byte("/etc/passwd")) {
		t.Errorf("%d events:\n%s", n, ours)
	}
}
