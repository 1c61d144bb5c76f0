// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
)

// openSource makes events flow and says what is seen.
func (a *App) openSource(ctx context.Context) error {
	if a.o.DryRun {
		a.log.Info("dry run: everything is in order up to the opening of the source")
		return errDry
	}
	newSource := a.o.NewSource
	explain := explainSource
	switch {
	case a.replays():
		newSource, explain = a.newReplaySource, func(err error) error { return err }
	case a.quiet():
		newSource = newQuietSource
		a.log.Warn("no events are read (engine.kind: nodriver)")
	case newSource == nil:
		newSource = newKernelSource
	}
	src, err := newSource(SourceOptions{Config: a.cfg, Syscalls: a.generation().selected.Wanted, HostRoot: HostRoot(a.cfg.Gyr.HostRoot), Programs: a.programs, Log: a.libsLog()})
	if err != nil {
		return explain(err)
	}
	if err := src.Open(ctx); err != nil {
		return explain(err)
	}
	a.source = src
	a.onStop(func() {
		if err := a.source.Close(); err != nil {
			a.log.Error("the source could not be closed", "error", err)
		}
	})
	if err := a.fillState(); err != nil {
		return err
	}
	if err := a.spreadReplay(ctx); err != nil {
		return err
	}
	if d, ok := src.(source.Describer); ok {
		sees, misses := d.Describe()
		for i, s := range sees {
			a.say([]string{"watches", ""}[min(i, 1)], s)
		}
		for _, s := range misses {
			a.log.Warn("misses: " + s)
		}
		a.misses = misses
	}
	if a.replays() {
		a.simulateDrops()
	}
	return a.openCapture()
}

// fillState reads what runs already from /proc, for live sources that do not tell it themselves.
func (a *App) fillState() error {
	s, ok := a.source.(source.Snapshotter)
	if !ok || s.Snapshot() {
		return nil
	}
	threads, err := a.state.Scan()
	if err != nil {
		return fmt.Errorf("read the running processes from /proc: %w", err)
	}
	a.log.Info(fmt.Sprintf("%d running threads read from /proc", threads))
	return nil
}

// lookEvery is how many events pass between two looks at the clock and at the context.
const lookEvery = 1 << 10

// loop is the one goroutine through which all events go.
type loop struct {
	*App
	engine *engine.Engine // of the generation in force
	ev     event.Event
	c      *field.Context
	n      uint64    // events so far
	looked uint64    // of them, at the last look around
	newest uint64    // time of the newest of them, ns since 1970
	test   *selfTest // nil once it is over
	ending *ending   // nil until somebody wants to stop
	prompt func() bool
	meter  meter
	census *census // nil while nobody wants it
	silent silence

	simulating bool   // losses, in a replay
	nextDrops  uint64 // time of the next look at them
}

// watch moves events from the source through state and engine until ctx ends or the source does.
// All of that happens in the calling goroutine.
func (a *App) watch(ctx context.Context) (err error) {
	g := a.generation()
	l := &loop{App: a, engine: g.engine, c: g.engine.NewContext(g.machine), prompt: func() bool { return false }}
	l.simulating = a.replays() && a.drops != nil
	if p, ok := a.source.(source.Prompter); ok {
		l.prompt = p.Prompt
	}
	l.meter.live = !a.replays()
	l.meter.use(g.engine, nil)
	if src, ok := a.source.(*scap.Source); ok && a.capture == nil && !l.simulating {
		src.Skip(l.goBy)
	}
	if a.helped != nil {
		a.helped.wanted = func() bool { return a.next.Load() != nil }
		a.helped.adopt = func() { l.adopt(a.next.Load()) }
	} else if t := a.tail.Load(); t != nil {
		t.seen = l.c
	}
	if l.test, err = a.beginSelfTest(); err != nil {
		return err
	}
	if l.test == nil {
		a.sayWatching("")
	}
	for done := false; !done && err == nil; {
		switch err = a.source.Next(&l.ev); {
		case err == nil:
			l.process()
			if l.n-l.looked >= lookEvery || l.test != nil && l.test.passed {
				done, err = l.look(ctx)
			}
		case errors.Is(err, source.ErrIdle):
			l.meter.rested = true
			l.noteSilence(time.Now())
			if l.capture != nil {
				l.capture.idle()
			}
			// Without a Stopper nobody knows better when the last event was read.
			if l.ending != nil && !l.ending.stopped {
				done, err = true, l.unproven(ctx)
			} else {
				done, err = l.look(ctx)
			}
		case errors.Is(err, io.EOF):
			done, err = true, l.unproven(ctx)
		default:
			err = fmt.Errorf("source: %w", err)
		}
	}
	if a.helped != nil {
		l.n, l.meter.types = a.helped.events(), *a.helped.types()
	}
	a.events.Store(l.n)
	return err
}

// process takes the event that the source delivered through state and engine.
func (l *loop) process() {
	if g := l.next.Load(); g != nil && l.helped == nil {
		l.adopt(g)
	}
	if l.simulating && !l.prompt() {
		l.dropCheck(l.ev.Time())
	}
	if l.helped != nil {
		l.helped.process(&l.ev)
		l.n, l.newest = l.helped.events(), l.ev.Time()
		return
	}
	th, fd, num := l.state.Apply(&l.ev)
	if l.dog.active() && l.dog.own(&l.ev) {
		l.state.After(&l.ev)
		return
	}
	l.n++
	l.newest = l.ev.Time()
	l.meter.count(&l.ev)
	if l.census != nil {
		l.census.count(&l.ev, th)
	}
	if l.engine.Tests(l.ev.Type()) && !l.prompt() {
		l.c.Reset(&l.ev, l.state, th, fd, num, filter.SyscallSource)
		l.evaluate()
	} else {
		l.c.Pass(l.ev.Time())
	}
	if l.test != nil {
		l.test.process(&l.ev, l.state, th, fd, num)
	}
	l.state.After(&l.ev)
	if l.capture != nil {
		l.capture.event(&l.ev, l.prompt())
	}
}

// goBy takes an event of a capture that no rule is asked of through the state, if that has a short way, and
// counts it. Somebody who looks at the single events gets all of them.
func (l *loop) goBy(typ event.Type, rec []byte) bool {
	if l.n-l.looked >= lookEvery || l.census != nil || l.engine.Tests(typ) || !event.Sound(rec) || !l.state.Pass(typ, rec) {
		return false
	}
	l.n++
	l.newest = binary.LittleEndian.Uint64(rec)
	l.meter.types[typ]++
	l.c.Pass(l.newest)
	return true
}

// adopt makes the events go through another generation from now on. It is called between two events.
func (l *loop) adopt(g *generation) {
	l.next.Store(nil)
	if l.helped != nil {
		l.helped.use(g)
	} else {
		g.engine.Adopt(l.c, g.machine, g.memo)
	}
	l.meter.use(g.engine, l.engine)
	l.engine = g.engine
	l.outputs.swap(g.outputs)
	if l.capture != nil {
		l.capture.adopt(g)
	}
	g.since = time.Now()
	l.current.Store(g)
	close(g.taken)
}

// look is what is done from time to time: it looks whether somebody wants to stop and how the
// self-test goes.
func (l *loop) look(ctx context.Context) (done bool, err error) {
	now := time.Now()
	l.looked = l.n
	l.beat.Store(ticks(now))
	l.answer()
	l.publish()
	l.turn(now)
	if g := l.next.Load(); g != nil && l.helped == nil {
		l.adopt(g)
	}
	switch {
	case l.ending != nil:
		if now.After(l.ending.until) {
			l.log.Error("the source did not end in time, events were left unread")
			return true, nil
		}
	case ctx.Err() != nil:
		l.ending = l.beginEnd()
	case l.test != nil:
		if l.test, err = l.tickSelfTest(l.test, l.n); l.test == nil && err == nil {
			l.beginWatchdog(now)
		}
	default:
		err = l.dog.tick(now)
	}
	return false, err
}

// publish tells other goroutines how far the events are.
func (l *loop) publish() {
	l.turns.Add(1)
	l.events.Store(l.n)
	st := l.stateStats()
	l.threads.Store(int64(st.Threads))
	l.processes.Store(int64(st.Processes))
	l.descriptors.Store(int64(st.FDs))
}

// unproven is the error of a run that ended by itself before it was known that it sees anything.
func (l *loop) unproven(ctx context.Context) error {
	if l.test != nil && !l.test.passed && !errors.Is(context.Cause(ctx), errSignal) {
		return errors.New("the run ended before the self-test had passed: nothing was watched")
	}
	return nil
}

// ending is the time from the wish to stop to the last event.
type ending struct {
	stopped bool // the source will say when its last event was read
	until   time.Time
}

// beginEnd stops the source, so that only what it holds already is still to be read.
func (a *App) beginEnd() *ending {
	e := &ending{until: time.Now().Add(time.Duration(a.cfg.Gyr.DrainTimeout) * time.Millisecond)}
	if s, ok := a.source.(source.Stopper); ok {
		if err := s.Stop(); err != nil {
			a.log.Error("the source could not be stopped", "error", err)
		} else {
			e.stopped = true
		}
	}
	return e
}

// sayWatching is the one place that says that gyr watches.
func (a *App) sayWatching(how string) {
	a.watching.Store(true)
	doing := "watching"
	if a.quiet() {
		doing = "watching nothing"
	}
	if a.replays() {
		doing = "reading the capture"
	}
	a.manager.ready(doing)
	a.log.Info(doing + how + fmt.Sprintf(" (started in %d ms)", time.Since(a.begun).Milliseconds()))
	if a.o.Duration > 0 {
		t := time.AfterFunc(a.o.Duration, func() { a.cancel(errTimeUp) })
		a.onStop(func() { t.Stop() })
	}
}
