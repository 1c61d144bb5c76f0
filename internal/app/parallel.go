// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// line is the size of a processor's cache line: what two goroutines write to at the same time must not lie in
// the same one.
const line = 64

// shared is a flag that both sides look at, in a cache line of its own.
type shared struct {
	atomic.Bool
	_ [line - 4]byte
}

// counter is a number that one side changes and both look at, in a cache line of its own.
type counter struct {
	atomic.Uint64
	_ [line - 8]byte
}

// parallel replays a capture with two goroutines. One, the caller's, reads events and takes them through the
// state. The other, the helper, evaluates the rules, one event after the other in the order in which they
// happened, so that alerts come as they do from one goroutine alone.
//
// An evaluation may still be under way when the state goes on. It sees what it would have seen, because
// before an event changes anything that a waiting evaluation may read (state.EffectOf, field.Reach)
// the state waits for it; the event and its descriptor are copied. Whoever waits for an evaluation that has
// not begun does it itself, so that nobody ever waits for a goroutine that sleeps.
type parallel struct {
	src    *scap.Source
	engine *engine.Engine
	state  *state.State
	times  *field.Context // knows when events happened; belongs to the state's side
	helper sync.WaitGroup
	wake   chan struct{}
	_      [line]byte

	evaluating shared  // one of the two is evaluating
	done       counter // evaluations that are over; changed only while evaluating
	submitted  counter // evaluations that were asked for
	asleep     shared  // the helper sleeps
	closed     shared

	c     *field.Context // of the evaluation
	ev    event.Event
	_     [line]byte
	tasks [maxTasks]task

	_         [line]byte
	handed    uint64 // submitted, as the state's side knows it
	finished  uint64 // done, when the state's side looked last
	lastTable uint64 // number behind the last task that reads tables
	effect    state.Effect
	known     int64 // thread of the event before, if it is known to the state
}

// maxTasks is how many evaluations may wait, a power of two; wakeTasks is with how many the helper is woken;
// keepRecord is up to how many bytes the copy of an event keeps its memory for the next.
const (
	maxTasks   = 128
	wakeTasks  = 16
	keepRecord = 8 << 10
)

// task is one event that waits for its evaluation.
type task struct {
	record      []byte
	num         uint64
	cpu         int16
	thread      *state.Thread
	hasFD       bool
	fd          state.FD
	fdnum       int64
	first, prev uint64
	_           [line]byte
}

// newParallel starts the helper. The source is open and nobody else reads it from now on.
func newParallel(src *scap.Source, e *engine.Engine, st *state.State, m *field.Machine) *parallel {
	p := &parallel{
		src: src, engine: e, state: st, times: field.NewContext(m), c: e.NewContext(m),
		known: -1, wake: make(chan struct{}, 1),
	}
	p.helper.Go(p.help)
	return p
}

// spread gives a replay its helper if two workers are wanted. Captures by rules need the events in the order in
// which the rules see them, beside the state: they stay with one.
func (a *App) spread(src source.Source) {
	s, ok := src.(*scap.Source)
	if !ok || a.o.Workers < 2 || a.config().Capture.Enabled {
		return
	}
	g := a.generation()
	a.helped = newParallel(s, g.engine, a.state, g.machine)
	a.source = a.helped
}

// adopt makes the events from now on go through another generation of rules.
func (p *parallel) adopt(g *generation) {
	p.drain()
	p.engine = g.engine
	g.engine.Adopt(p.c, g.machine, g.memo)
}

// Open is source.Source's; the source is open already.
func (p *parallel) Open(context.Context) error { return nil }

// Close stops the helper and closes the source.
func (p *parallel) Close() error {
	if p.closed.Load() {
		return nil
	}
	p.drain()
	p.closed.Store(true)
	p.rouse()
	p.helper.Wait()
	return p.src.Close()
}

// Stop is source.Stopper's.
func (p *parallel) Stop() error { return p.src.Stop() }

// Stats is source.Counter's.
func (p *parallel) Stats() source.Stats { return p.src.Stats() }

// Prompt is source.Prompter's.
func (p *parallel) Prompt() bool { return p.src.Prompt() }

// Next is source.Source's. What comes between events fills the state: nothing may be under way then.
func (p *parallel) Next(ev *event.Event) error {
	err := p.src.Ahead(ev)
	if err == nil {
		return nil
	}
	p.drain()
	p.known = -1
	if errors.Is(err, scap.ErrNoEvent) || errors.Is(err, source.ErrIdle) {
		return p.src.Next(ev)
	}
	return err
}

// process takes the event that Next delivered through the state and hands it on to the rules.
func (p *parallel) process(ev *event.Event) {
	typ := ev.Type()
	effect := state.EffectOf(typ)
	p.gate(max(effect, min(p.effect, state.EffectTables)), ev.TID())
	p.effect = effect
	th, fd, num := p.state.Apply(ev)
	p.times.Pass(ev.Time())
	if effect < state.EffectAll && th != nil {
		p.known = ev.TID()
	}
	if tests, reach := p.engine.Tests(typ); tests && !p.src.Prompt() {
		p.submit(ev, th, fd, num)
		if reach == field.ReachTables || reach == field.ReachDir && field.DirByFD(ev) {
			p.lastTable = p.handed
		}
		if !p.state.Lasts(th) {
			p.drain()
		}
	}
	if state.Ends(typ) {
		p.gate(effect, ev.TID())
	}
	p.state.After(ev)
	if effect == state.EffectAll {
		p.known = -1
	}
}

// gate waits for the evaluations that read what an event of that effect, of thread tid, may change.
func (p *parallel) gate(effect state.Effect, tid int64) {
	if p.finished == p.handed {
		return
	}
	if p.finished = p.done.Load(); p.finished == p.handed {
		return
	}
	if effect < state.EffectAll && tid != p.known && p.state.Thread(tid) == nil {
		effect = state.EffectAll
	}
	switch effect {
	case state.EffectTables:
		p.await(p.lastTable)
	case state.EffectAll:
		p.await(p.handed)
	}
}

// submit queues the evaluation of an event.
func (p *parallel) submit(ev *event.Event, th *state.Thread, fd *state.FD, num int64) {
	if p.handed-p.finished >= maxTasks {
		p.await(p.handed - maxTasks + 1)
	}
	t := &p.tasks[p.handed%maxTasks]
	if cap(t.record) > keepRecord {
		t.record = nil
	}
	t.record = append(t.record[:0], ev.Record()...)
	t.num, t.cpu, t.thread, t.hasFD, t.fdnum = ev.Num, ev.CPU, th, fd != nil, num
	if th == nil {
		t.thread = p.state.Thread(ev.TID()) // events that no thread causes may still name one
	}
	if fd != nil {
		t.fd.CopyFrom(fd)
	}
	t.first, t.prev, _ = p.times.Times()
	p.handed++
	p.submitted.Store(p.handed)
	if p.asleep.Load() && p.handed-p.finished >= wakeTasks {
		p.rouse()
	}
}

// drain waits until everything that was submitted is evaluated.
func (p *parallel) drain() { p.await(p.handed) }

// await waits until n evaluations are done, and does itself those that nobody has begun.
func (p *parallel) await(n uint64) {
	for {
		if p.finished = p.done.Load(); p.finished >= n {
			return
		}
		if !p.evaluate(n) {
			p.pause(func() bool { return p.done.Load() >= n || !p.evaluating.Load() })
		}
	}
}

// evaluate does what waits, up to evaluation n, unless the other side is at it.
func (p *parallel) evaluate(n uint64) bool {
	if !p.evaluating.CompareAndSwap(false, true) {
		return false
	}
	for d := p.done.Load(); d < n && d < p.submitted.Load(); d++ {
		p.test(&p.tasks[d%maxTasks])
		p.done.Store(d + 1)
	}
	p.evaluating.Store(false)
	return true
}

// test evaluates the rules for one event.
func (p *parallel) test(t *task) {
	if err := p.ev.Decode(t.record); err != nil {
		return // it was decoded before
	}
	p.ev.Num, p.ev.CPU = t.num, t.cpu
	var fd *state.FD
	if t.hasFD {
		fd = &t.fd
	}
	p.c.ResetAt(t.first, t.prev, &p.ev, p.state, t.thread, fd, t.fdnum, filter.SyscallSource)
	p.engine.Process(p.c)
}

// How long somebody looks for work, or for the other to get on: first in a busy loop of some microseconds, then
// giving way to other goroutines, then asleep, because the other side may not have a processor.
const (
	spinLooks   = 30000
	yieldRounds = 20
	nap         = 50 * time.Microsecond
)

// pause waits until ready holds.
func (p *parallel) pause(ready func() bool) {
	for n := 0; !ready(); n++ {
		switch {
		case n < spinLooks:
		case n < spinLooks+yieldRounds:
			runtime.Gosched()
		default:
			time.Sleep(nap)
		}
	}
}

// help is the helper.
func (p *parallel) help() {
	idle := 0
	for !p.closed.Load() {
		switch {
		case p.done.Load() != p.submitted.Load() && p.evaluate(^uint64(0)):
			idle = 0
		case idle < spinLooks+yieldRounds:
			if idle++; idle > spinLooks {
				runtime.Gosched()
			}
		default:
			p.sleep()
			idle = 0
		}
	}
}

// sleep waits until the state's side rouses the helper.
func (p *parallel) sleep() {
	p.asleep.Store(true)
	if !p.closed.Load() && p.submitted.Load()-p.done.Load() < wakeTasks {
		<-p.wake
	}
	p.asleep.Store(false)
}

// rouse wakes the helper.
func (p *parallel) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
