// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// fixture is an engine with the state and the context that it needs.
type fixture struct {
	engine *engine.Engine
	state  *state.State
	ctx    *field.Context
	alerts []*alert.Alert
	ev     event.Event
}

func newFixture(t testing.TB, rules string, ro rule.Options, o engine.Options) *fixture {
	t.Helper()
	set := rule.Load([]rule.Source{{Name: "rules.yaml", Content: []byte(rules)}}, ro)
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	f := &fixture{state: state.New(state.Options{HostRoot: t.TempDir()})}
	o.Sink = func(a *alert.Alert) { f.alerts = append(f.alerts, a) }
	cat := ro.Catalogue
	if cat == nil {
		cat = field.Default()
	}
	var err error
	if f.engine, err = engine.New(set, cat, o); err != nil {
		t.Fatal(err)
	}
	f.ctx = f.engine.NewContext(nil)
	return f
}

// process takes one record through state and engine.
func (f *fixture) process(t testing.TB, rec []byte) {
	if err := f.ev.Decode(rec); err != nil {
		t.Fatal(err)
	}
	th, fd, num := f.state.Apply(&f.ev)
	f.ctx.Reset(&f.ev, f.state, th, fd, num, "syscall")
	f.engine.Process(f.ctx)
	f.state.After(&f.ev)
}

func i64(n int64) []byte  { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }
func u32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

// openat is the record of an openat that returned fd.
func openat(ts uint64, fd int64, name string) []byte {
	return event.AppendRecord(nil, ts, 100, event.OpenAt, i64(fd), i64(-100), append([]byte(name), 0), u32(1), u32(0), u32(0x801), i64(77))
}

// closed is the record of a close.
func closed(ts uint64, fd int64) []byte {
	return event.AppendRecord(nil, ts, 100, event.Close, i64(0), i64(fd))
}

// rules makes rules out of lines "name | condition | more".
func rules(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		part := strings.Split(l, "|")
		fmt.Fprintf(&b, "- rule: %s\n  desc: d\n  condition: %s\n  output: \"%s on %%evt.arg.name\"\n  priority: WARNING\n  warn_evttypes: false\n",
			strings.TrimSpace(part[0]), strings.TrimSpace(part[1]), strings.TrimSpace(part[0]))
		for _, more := range part[2:] {
			b.WriteString("  " + strings.TrimSpace(more) + "\n")
		}
	}
	return b.String()
}

func names(alerts []*alert.Alert) string {
	var all []string
	for _, a := range alerts {
		all = append(all, a.Rule)
	}
	return strings.Join(all, ",")
}

func TestMatching(t *testing.T) {
	text := rules(
		"a | evt.type = openat and evt.arg.name contains x",
		"b | evt.type in (open, openat)",
		"c | evt.type = close",
		"off | evt.type = openat | enabled: false",
		"any | evt.num >= 0",
	)
	tests := []struct {
		name string
		all  bool
		rec  []byte
		want string
	}{
		{"first", false, openat(1, 3, "/x"), "a"},
		{"first that matches", false, openat(1, 3, "/y"), "b"},
		{"all", true, openat(1, 3, "/x"), "a,b,any"},
		{"another type", false, closed(1, 3), "c"},
		{"only those without types", false, event.AppendRecord(nil, 1, 100, event.Listen, i64(0), i64(3), u32(1)), "any"},
		{"enter events are for the state alone", true, event.AppendRecord(nil, 1, 100, event.OpenAtEnter, i64(-100), []byte("/x\x00"), u32(1), u32(0)), ""},
		{"the snapshot too", true, event.AppendRecord(nil, 1, 100, event.IterTask), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, text, rule.Options{}, engine.Options{MatchAll: tt.all, MinPriority: alert.Debug})
			f.process(t, tt.rec)
			if got := names(f.alerts); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPriorityAndCounts(t *testing.T) {
	f := newFixture(t, rules("low | evt.type = openat | priority: DEBUG")+"", rule.Options{}, engine.Options{MinPriority: alert.Debug})
	for range 3 {
		f.process(t, openat(1, 3, "/x"))
	}
	if c := f.engine.Counts(); len(c) != 1 || c[0].Matches != 3 || c[0].Rule.Name != "low" {
		t.Errorf("counts %+v", c)
	}
	f = newFixture(t, rules("low | evt.type = openat"), rule.Options{}, engine.Options{MinPriority: alert.Error})
	if f.engine.Rules() != 0 || !f.engine.Syscalls().Empty() {
		t.Error("a rule that is not serious enough is in use")
	}
}

func TestAlert(t *testing.T) {
	text := rules("opened | evt.type = openat | tags: [b, a]")
	ro := rule.Options{Append: []rule.Addition{{
		Output: "fd=%fd.num", Fields: []rule.FieldAdded{{Key: "evt.num"}, {Key: "who", Format: "it \"%evt.type\""}},
	}}}
	f := newFixture(t, text, ro, engine.Options{MinPriority: alert.Debug, Hostname: "h"})
	f.ev.Num = 42
	f.process(t, openat(1_000_000_001, 3, "/etc/x"))
	if len(f.alerts) != 1 {
		t.Fatalf("%d alerts", len(f.alerts))
	}
	o := alert.Defaults()
	o.ISO8601 = true
	got := string(f.alerts[0].AppendJSON(nil, &o))
	want := `{"hostname":"h","output":"1970-01-01T00:00:01.000000001+0000: Warning opened on /etc/x fd=3",` +
		`"output_fields":{"evt.arg.name":"/etc/x","evt.num":42,"evt.time":1000000001,"evt.type":"openat","fd.num":3,"who":"it \"openat\""},` +
		`"priority":"Warning","rule":"opened","source":"syscall","tags":["a","b"],"time":"1970-01-01T00:00:01.000000001Z"}`
	if got != strings.Replace(want, `"evt.type":"openat",`, "", 1) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// What the alert holds must outlive the event.
	f.process(t, openat(2, 4, "/zzzzz"))
	if again := string(f.alerts[0].AppendJSON(nil, &o)); again != got {
		t.Errorf("the alert changed to\n%s", again)
	}
}

// manyRules are rules of which none matches the events of the tests.
func manyRules() string {
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("r%d | evt.type in (open, openat) and fd.name startswith /none/%d and not proc.name in (a, b, c)", i, i))
	}
	return rules(lines...)
}

func TestNoAllocation(t *testing.T) {
	f := newFixture(t, manyRules(), rule.Options{}, engine.Options{MinPriority: alert.Debug})
	a, b := openat(1, 3, "/etc/passwd"), closed(2, 3)
	if n := testing.AllocsPerRun(1000, func() {
		f.process(t, a)
		f.process(t, b)
	}); n != 0 {
		t.Errorf("%v allocations per open and close", n)
	}
}

func BenchmarkProcess(b *testing.B) {
	f := newFixture(b, manyRules(), rule.Options{}, engine.Options{MinPriority: alert.Debug})
	rec := openat(1, 3, "/etc/passwd")
	if err := f.ev.Decode(rec); err != nil {
		b.Fatal(err)
	}
	th, fd, num := f.state.Apply(&f.ev)
	b.ReportAllocs()
	for b.Loop() {
		f.ctx.Reset(&f.ev, f.state, th, fd, num, "syscall")
		f.engine.Process(f.ctx)
	}
}

func BenchmarkAlert(b *testing.B) {
	f := newFixture(b, rules("opened | evt.type = openat"), rule.Options{}, engine.Options{MinPriority: alert.Debug})
	rec := openat(1, 3, "/etc/passwd")
	b.ReportAllocs()
	for b.Loop() {
		f.process(b, rec)
		f.alerts = f.alerts[:0]
	}
}
