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

// worker is one of those who share a replay (spread).
type worker struct {
	id      int
	p       *spread
	src     *scap.Source
	state   *state.State
	engine  *engine.Engine
	machine *field.Machine
	c       *field.Context

	ev     event.Event
	mine   bool   // the piece under way is one of its own
	first  uint64 // time of the first event
	prev   uint64 // time of the newest one
	before uint64 // time of the one before
	num    uint64 // of the event under way
	types  [event.NumTypes]uint64
	tested [event.NumTypes]bool // by some rule: looked at for every event, so in few cache lines
	fresh  []numbered           // alerts that the others do not see yet
	err    error                // with which it ended

	_      [line]byte
	done   counter // number of the last event that is behind it
	raised counter // len(alerts)
	mu     sync.Mutex
	alerts []numbered
}

// begin prepares the worker once its source is open. What it writes to for each event is made in its own
// goroutine, so that it does not lie next to what others write to.
func (w *worker) begin(e *engine.Engine) {
	w.c = e.NewContext(w.machine)
	w.test(e)
	w.turn()
	w.skip()
}

// test makes the worker test the rules of an engine.
func (w *worker) test(e *engine.Engine) {
	w.engine = e.Twin(func(a *alert.Alert) { w.fresh = append(w.fresh, numbered{w.num, a}) })
	for i := range w.tested {
		w.tested[i] = e.Tests(event.Type(i))
	}
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
	if w.err != nil && (!errors.Is(w.err, io.EOF) || w.p.stopping.Load()) {
		w.fail()
	}
	w.show()
	w.done.Store(over)
}

// fail notes behind which event the worker could not go on, if nobody has met an earlier one.
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
		if err := w.src.Next(ev); err != nil {
			if errors.Is(err, source.ErrIdle) {
				continue // plain files have nothing to wait for
			}
			return err
		}
		if w.count(ev.Type(), ev.Time()); w.num%pieceLen == 0 && !w.turn() {
			return io.EOF
		}
		return nil
	}
}

// skip makes the source go by plain events before they are decoded: those that no rule is asked of, or another
// worker's, if the state can.
func (w *worker) skip() {
	w.src.Skip(func(typ event.Type, rec []byte) bool {
		// An event that begins a piece is not skipped: nobody knows yet whose it is.
		if w.num%pieceLen == pieceLen-1 || w.mine && (w.tested[typ] || !event.Sound(rec)) || !w.state.Pass(typ, rec) {
			return false
		}
		w.num++
		w.types[typ]++
		if w.prev = binary.LittleEndian.Uint64(rec); w.first == 0 {
			w.first = w.prev
		}
		return true
	})
}

// count notes an event that is delivered.
func (w *worker) count(typ event.Type, ts uint64) {
	w.before, w.prev = w.prev, ts
	if w.first == 0 {
		w.first, w.before = ts, ts
	}
	w.types[typ]++
	w.num++
}

// turn begins a piece, the event under way being its first. It tells the others how far the worker is, and waits for
// those who are far behind. It returns false if the worker is to stop.
func (w *worker) turn() bool {
	w.show()
	behind := uint64(0) // the event under way has not been tested yet
	if w.num > 0 {
		behind = w.num - 1
	}
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
	w.mine = w.p.claim(w.num / pieceLen)
	return !w.p.ending()
}

// show lets the first worker see the alerts so far.
func (w *worker) show() {
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

// process takes the event that next delivered through the worker's state and, if its piece is the worker's, through
// the rules.
func (w *worker) process(ev *event.Event) {
	th, fd, num := w.state.Apply(ev)
	if w.mine && w.engine.Tests(ev.Type()) && !w.src.Prompt() {
		w.c.ResetAt(w.first, w.before, ev, w.state, th, fd, num, filter.SyscallSource)
		w.engine.Process(w.c)
	}
	w.state.After(ev)
}
