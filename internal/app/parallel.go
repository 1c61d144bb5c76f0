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

// parallel replays a capture with two goroutines. One, the caller's, takes events through the state. The
// other, the helper, reads ahead and evaluates the rules, one event after the other in the order in which
// they happened, so that alerts come as they do from one goroutine alone.
//
// An evaluation may still be under way when the state goes on. It sees what it would have seen, because
// before an event changes anything that a waiting evaluation may read (state.EffectOf, field.Reach)
// the state waits for it; the event's own descriptor is copied. Whoever waits for an evaluation that has not
// begun does it itself, so that nobody ever waits for a goroutine that sleeps.
type parallel struct {
	*ahead
	engine *engine.Engine
	state  *state.State
	times  *field.Context // knows when events happened; belongs to the state's side

	_          [64]byte
	evaluating atomic.Bool // one of the two is evaluating
	done       atomic.Uint64
	c          *field.Context // of the evaluation
	ev         event.Event
	_          [64]byte
	submitted  atomic.Uint64
	tasks      [maxTasks]task

	direct    bool   // the newest event was read past the batches: it is borrowed from the source
	handed    uint64 // submitted, as the state's side knows it
	finished  uint64 // done, when the state's side looked last
	lastTable uint64 // number behind the last task that reads tables
	effect    state.Effect
	known     int64 // thread of the event before, if it is known to the state

	asleep atomic.Bool
	wake   chan struct{}
	closed atomic.Bool
	helper sync.WaitGroup
}

// maxTasks is how many evaluations may wait, a power of two; wakeTasks is with how many the helper is woken.
const (
	maxTasks  = 256
	wakeTasks = 128
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
}

// newParallel starts the helper. The source is open and nobody else reads it from now on.
func newParallel(src *scap.Source, e *engine.Engine, st *state.State, m *field.Machine) *parallel {
	p := &parallel{
		ahead: newAhead(src), engine: e, state: st, times: field.NewContext(m), c: e.NewContext(m),
		known: -1, wake: make(chan struct{}, 1),
	}
	p.helper.Go(p.help)
	return p
}

// spread gives a replay its helper, unless only one worker is wanted or there is only one processor. Captures by
// rules need the events in the order in which the rules see them, beside the state.
func (a *App) spread(src source.Source) {
	s, ok := src.(*scap.Source)
	if !ok || a.o.Workers == 1 || a.o.Workers == 0 && runtime.GOMAXPROCS(0) < 2 || a.config().Capture.Enabled {
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

// Stop is source.Stopper's. What was read ahead is still delivered.
func (p *parallel) Stop() error {
	if !p.direct {
		p.lock()
		defer p.reading.Store(false)
	}
	return p.src.Stop()
}

// Stats is source.Counter's.
func (p *parallel) Stats() source.Stats { return p.src.Stats() }

// Prompt is source.Prompter's.
func (p *parallel) Prompt() bool { return p.prompt }

// Next is source.Source's.
func (p *parallel) Next(ev *event.Event) error {
	if p.direct {
		p.direct = false
		p.over()
		p.reading.Store(false)
	}
	for {
		ok, err := p.take(ev)
		switch {
		case ok && err == nil:
			return nil
		case errors.Is(err, scap.ErrNoEvent):
			p.lock()
			return p.readDirect(ev)
		case err != nil:
			p.drain()
			return err
		}
		p.letGo()
		if p.made.Load() != p.taken {
			continue
		}
		if !p.tryRead() {
			p.starved.Store(true)
			p.pause(func() bool { return p.made.Load() != p.taken || !p.reading.Load() })
			p.starved.Store(false)
			continue
		}
		if p.made.Load() == p.taken && !(p.room() && p.fill(starvedBatch, func() {})) {
			return p.readDirect(ev)
		}
		p.reading.Store(false)
	}
}

// lock takes hold of the reader.
func (p *parallel) lock() { p.pause(p.tryRead) }

// readDirect reads the next event as the source delivers it, also if that takes a while or fills the
// state. The caller holds the reader, which stays held as long as the event is borrowed.
func (p *parallel) readDirect(ev *event.Event) error {
	p.drain()
	err := p.src.Next(ev)
	p.direct, p.prompt, p.known = err == nil, p.src.Prompt(), -1
	if err != nil {
		p.reading.Store(false)
	}
	return err
}

// letGo gives back the memory of what was read ahead and evaluated, and wakes the helper if there is
// enough for reading on.
func (p *parallel) letGo() {
	p.release(p.handed, p.done.Load())
	if p.made.Load()-p.released.Load() >= batches && p.made.Load() == p.taken {
		p.drain()
		p.release(p.handed, p.handed)
	}
	if p.asleep.Load() && p.made.Load()-p.released.Load() <= batches/2 {
		p.rouse()
	}
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
	if tests, reach := p.engine.Tests(typ); tests && !p.prompt {
		p.submit(ev, th, fd, num)
		if reach == field.ReachTables || reach == field.ReachDir && field.DirByFD(ev) {
			p.lastTable = p.handed
		}
		if p.direct || !p.state.Lasts(th) {
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
	t.record, t.num, t.cpu, t.thread, t.hasFD, t.fdnum = ev.Record(), ev.Num, ev.CPU, th, fd != nil, num
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
	spinLooks   = 4000
	yieldRounds = 20
	nap         = 50 * time.Microsecond
	// pollInput is how long the helper sleeps when there is nothing to read yet.
	pollInput = time.Millisecond
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

// help is the helper: evaluations come first, then reading ahead.
func (p *parallel) help() {
	idle := 0
	for !p.closed.Load() {
		switch {
		case p.work():
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

// work does something that is to be done, and reports whether there was anything.
func (p *parallel) work() bool {
	worked := p.catchUp()
	if p.room() && p.tryRead() {
		if p.room() && p.fill(batchEvents, func() { p.catchUp() }) {
			worked = true
		}
		p.reading.Store(false)
	}
	return worked
}

// catchUp evaluates what waits.
func (p *parallel) catchUp() bool {
	return p.done.Load() != p.submitted.Load() && p.evaluate(^uint64(0))
}

// sleep waits until the state's side rouses the helper.
func (p *parallel) sleep() {
	p.asleep.Store(true)
	switch {
	case p.closed.Load() || p.submitted.Load()-p.done.Load() >= wakeTasks:
	case p.room():
		time.Sleep(pollInput)
	default:
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
