// SPDX-License-Identifier: Apache-2.0

package app

import (
	"io"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// defaults are the embedded rules, or those of other files, compiled, with an empty state.
type defaults struct {
	engine *engine.Engine
	state  *state.State
	ctx    *field.Context
	ev     event.Event
}

func newDefaults(t testing.TB, sink func(*alert.Alert), paths ...string) *defaults {
	t.Helper()
	cfg := config.Default()
	cat := Catalogue(cfg)
	rules, err := LoadRules(cfg, paths, cat)
	if err == nil {
		err = rules.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	d := &defaults{state: state.New(state.Options{HostRoot: t.TempDir()})}
	if d.engine, err = engine.New(rules.Set, cat, engine.Options{MinPriority: alert.Debug, Sink: sink}); err != nil {
		t.Fatal(err)
	}
	d.ctx = d.engine.NewContext(field.LocalMachine())
	return d
}

// process takes a record through state and engine.
func (d *defaults) process(t testing.TB, rec []byte) {
	if err := d.ev.Decode(rec); err != nil {
		t.Fatal(err)
	}
	th, fd, num := d.state.Apply(&d.ev)
	d.ctx.Reset(&d.ev, d.state, th, fd, num, filter.SyscallSource)
	d.engine.Process(d.ctx)
	d.state.After(&d.ev)
}

// closed is the record of a close.
func closed(fd int64) []byte {
	return event.AppendRecord(nil, 2, 100, event.Close, i64(0), i64(fd))
}

// resolved is the record of an openat with all parameters, as the kernel's programs report it.
func resolved(fd int64, name string) []byte {
	path := append([]byte(name), 0)
	return event.AppendRecord(nil, 1, 100, event.OpenAt, i64(fd), i64(-100), path, u32(1), u32(0), u32(0x801), i64(77), path, u32(1), u32(20))
}

// cloned is the record with which process 100 begins.
func cloned() []byte {
	text := func(s string) []byte { return append([]byte(s), 0) }
	p := make([][]byte, len(event.Lookup(event.Clone).Params))
	p[0], p[1], p[2], p[3], p[4], p[5] = i64(0), text("busy"), text("-x"), i64(100), i64(100), i64(1)
	p[6], p[7], p[13] = text("/"), i64(1024), text("busy")
	return event.AppendRecord(nil, 1, 100, event.Clone, p...)
}

func TestDefaultRulesDoNotAllocate(t *testing.T) {
	alerts := 0
	d := newDefaults(t, func(*alert.Alert) { alerts++ })
	d.process(t, cloned())
	a, b := openat(3, "/usr/share/doc/some/file"), closed(3)
	if n := testing.AllocsPerRun(1000, func() {
		d.process(t, a)
		d.process(t, b)
	}); n != 0 || alerts != 0 {
		t.Errorf("%v allocations per open and close, %d alerts", n, alerts)
	}
}

// BenchmarkEvent measures the way of an open and a close that no default rule matches, as a whole
// and by parts.
func BenchmarkEvent(b *testing.B) {
	records := map[string][]byte{"openat": resolved(3, "/usr/share/doc/some/file"), "close": closed(3)}
	for _, name := range []string{"openat", "close"} {
		rec := records[name]
		b.Run(name+"/decode", func(b *testing.B) {
			var ev event.Event
			b.ReportAllocs()
			for b.Loop() {
				_ = ev.Decode(rec)
			}
		})
		b.Run(name+"/state", func(b *testing.B) {
			d := newDefaults(b, nil)
			d.process(b, cloned())
			d.process(b, rec)
			b.ReportAllocs()
			for b.Loop() {
				d.state.Apply(&d.ev)
				d.state.After(&d.ev)
			}
		})
		b.Run(name+"/rules", func(b *testing.B) {
			d := newDefaults(b, nil)
			d.process(b, cloned())
			d.process(b, records["openat"])
			_ = d.ev.Decode(rec)
			th, fd, num := d.state.Apply(&d.ev)
			b.ReportAllocs()
			for b.Loop() {
				d.ctx.Reset(&d.ev, d.state, th, fd, num, filter.SyscallSource)
				d.engine.Process(d.ctx)
			}
		})
		b.Run(name+"/whole", func(b *testing.B) {
			d := newDefaults(b, nil)
			d.process(b, cloned())
			b.ReportAllocs()
			for b.Loop() {
				d.process(b, rec)
			}
		})
	}
}

// BenchmarkAlerts measures the way of an event that matches a rule, up to the written line.
func BenchmarkAlerts(b *testing.B) {
	q := output.NewQueue(dest.NewStdout(io.Discard, dest.Format{JSON: true, Options: alert.Defaults()}), output.Options{})
	d := newDefaults(b, q.Push, writeRules(b))
	d.process(b, cloned())
	rec := openat(3, "/etc/shadow")
	b.ReportAllocs()
	for b.Loop() {
		d.process(b, rec)
	}
	q.Stop(b.Context())
	s := q.Stats()
	b.ReportMetric(float64(s.Sent)/b.Elapsed().Seconds(), "alerts/s")
	b.ReportMetric(float64(s.Lost())/float64(b.N), "lost/op")
}

// BenchmarkStart measures loading and compiling the default rules.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		newDefaults(b, nil)
	}
}
