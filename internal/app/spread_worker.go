// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// over is the number of the last event that a worker will have done once it has no more.
const over = ^uint64(0)

// checkEvery is how many events a worker goes by between two looks at the others, a power of two.
const checkEvery = 256

// worker is one of those who share a replay (spread).
type worker struct {
	id      int
	p       *spread
	src     *scap.Source
	state   *state.State
	engine  *engine.Engine
	machine *field.Machine
	c       *field.Context
	router  *router

	ev       event.Event
	way      route
	own      bool // the event is one of its own, by the header alone
	halt     bool // it was told to stop
	captures int
	lent     uint64 // processes that were lent so far, by all workers
	first    uint64 // time of the first event
	prev     uint64 // time of the newest one
	before   uint64 // time of the one before
	num      uint64 // of the event under way
	types    [event.NumTypes]uint64
	fresh    []numbered // alerts that the others do not see yet
	err      error      // with which it ended

	_      [line]byte
	done   counter // number of the last event that is behind it
	raised counter // len(alerts)
	mu     sync.Mutex
	alerts []numbered
	stats  state.Stats // of a helper, as of the last look
}

// begin prepares the worker once its source is open. What it writes to for each event is made in its own
// goroutine, so that it does not lie next to what others write to.
func (w *worker) begin(e *engine.Engine) {
	w.c = e.NewContext(w.machine)
	w.router = newRouter(len(w.p.workers))
	w.captures = w.src.Captures()
	w.router.learn(w.state.EachThread)
	w.test(e)
	w.src.Skip(w.skip)
}

// test makes the worker test the rules of an engine.
func (w *worker) test(e *engine.Engine) {
	w.engine = e.Twin(func(a *alert.Alert) { w.fresh = append(w.fresh, numbered{w.num, a}) })
	w.router.retest(e.Tests)
}

// run is a helper.
func (w *worker) run() {
	for {
		if w.err = w.next(&w.ev); w.err != nil {
			break
		}
		w.process(&w.ev)
	}
	w.end()
}

// end says that the worker has no more events.
func (w *worker) end() {
	if w.err != nil && !errors.Is(w.err, io.EOF) && !w.p.stopping.Load() {
		w.fail()
	}
	w.show()
	w.done.Store(over)
}

// fail notes behind which event the capture could not be read on, if nobody has met an earlier one.
func (w *worker) fail() {
	at := max(w.num, 1)
	for {
		old := w.p.failed.Load()
		if old != 0 && old <= at || w.p.failed.CompareAndSwap(old, at) {
			return
		}
	}
}

// next goes to the next event that concerns the worker.
func (w *worker) next(ev *event.Event) error {
	for {
		w.own = false
		if err := w.src.Next(ev); err != nil {
			if errors.Is(err, source.ErrIdle) {
				continue // plain files have nothing to wait for
			}
			return err
		}
		if n := w.src.Captures(); n != w.captures {
			w.captures = n
			w.router.learn(w.state.EachThread)
		}
		if w.halt || !w.pass(ev.Type(), ev.Time()) {
			return io.EOF
		}
		if w.own {
			w.way = route{owner: w.id}
			return nil
		}
		if state.Shared(ev.Type()) && state.NeedsTogether(ev) {
			w.p.meet(w, func() { w.p.together(ev) })
		}
		told := w.state.Told(w.router.told)
		if w.router.route(ev, &w.way); w.way.lend != 0 {
			w.lent++
		}
		w.way.all = w.way.all || told
		if w.way.all || w.way.owner == w.id {
			return nil
		}
	}
}

// skip is asked by the source of each plain event, before it is decoded: it goes by those of other workers.
func (w *worker) skip(rec []byte) bool {
	typ := event.Type(binary.LittleEndian.Uint16(rec[20:]))
	owner := w.router.owner(typ, int64(binary.LittleEndian.Uint64(rec[8:])))
	if w.own = owner == w.id; w.own || owner < 0 {
		return false
	}
	w.halt = !w.pass(typ, binary.LittleEndian.Uint64(rec))
	return !w.halt
}

// pass counts an event, whoever owns it, and looks after the others from time to time. It returns false if the worker
// is to stop.
func (w *worker) pass(typ event.Type, ts uint64) bool {
	if w.first == 0 {
		w.first, w.prev = ts, ts
	}
	w.before, w.prev = w.prev, ts
	w.types[typ]++
	if w.num++; w.num%checkEvery == 0 {
		return w.check()
	}
	return true
}

// check tells the others how far the worker is, and waits for those who are far behind. It returns false if the worker
// is to stop.
func (w *worker) check() bool {
	behind := w.num - 1 // the event under way has not been tested yet
	w.show()
	w.done.Store(behind)
	for n := 0; behind > maxAhead && w.p.least() < behind-maxAhead; n++ {
		if w.p.ending() {
			return false
		}
		if w.id == 0 {
			w.p.flush()
		}
		pause(n)
	}
	if w.id == 0 {
		w.p.flush()
		if w.p.switchAt.Load() == 0 && w.p.wanted() {
			// Nobody is that far yet: the first of all is at most maxAhead before the last.
			w.p.switchAt.Store(w.num + 2*maxAhead)
		}
	}
	if at := w.p.switchAt.Load(); at != 0 && w.num >= at {
		w.p.meet(w, func() {
			w.p.switchAt.Store(0)
			w.p.adopt()
		})
	}
	return !w.p.ending()
}

// show lets the first worker see the alerts so far.
func (w *worker) show() {
	if w.id > 0 {
		w.mu.Lock()
		w.stats = w.state.Stats()
		w.mu.Unlock()
	}
	if len(w.fresh) == 0 {
		return
	}
	w.mu.Lock()
	w.alerts = append(w.alerts, w.fresh...)
	w.raised.Store(uint64(len(w.alerts)))
	w.mu.Unlock()
	clear(w.fresh)
	w.fresh = w.fresh[:0]
}

// process takes the event that next delivered through the worker's state and, if it owns it, through the rules.
func (w *worker) process(ev *event.Event) {
	if w.way.lend != 0 {
		w.lend()
	}
	th, fd, num := w.state.Apply(ev)
	if w.way.owner == w.id {
		if w.engine.Tests(ev.Type()) && !w.src.Prompt() {
			w.c.ResetAt(w.first, w.before, ev, w.state, th, fd, num, filter.SyscallSource)
			w.engine.Process(w.c)
		}
	}
	if w.way.drop != 0 && w.way.keep != w.id {
		w.state.Disown(w.way.drop)
	}
	w.state.After(ev)
}

// lend gives the descriptors of a process to all others, or takes them over.
func (w *worker) lend() {
	l := &w.p.loans[w.lent%maxLoans]
	giver := w.p.workers[w.way.from]
	if giver == w {
		for n := 0; l.left.Load() > 0; n++ {
			if w.p.ending() {
				return
			}
			pause(n)
		}
		w.state.Lend(w.way.lend, &l.Handover)
		l.left.Store(int32(len(w.p.workers) - 1))
		l.number.Store(w.lent)
		return
	}
	for n := 0; l.number.Load() != w.lent; n++ {
		if w.p.closed.Load() || giver.done.Load() == over {
			return
		}
		pause(n)
	}
	w.state.Take(w.way.lend, &l.Handover)
	l.left.Add(-1)
}
