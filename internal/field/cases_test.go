// SPDX-License-Identifier: Apache-2.0

package field

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// caseFloor is how many values of the state tests agree. What is left is listed by go test -v; each
// difference has a reason (see caseReason), and a row in docs/differences.md.
const caseFloor = 305822

// noServices makes ports print as numbers, as on a machine without /etc/services.
func noServices(t testing.TB) {
	old := hostServices
	hostServices = func() services { return nil }
	t.Cleanup(func() { hostServices = old })
}

// replay runs a case and calls check at every step that is not an event, with the context of the
// event before it. The machine has no addresses and one user, as the reference run had.
func replay(t testing.TB, sc *statetest.Case, check func(step *statetest.Step, c *Context)) {
	t.Helper()
	st := sc.State()
	st.SetUsers([]state.User{{UID: 1000, GID: 1000, Name: "cloudsdk", Home: "/home/cloudsdk", Shell: "/bin/bash"}},
		[]state.Group{{GID: 1000, Name: "cloudsdk"}})
	c := NewContext(&Machine{Addrs: map[netip.Addr]struct{}{}})
	var ev event.Event
	started := false
	for i := range sc.Steps {
		step := &sc.Steps[i]
		if step.Op != "event" {
			if started && step.Num > 0 {
				ev.Num = step.Num
			}
			if started {
				check(step, c)
			}
			continue
		}
		if started {
			st.After(&ev)
		}
		rec, err := step.Record()
		if err != nil {
			t.Fatal(err)
		}
		if err := ev.Decode(rec); err != nil {
			t.Fatalf("%s: step %d: %v", sc.ID, i, err)
		}
		ev.CPU, started = 1, true
		th, fd, num := st.Apply(&ev)
		c.Reset(&ev, st, th, fd, num, syscalls)
	}
}

// caseText is a field's value as the state tests have it.
func caseText(cat *Catalogue, c *Context, name string) (text string, ok bool, err error) {
	base, arg, hasArg := name, "", false
	if i := strings.IndexByte(name, '['); i > 0 {
		base, arg, hasArg = name[:i], strings.TrimSuffix(name[i+1:], "]"), true
	}
	f, a, err := cat.Resolve(base, arg, hasArg)
	if err != nil {
		return "", false, err
	}
	v, ok := f.Value(c, &a)
	if !ok {
		return "", false, nil
	}
	return string(v.AppendText(nil)), true, nil
}

// perRun are fields whose values depend on how the reference was run, or on each of its checks.
var perRun = map[string]bool{
	"util.cnt": true, "evt.deltatime": true, "evt.deltatime.s": true, "evt.deltatime.ns": true, "proc.ppid.duration": true,
	"evt.pluginname": true, "evt.hostname": true, "evt.source": true, "evt.plugininfo": true,
}

// agreement counts how many values agree, by field.
type agreement struct {
	agreed, total map[string]int
	examples      map[string][]string
}

func newAgreement() *agreement {
	return &agreement{map[string]int{}, map[string]int{}, map[string][]string{}}
}

func (a *agreement) add(field string, ok bool, format string, args ...any) {
	a.total[field]++
	if ok {
		a.agreed[field]++
		return
	}
	if len(a.examples[field]) < 3 {
		a.examples[field] = append(a.examples[field], fmt.Sprintf(format, args...))
	}
}

// report logs the fields that do not always agree, worst first, and returns the sums.
func (a *agreement) report(t *testing.T) (agreed, total int) {
	var fields []string
	for f, n := range a.total {
		total += n
		agreed += a.agreed[f]
		if a.agreed[f] < n {
			fields = append(fields, f)
		}
	}
	sort.Slice(fields, func(i, j int) bool {
		x, y := a.total[fields[i]]-a.agreed[fields[i]], a.total[fields[j]]-a.agreed[fields[j]]
		return x > y || x == y && fields[i] < fields[j]
	})
	for _, f := range fields {
		t.Logf("%s: %d of %d values agree", f, a.agreed[f], a.total[f])
		for _, e := range a.examples[f] {
			t.Logf("    %s", e)
		}
	}
	t.Logf("%d of %d values agree", agreed, total)
	return agreed, total
}

// TestStateCases compares every field after every event of the state tests.
func TestStateCases(t *testing.T) {
	noServices(t)
	cases := statetest.Load(t)
	names := map[string]bool{}
	for _, sc := range cases {
		for i := range sc.Steps {
			for name := range sc.Steps[i].Fields {
				names[name] = true
			}
		}
	}
	cat := Default()
	result, why := newAgreement(), reasons{}
	for _, sc := range cases {
		replay(t, sc, func(step *statetest.Step, c *Context) {
			if step.Fields == nil {
				return
			}
			for name := range names {
				if !perRun[name] {
					compareValue(t, result, why, cat, c, sc.ID, step, name)
				}
			}
		})
	}
	if agreed, total := result.report(t); agreed < caseFloor {
		t.Errorf("%d of %d values agree, at least %d did", agreed, total, caseFloor)
	}
	why.report(t)
}

// compareValue counts one field at one step; a field without a value on either side does not count.
func compareValue(t *testing.T, result *agreement, why reasons, cat *Catalogue, c *Context, id string, step *statetest.Step, name string) {
	want, has := step.Fields[name]
	got, ok, err := caseText(cat, c, name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if !has && !ok {
		return
	}
	if name == "fd.types" {
		want, got = sortList(want), sortList(got)
	}
	base, _, _ := strings.Cut(name, "[")
	same := has == ok && want == got
	result.add(base, same, "%s %s #%d: got %q (%v), want %q (%v)", name, id, step.Num, cut(got), ok, cut(want), has)
	if same {
		return
	}
	reason := caseReason(id, base, want, c)
	if reason == "" {
		t.Errorf("%s %s #%d: got %q (%v), want %q (%v)", name, id, step.Num, cut(got), ok, cut(want), has)
	}
	why[reason]++
}

// evalFloor is how many checks of single fields agreed when this was last measured.
const evalFloor = 692

// TestFieldChecks makes the checks of single fields that stand in the state tests.
func TestFieldChecks(t *testing.T) {
	noServices(t)
	cat := Default()
	result := newAgreement()
	for _, sc := range statetest.Load(t) {
		replay(t, sc, func(step *statetest.Step, c *Context) {
			if step.Op != "field" && step.Op != "has_value" || strings.HasPrefix(step.Field, "static.") || strings.HasPrefix(step.Field, "sample.") || perRun[step.Field] {
				return
			}
			got, ok, err := caseText(cat, c, step.Field)
			if err != nil {
				t.Errorf("%s: %s: %v", sc.ID, step.Field, err)
				return
			}
			want := fmt.Sprint(step.Value)
			if step.Field == "fd.types" {
				want, got = sortList(want), sortList(got)
			}
			agree := ok && got == want
			if step.Op == "has_value" {
				agree = ok == (step.Value == true)
			}
			result.add(step.Field, agree, "%s #%d: got %q (%v), want %q", sc.ID, step.Num, got, ok, want)
		})
	}
	if agreed, total := result.report(t); agreed < evalFloor {
		t.Errorf("%d of %d checks agree, at least %d did", agreed, total, evalFloor)
	}
}

func cut(s string) string { return s[:min(len(s), 300)] }

// sortList sorts the elements of a printed list.
func sortList(s string) string {
	parts := strings.Split(strings.Trim(s, "()"), ",")
	slices.Sort(parts)
	return strings.Join(parts, ",")
}
