// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
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
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return out.Bytes(), b
}

// TestTwoWorkers compares the alerts of one worker with those of two, byte by byte.
func TestTwoWorkers(t *testing.T) {
	for name, rules := range parallelSets(t) {
		alerts := uint64(0)
		for _, c := range captures(t) {
			if raced && c.name != "07-syscall-zoo" && c.name != "libs__sample" {
				continue // the others take minutes
			}
			want, one := alertsOf(t, rules, c.file, 1)
			got, two := alertsOf(t, rules, c.file, 2)
			alerts += one.Alerts
			if one.Events != two.Events {
				t.Errorf("%s, %s: %d events with one worker, %d with two", c.name, name, one.Events, two.Events)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s, %s: two workers give other alerts: %s", c.name, name, firstDifference(got, want))
			}
		}
		if alerts == 0 {
			t.Errorf("%s: no alerts to compare", name)
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

// TestReach holds that fields which are said to read no tables do not: their values stay when the process'
// descriptors and memory figures are gone.
func TestReach(t *testing.T) {
	cat := field.Default()
	checked := 0
	for _, name := range []string{"04-attack-proc-net-ctr", "07-syscall-zoo", "03-attack-files"} {
		n := 0
		replay(t, filepath.Join(corpora(t), "recorded", name+".scap"), nil, func(c *field.Context) {
			if n++; n%211 != 0 || c.Thread == nil || field.DirByFD(c.Ev) {
				return
			}
			var own state.FD
			if c.FD != nil {
				own.CopyFrom(c.FD)
				c.FD = &own
			}
			p, th := c.Thread.Proc, c.Thread
			fds, vm, limit := p.FDs, th.VM, p.FDLimit
			for _, f := range cat.All() {
				arg := field.Arg{Index: -1}
				if f.Arg == field.ArgRequired || f.ReachFor(&arg, c.Ev.Type()) == field.ReachTables {
					continue
				}
				before := rendered(f, c, &arg)
				p.FDs, th.VM, p.FDLimit = state.FDTable{}, state.VM{}, -7
				after := rendered(f, c, &arg)
				p.FDs, th.VM, p.FDLimit = fds, vm, limit
				checked++
				if before != after && f.Name != "util.cnt" {
					t.Errorf("%s of %s: %s, without tables %s", f.Name, c.Ev.Info().Name, before, after)
				}
			}
		})
	}
	t.Logf("%d values", checked)
}

// rendered is a field's value as text.
func rendered(f *field.Field, c *field.Context, a *field.Arg) string {
	v, ok := f.Value(c, a)
	if !ok {
		return "no value"
	}
	return string(v.AppendJSON(nil))
}
