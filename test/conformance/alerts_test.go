// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// countEvents counts the first events that reach rules.
func countEvents(t *testing.T, file string, typ *field.Field, limit int) map[string]int {
	const everything = `
- rule: everything
  desc: Every event.
  condition: evt.num >= 0
  warn_evttypes: false
  output: seen
  priority: DEBUG
`
	got := map[string]int{}
	var now *field.Context
	count := func(*alert.Alert) {
		if limit--; limit < 0 {
			return
		}
		v, _ := typ.Value(now, &field.Arg{})
		got[string(v.AppendText(nil))]++
	}
	e := compile(t, []rule.Source{{Name: "everything", Content: []byte(everything)}}, rule.Options{}, engine.Options{Sink: count})
	replay(t, file, e, func(c *field.Context) { now = c })
	return got
}

// alertRun is a capture under a set of rules.
type alertRun struct {
	ID    string `json:"id"`
	Input struct {
		Rules   []string `json:"rules"`
		Capture string   `json:"capture"`
		Args    []string `json:"args"`
	} `json:"input"`
	Expected struct {
		AlertsFile string `json:"alerts_file"`
	} `json:"expected"`
	recorded bool
}

// wantAlert is an alert of the reference.
type wantAlert struct {
	Rule     string                     `json:"rule"`
	Priority string                     `json:"priority"`
	Time     time.Time                  `json:"time"`
	Source   string                     `json:"source"`
	Tags     []string                   `json:"tags"`
	Fields   map[string]json.RawMessage `json:"output_fields"`
	Output   string                     `json:"output"`
}

// alertRuns lists all runs of the corpora.
func alertRuns(t *testing.T) []alertRun {
	dir := corpora(t)
	f, err := os.Open(filepath.Join(dir, "alerts", "index.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var runs []alertRun
	for in := bufio.NewScanner(f); in.Scan(); {
		var r alertRun
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		for i, p := range r.Input.Rules {
			r.Input.Rules[i] = filepath.Join(dir, strings.Replace(p, "tools/", "rules/", 1))
		}
		r.Input.Capture = filepath.Join(dir, r.Input.Capture)
		r.Expected.AlertsFile = filepath.Join(dir, "alerts", filepath.Base(r.Expected.AlertsFile))
		runs = append(runs, r)
	}
	upstream := func(names ...string) (paths []string) {
		for _, n := range names {
			paths = append(paths, filepath.Join(dir, "rules/upstream-current", n+"_rules.yaml"))
		}
		return paths
	}
	for _, c := range captures(t) {
		if filepath.Base(filepath.Dir(c.file)) != "recorded" {
			continue
		}
		at := strings.TrimSuffix(c.file, ".scap")
		stable := alertRun{ID: "recorded/stable/" + c.name, recorded: true}
		stable.Input.Rules, stable.Input.Capture, stable.Expected.AlertsFile = upstream("falco"), c.file, at+".stable.jsonl.gz"
		all := alertRun{ID: "recorded/all/" + c.name, recorded: true}
		all.Input.Rules, all.Input.Capture, all.Expected.AlertsFile = upstream("falco", "falco-incubating", "falco-sandbox"), c.file, at+".all.jsonl.gz"
		all.Input.Args = []string{"-o", "rules[].enable.rule=*", "-o", "rule_matching=all"}
		runs = append(runs, stable, all)
	}
	return runs
}

// TestAlerts compares the alerts of all captures under all sets of rules, one by one and in order.
func TestAlerts(t *testing.T) {
	result := newAgreement()
	for _, run := range alertRuns(t) {
		var want []wantAlert
		lines(t, run.Expected.AlertsFile, func(b []byte) {
			var a wantAlert
			if err := json.Unmarshal(b, &a); err != nil {
				t.Fatal(err)
			}
			want = append(want, a)
		})
		var got []*alert.Alert
		var r rule.Options
		if run.recorded { // with the configuration that Falco comes with
			r.Append = []rule.Addition{{Suggested: true}}
		}
		e := newEngine(t, run.Input.Rules, slices.Contains(run.Input.Args, "rules[].enable.rule=*"), r, engine.Options{
			MatchAll: slices.Contains(run.Input.Args, "rule_matching=all"), ISO8601: !run.recorded,
			Sink: func(a *alert.Alert) { got = append(got, a) },
		})
		replay(t, run.Input.Capture, e, nil)
		compareAlerts(result, run.ID, got, want)
	}
	result.report(t, "alerts")
}

// compareAlerts pairs alerts by time and rule, and compares the pairs.
func compareAlerts(result *agreement, id string, got []*alert.Alert, want []wantAlert) {
	type key struct {
		time uint64
		rule string
	}
	left := map[key][]*alert.Alert{}
	var orderGot, orderWant []string
	for _, a := range got {
		k := key{a.Time, a.Rule}
		left[k] = append(left[k], a)
		orderGot = append(orderGot, a.Rule)
	}
	for i := range want {
		w := &want[i]
		orderWant = append(orderWant, w.Rule)
		k := key{uint64(w.Time.UnixNano()), w.Rule}
		if len(left[k]) == 0 {
			result.add("alert", false, "%s: missing at %s: %s", id, w.Time, w.Output)
			continue
		}
		a := left[k][0]
		left[k] = left[k][1:]
		result.add("alert", true, "")
		compareAlert(result, id, a, w)
	}
	for _, list := range left {
		for _, a := range list {
			result.add("alert", false, "%s: nobody else has at %s: %s: %s", id, time.Unix(0, int64(a.Time)).UTC(), a.Rule, a.Output)
		}
	}
	result.add("order of alerts", slices.Equal(orderGot, orderWant), "%s", id)
}

// compareAlert compares everything in an alert.
func compareAlert(result *agreement, id string, a *alert.Alert, w *wantAlert) {
	result.add("priority", strings.EqualFold(a.Priority.String(), w.Priority), "%s: %s: got %s, want %s", id, a.Rule, a.Priority, w.Priority)
	result.add("tags", slices.Equal(a.Tags, w.Tags), "%s: %s: got %v, want %v", id, a.Rule, a.Tags, w.Tags)
	keys := map[string]bool{}
	for _, f := range a.Fields {
		keys[f.Key] = true
		if !compared(f.Key) {
			continue
		}
		want, ok := w.Fields[f.Key]
		base, _, _ := strings.Cut(f.Key, "[")
		result.add("field "+base, ok && sameJSON(f.JSON, want), "%s: %s at %s: %s: got %s, want %s", id, a.Rule, w.Time, f.Key, cut(f.JSON), cut(want))
	}
	for k := range w.Fields {
		if !keys[k] {
			result.add("field "+k, false, "%s: %s: %s is missing", id, a.Rule, k)
		}
	}
}
