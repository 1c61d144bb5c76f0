// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

func TestMeasure(t *testing.T) {
	f := newFixture(t, rules("one | evt.type = openat and fd.name = /etc/shadow", "two | evt.type in (openat, close)", "three | evt.type = close and fd.num = 9"), rule.Options{}, engine.Options{MatchAll: true, MinPriority: alert.Debug})
	costs := f.engine.NewCosts()
	measure := func(rec []byte) {
		if err := f.ev.Decode(rec); err != nil {
			t.Fatal(err)
		}
		th, fd, num := f.state.Apply(&f.ev)
		f.ctx.Reset(&f.ev, f.state, th, fd, num, "syscall")
		f.engine.Measure(f.ctx, costs)
		f.state.After(&f.ev)
	}
	for range 8 {
		measure(openat(1, 3, "/etc/shadow"))
	}
	if len(f.alerts) != 16 {
		t.Errorf("%d alerts: measuring must not change what matches", len(f.alerts))
	}
	if n := costs.Types[event.OpenAt].N; n != 4 {
		t.Errorf("%d measurements of all rules", n)
	}
	if costs.Rules[0].N != 2 || costs.Rules[1].N != 2 || costs.Rules[2].N != 0 || costs.Rules[0].Mean() <= 0 {
		t.Errorf("measurements of single rules: %+v", costs.Rules)
	}
	var types [event.NumTypes]uint64
	types[event.OpenAt], types[event.Close], types[event.Clone] = 10, 5, 3
	n := f.engine.Evaluations(nil, &types)
	if len(n) != 3 || n[0] != 10 || n[1] != 15 || n[2] != 5 {
		t.Errorf("evaluations: %v", n)
	}
	if again := f.engine.Evaluations(n, &types); &again[0] != &n[0] || again[1] != 15 {
		t.Errorf("evaluations again: %v", again)
	}
}

func TestMeasureDoesNotAllocate(t *testing.T) {
	f := newFixture(t, rules("one | evt.type = openat and fd.name = /etc/shadow"), rule.Options{}, engine.Options{MinPriority: alert.Debug})
	costs := f.engine.NewCosts()
	rec := openat(1, 3, "/etc/hosts")
	f.process(t, rec)
	if n := testing.AllocsPerRun(100, func() {
		f.ctx.Reset(&f.ev, f.state, f.ctx.Thread, f.ctx.FD, 3, "syscall")
		f.engine.Measure(f.ctx, costs)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkMeasure compares events without measuring to those of which one in 1024 is measured, as the
// application does.
func BenchmarkMeasure(b *testing.B) {
	for _, every := range []uint64{0, 1024, 1} {
		name := map[uint64]string{0: "never", 1024: "one in 1024", 1: "always"}[every]
		b.Run(name, func(b *testing.B) {
			f := newFixture(b, rules("one | evt.type = openat and fd.name = /etc/shadow", "two | evt.type = openat and proc.name = x"), rule.Options{}, engine.Options{MinPriority: alert.Debug})
			costs := f.engine.NewCosts()
			f.process(b, openat(1, 3, "/etc/hosts"))
			th, fd := f.ctx.Thread, f.ctx.FD
			var n uint64
			b.ReportAllocs()
			for b.Loop() {
				f.ctx.Reset(&f.ev, f.state, th, fd, 3, "syscall")
				if n++; every != 0 && n%every == 0 {
					f.engine.Measure(f.ctx, costs)
				} else {
					f.engine.Process(f.ctx)
				}
			}
		})
	}
}
