// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// every returns an engine with one rule of that name, which every opened file matches.
func every(t *testing.T, name string, counters *engine.Counters) *engine.Engine {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	text := "- rule: " + name + "\n  desc: x\n  condition: evt.type = openat\n  output: file=%fd.name\n  priority: WARNING\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cat := Catalogue(cfg)
	rules, err := LoadRules(cfg, []string{file}, cat)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(rules.Set, cat, engine.Options{MinPriority: alert.Debug, Counters: counters})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// manyOpens is a capture in which twenty processes open files, one after the other.
func manyOpens(t *testing.T, events int) string {
	t.Helper()
	records := make([][]byte, events)
	for i := range records {
		rec := openat(3, "/etc/hosts")
		var ev event.Event
		if err := ev.Decode(rec); err != nil {
			t.Fatal(err)
		}
		params := make([][]byte, ev.NumParams())
		for n := range params {
			params[n] = ev.Param(n)
		}
		records[i] = event.AppendRecord(nil, uint64(i+1), int64(100+i/7%20), ev.Type(), params...)
	}
	file := filepath.Join(t.TempDir(), "many.scap")
	if err := os.WriteFile(file, capture(records...), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// spreadOver opens a capture for several workers.
func spreadOver(t *testing.T, file string, workers int, e *engine.Engine, sink func(*alert.Alert)) *spread {
	t.Helper()
	st := state.New(state.Options{HostRoot: t.TempDir()})
	src := scap.New(scap.Options{Path: file, State: st})
	if err := src.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := newSpread(t.Context(), src, file, st, workers, e, &field.Machine{}, sink)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// through takes all events through a spread and returns how many there were.
func through(t *testing.T, p *spread) uint64 {
	t.Helper()
	var ev event.Event
	for {
		switch err := p.Next(&ev); {
		case err == nil:
			p.process(&ev)
		case errors.Is(err, io.EOF):
			return p.events()
		default:
			t.Fatal(err)
		}
	}
}

// TestSpreadGoesOver changes the rules in the midst of a replay: all workers go over before the same event.
func TestSpreadGoesOver(t *testing.T) {
	const events = 100_000
	file := manyOpens(t, events)
	counts := []int{2, 3, MaxWorkers + 5}
	if testing.Short() {
		counts = counts[1:2]
	}
	for _, workers := range counts {
		var counters engine.Counters
		one, two := every(t, "one", &counters), every(t, "two", &counters)
		next, changed, last := uint64(1), uint64(0), "one"
		p := spreadOver(t, file, workers, one, func(a *alert.Alert) {
			if a.Time != next {
				t.Fatalf("%d workers: event %d comes after %d", workers, a.Time, next-1)
			}
			if a.Rule != last {
				if changed != 0 || a.Rule != "two" {
					t.Fatalf("%d workers: rule %s at event %d, after a change at %d", workers, a.Rule, a.Time, changed)
				}
				changed, last = a.Time, a.Rule
			}
			next++
		})
		if len(p.workers) > MaxWorkers {
			t.Errorf("%d workers", len(p.workers))
		}
		waits := true
		p.wanted = func() bool { return waits }
		p.adopt = func() {
			waits = false
			p.use(&generation{engine: two, machine: &field.Machine{}, memo: two.NewMemo()})
		}
		if n := through(t, p); n != events || next != events+1 || changed < 2 || changed > events {
			t.Errorf("%d workers: %d events, %d alerts, changed at %d", workers, n, next-1, changed)
		}
		if types := p.types(); types[event.OpenAt] != events {
			t.Errorf("%d workers: %d opens counted", workers, types[event.OpenAt])
		}
		if st := p.stateStats(); st.FDs < 20 || st.Threads < 20 {
			t.Errorf("%d workers: %+v", workers, st)
		}
	}
}

// TestSpreadStops stops a replay, and closes another one, in the midst: nobody waits for ever, and what had
// happened is told in order.
func TestSpreadStops(t *testing.T) {
	file := manyOpens(t, 50_000)
	for _, stop := range []bool{true, false} {
		last := uint64(0)
		var counters engine.Counters
		one := every(t, "one", &counters)
		p := spreadOver(t, file, 2, one, func(a *alert.Alert) {
			if a.Time != last+1 {
				t.Errorf("event %d after %d", a.Time, last)
			}
			last = a.Time
		})
		var ev event.Event
		for range 3000 {
			if err := p.Next(&ev); err != nil {
				t.Fatal(err)
			}
			p.process(&ev)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if stop {
				p.Stop()
				through(t, p)
			}
			p.Close()
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("it does not end")
		}
		if stop && (last == 0 || last > 50_000) {
			t.Errorf("the last alert is of event %d", last)
		}
		if n := counters.Matched(one); stop && (len(n) != 1 || n[0].Matches != last) {
			t.Errorf("%d alerts, counted %v", last, n)
		}
		if n := p.events(); stop && (n < last || n > last+1 || p.types()[event.OpenAt] != n) {
			t.Errorf("%d alerts, %d events, %d opens", last, n, p.types()[event.OpenAt])
		}
	}
}

// TestSpreadBreaksOff holds that figures end, as alerts do, at an event that is damaged, whoever meets it.
func TestSpreadBreaksOff(t *testing.T) {
	const events, at = 20_000, 5000
	file := manyOpens(t, events)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	whole := len(capture())
	size := (len(b) - whole) / events
	b[whole+at*size+8+2+26+1] = 0xff // the length of its first parameter
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for workers := 1; workers <= 3; workers++ {
		var counters engine.Counters
		one, alerts := every(t, "one", &counters), uint64(0)
		p := spreadOver(t, file, workers, one, func(*alert.Alert) { alerts++ })
		var ev event.Event
		for err = nil; err == nil; {
			if err = p.Next(&ev); err == nil {
				p.process(&ev)
			}
		}
		n := counters.Matched(one)
		if errors.Is(err, io.EOF) || alerts != at || len(n) != 1 || n[0].Matches != at || p.events() != at || p.types()[event.OpenAt] != at {
			t.Errorf("%d workers: %v, %d alerts, %v, %d events, %d opens", workers, err, alerts, n, p.events(), p.types()[event.OpenAt])
		}
	}
}
