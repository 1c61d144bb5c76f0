// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// wideRules ask of every event what changes quickly: descriptors, their tables, memory figures, users.
const wideRules = `
- rule: tables
  desc: Reads tables.
  condition: evt.num >= 0 and (proc.fdopencount >= 0 or fd.types in (file))
  warn_evttypes: false
  output: "%evt.num %evt.time %evt.deltatime %evt.reltime %evt.args %proc.fdopencount %proc.stdin.name %fd.types %thread.vmsize %proc.vmrss %fs.path.name %fs.path.source %user.name %group.name %container.id %proc.aname %proc.fdlimit"
  priority: DEBUG
- rule: own
  desc: Reads what an event and its process say.
  condition: evt.num >= 0 and not proc.name in (nobody)
  warn_evttypes: false
  output: "%evt.num %evt.type %evt.time %evt.deltatime %fd.name %fd.type %fd.num %fd.name_changed %fd.ino %fd.cip %fd.sport %proc.name %proc.cmdline %proc.exepath %proc.cwd %proc.aname %proc.nthreads %proc.nchilds %proc.sid %proc.sname %thread.tid %thread.exectime %user.uid %user.name %container.name %evt.count.error %fs.path.target %fd.nameraw"
  priority: DEBUG
`

// parallelSets are the sets of rules under which one worker is compared with two.
func parallelSets(t *testing.T) map[string][]string {
	return map[string][]string{
		"all":  {filepath.Join(corpora(t), "rules", "upstream-current")},
		"wide": {write(t, "wide.yaml", wideRules)},
	}
}

// alertsOf returns the alerts of a capture as lines of JSON.
func alertsOf(t *testing.T, rules []string, file string, workers int) ([]byte, *app.Bench) {
	t.Helper()
	out, b, err := replayAlerts(t, rules, file, workers)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return out, b
}

// tryAlerts returns the alerts before an error, and that.
func tryAlerts(t *testing.T, rules []string, file string, workers int) ([]byte, error) {
	t.Helper()
	out, _, err := replayAlerts(t, rules, file, workers)
	return out, err
}

// replayAlerts replays a capture and returns what came of it.
func replayAlerts(t *testing.T, rules []string, file string, workers int) ([]byte, *app.Bench, error) {
	cfg := config.Default()
	cfg.RuleMatching, cfg.Priority = config.MatchAll, alert.Debug
	cfg.Rules = []config.Selection{{Enable: &config.RuleMatch{Rule: "*"}}}
	var out bytes.Buffer
	o := app.Trial{Config: cfg, Rules: rules, Path: file, Workers: workers, Log: slog.New(slog.DiscardHandler), Sink: func(a *alert.Alert) {
		fmt.Fprintf(&out, "%d %s %s", a.Time, a.Rule, a.Output)
		for _, f := range a.Fields {
			fmt.Fprintf(&out, " %s=%s", f.Key, f.JSON)
		}
		out.WriteByte('\n')
	}}
	b, err := o.Do(t.Context())
	return out.Bytes(), b, err
}

// plain unpacks captures into one file, one behind the other: only such files are read by several workers.
func plain(t *testing.T, files ...string) string {
	t.Helper()
	var all []byte
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if z, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
			if b, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, b...)
	}
	file := filepath.Join(t.TempDir(), "plain.scap")
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// sameAlerts compares the alerts of one worker with those of several, byte by byte, and returns their number.
func sameAlerts(t *testing.T, name string, rules []string, file string) uint64 {
	t.Helper()
	want, one := alertsOf(t, rules, file, 1)
	for _, workers := range []int{2, 3} {
		got, b := alertsOf(t, rules, file, workers)
		if b.Workers != workers || one.Events != b.Events {
			t.Errorf("%s: %d events with one worker, %d with %d (of %d)", name, one.Events, b.Events, b.Workers, workers)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d workers give other alerts: %s", name, workers, firstDifference(got, want))
		}
	}
	return one.Alerts
}

// TestWorkers compares the alerts of one worker with those of several, capture by capture.
func TestWorkers(t *testing.T) {
	for name, rules := range parallelSets(t) {
		alerts := uint64(0)
		for _, c := range captures(t) {
			if raced && c.name != "07-syscall-zoo" && c.name != "libs__sample" {
				continue // the others take minutes
			}
			alerts += sameAlerts(t, c.name+", "+name, rules, plain(t, c.file))
		}
		if alerts == 0 {
			t.Errorf("%s: no alerts to compare", name)
		}
	}
}

// TestWorkersBehind does it for captures one behind the other, and for one that breaks off with a damaged event.
func TestWorkersBehind(t *testing.T) {
	rules := parallelSets(t)["all"]
	var files []string
	for _, c := range captures(t) {
		if strings.HasPrefix(c.name, "0") {
			files = append(files, c.file)
		}
	}
	file := plain(t, append(files, files...)...)
	if n := sameAlerts(t, "one behind the other", rules, file); n == 0 {
		t.Error("no alerts to compare")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damage(b[len(b)/2:])
	broken := filepath.Join(t.TempDir(), "broken.scap")
	if err := os.WriteFile(broken, b, 0o600); err != nil {
		t.Fatal(err)
	}
	want, one := tryAlerts(t, rules, broken, 1)
	if one == nil || len(want) == 0 {
		t.Fatalf("the damaged capture gives %d bytes of alerts and the error %v", len(want), one)
	}
	for _, workers := range []int{2, 3} {
		if got, err := tryAlerts(t, rules, broken, workers); err == nil || err.Error() != one.Error() || !bytes.Equal(got, want) {
			t.Errorf("%d workers: %v, want %v; %s", workers, err, one, firstDifference(got, want))
		}
	}
}

// damage finds the next openat event in b and makes its first parameter longer than the event.
func damage(b []byte) {
	head := []byte{0x33, 0x01} // type 307 stands at 20 in the event, 30 in its block
	for at := 30; at+12 < len(b); at++ {
		size := binary.LittleEndian.Uint32(b[at-26:])
		if bytes.HasPrefix(b[at:], head) && binary.LittleEndian.Uint32(b[at-30:]) == 0x216 && size > 60 && size < 4096 {
			b[at+6], b[at+7] = 0xff, 0xff
			return
		}
	}
}

// firstDifference shows the first lines that differ.
func firstDifference(got, want []byte) string {
	a, b := bytes.Split(got, []byte{'\n'}), bytes.Split(want, []byte{'\n'})
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			return fmt.Sprintf("line %d\n got %s\nwant %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(a), len(b))
}
