// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// MaxWorkers is the largest number of goroutines that a replay is spread over.
const MaxWorkers = 16

// line is the size of a processor's cache line: what two goroutines write to must not lie in the same one.
const line = 64

// counter is a number that one goroutine changes and others look at, in a cache line of its own.
type counter struct {
	atomic.Uint64
	_ [line - 8]byte
}

// spread replays a capture with several workers. Each reads the file and keeps a state by itself, because taking
// over what another processor has read or changed costs more than doing it again. The events are cut into pieces
// of pieceLen. Whoever comes to a piece first takes its events through state and rules; the others take them through
// the state alone, mostly the short way (state.Pass), and so come to a later piece before that one does. Everybody is
// busy all the time, whatever the events and the rules cost, and nobody waits for what another one knows.
//
// Alerts leave in the order of the events, as if there were one worker: all that any of them depends on is the same.
// The caller is the first worker, and the one that hands alerts on.
type spread struct {
	sink    func(*alert.Alert)
	workers []*worker
	helpers sync.WaitGroup
	// pieces are the numbers, counted from 1, of the newest pieces that somebody came to.
	pieces [maxAhead / pieceLen]counter

	stopping atomic.Bool
	closed   atomic.Bool
	failed   counter // number of the first event behind which somebody could not go on, 0 if there is none
	last     *worker // came no further than all others did; nil as long as somebody goes on
	meeting  meeting
	// switchAt is the number of the event before which all workers go over to another generation; 0: none.
	switchAt counter
	// wanted reports whether another generation waits, adopt goes over to it. Only the first worker calls them.
	wanted  func() bool
	adopt   func()
	scratch []numbered
}

// How many events a piece has, and how many one worker may be ahead of another: powers of two.
const (
	pieceLen = 512
	maxAhead = 1 << 15
)

// numbered is an alert with the number of its event.
type numbered struct {
	num   uint64
	alert *alert.Alert
}

// newSpread spreads the replay of the plain file path over up to n workers. first is open and has filled st; nobody
// else reads it from now on. Alerts go to sink, in the goroutine that calls Next.
func newSpread(ctx context.Context, first *scap.Source, path string, st *state.State, n int, e *engine.Engine, m *field.Machine, sink func(*alert.Alert)) (*spread, error) {
	p := &spread{sink: sink, wanted: func() bool { return false }}
	p.workers = []*worker{{p: p, src: first, state: st, machine: m}}
	for id := 1; id < min(n, MaxWorkers); id++ {
		twin := *m
		twin.Addrs = map[netip.Addr]struct{}{}
		w := &worker{id: id, p: p, state: st.Twin(), machine: &twin}
		w.src = scap.New(scap.Options{Path: path, State: w.state, Addrs: twin.Addrs})
		if err := w.src.Open(ctx); err != nil {
			return nil, errors.Join(err, p.closeTwins())
		}
		p.workers = append(p.workers, w)
	}
	p.workers[0].begin(e)
	for _, w := range p.workers[1:] {
		p.helpers.Go(func() {
			w.begin(e)
			w.run()
		})
	}
	return p, nil
}

// closeTwins closes the sources of the workers behind the first.
func (p *spread) closeTwins() error {
	var errs []error
	for _, w := range p.workers[1:] {
		errs = append(errs, w.src.Close())
	}
	return errors.Join(errs...)
}

// use makes the events from now on go through another generation of rules. It is called by adopt, while the workers
// meet.
func (p *spread) use(g *generation) {
	for i, w := range p.workers {
		memo := g.memo
		if i > 0 {
			memo = g.engine.NewMemo()
			g.engine.Adopt(w.c, w.machine, memo)
			w.machine.DNS, w.machine.Base64 = g.machine.DNS, g.machine.Base64
		} else {
			g.engine.Adopt(w.c, g.machine, memo)
			w.machine = g.machine
		}
		w.test(g.engine)
	}
}

// Open is source.Source's; the sources are open already.
func (p *spread) Open(context.Context) error { return nil }

// Close stops the helpers and closes the sources.
func (p *spread) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	p.helpers.Wait()
	return errors.Join(p.workers[0].src.Close(), p.closeTwins())
}

// Stop is source.Stopper's.
func (p *spread) Stop() error {
	p.stopping.Store(true)
	return nil
}

// ending reports whether the workers are to stop.
func (p *spread) ending() bool { return p.stopping.Load() || p.closed.Load() }

// Stats is source.Counter's.
func (p *spread) Stats() source.Stats { return p.workers[0].src.Stats() }

// Describe is source.Describer's.
func (p *spread) Describe() (sees, misses []string) { return p.workers[0].src.Describe() }

// Prompt is source.Prompter's.
func (p *spread) Prompt() bool { return p.workers[0].src.Prompt() }

// Next is source.Source's: it goes to the next event that concerns the first worker. All others are behind it
// and counted.
func (p *spread) Next(ev *event.Event) error {
	w := p.workers[0]
	err := w.next(ev)
	if err == nil {
		return nil
	}
	w.err = err
	w.end()
	for n := 0; p.least() != over; n++ {
		p.flush()
		pause(n)
	}
	p.flush()
	p.settle()
	// The error of the earliest event is the one that a single worker would have met.
	for _, o := range p.workers[1:] {
		if o.err != nil && !errors.Is(o.err, io.EOF) && (errors.Is(err, io.EOF) || o.src.Num() < w.src.Num()) {
			err = o.err
		}
	}
	return err
}

// settle takes back what was found behind the event at which the first worker had to stop, be it because the capture is
// damaged there or because somebody wanted to. All workers are over.
func (p *spread) settle() {
	p.last = p.workers[0]
	if p.failed.Load() == 0 {
		return
	}
	for _, w := range p.workers {
		if w.num < p.last.num {
			p.last = w
		}
		w.mu.Lock()
		for _, n := range w.alerts {
			w.engine.Uncount(n.alert)
		}
		w.alerts = nil
		w.raised.Store(0)
		w.mu.Unlock()
	}
}

// teller is the worker whose figures are those of a single one.
func (p *spread) teller() *worker {
	if p.last != nil {
		return p.last
	}
	return p.workers[0]
}

// process takes the event that Next delivered through the state and, if it belongs to a piece of its own, through the rules.
func (p *spread) process(ev *event.Event) { p.workers[0].process(ev) }

// events is how many events Next has gone by.
func (p *spread) events() uint64 { return p.teller().num }

// types counts the events that Next has gone by.
func (p *spread) types() *[event.NumTypes]uint64 { return &p.teller().types }

// stateStats are the figures of a worker's state; those of the others are the same.
func (p *spread) stateStats() state.Stats { return p.teller().state.Stats() }

// least is up to which event all workers are done.
func (p *spread) least() uint64 {
	n := over
	for _, w := range p.workers {
		n = min(n, w.done.Load())
	}
	return n
}

// flush hands on the alerts of events that all workers have done.
func (p *spread) flush() {
	upTo := p.least()
	if n := p.failed.Load(); n > 0 {
		upTo = min(upTo, n)
	}
	for _, w := range p.workers {
		if w.raised.Load() == 0 {
			continue
		}
		w.mu.Lock()
		n := 0
		for n < len(w.alerts) && w.alerts[n].num <= upTo {
			n++
		}
		p.scratch = append(p.scratch, w.alerts[:n]...)
		w.alerts = slices.Delete(w.alerts, 0, n)
		w.raised.Store(uint64(len(w.alerts)))
		w.mu.Unlock()
	}
	slices.SortStableFunc(p.scratch, func(a, b numbered) int { return cmp.Compare(a.num, b.num) })
	for _, n := range p.scratch {
		p.sink(n.alert)
	}
	clear(p.scratch)
	p.scratch = p.scratch[:0]
}

// claim makes a worker the one who takes a piece through the rules; ok is false if another one is that already. No
// worker is so far ahead of another that two pieces that matter share a slot.
func (p *spread) claim(piece uint64) (ok bool) {
	slot := &p.pieces[piece%uint64(len(p.pieces))]
	old := slot.Load()
	return old <= piece && slot.CompareAndSwap(old, piece+1)
}

// meeting lets all workers wait for one another.
type meeting struct {
	came  counter // how many have
	ended counter // how many there were
}

// meet waits for all workers; then the first one does f while the others wait for it. It does not if one has ended,
// after an error or because it was told to stop.
func (p *spread) meet(w *worker, f func()) {
	m := &p.meeting
	number := m.ended.Load()
	m.came.Add(1)
	for n := 0; ; n++ {
		switch {
		case w.id == 0 && m.came.Load() == uint64(len(p.workers)):
			f()
			m.came.Store(0)
			m.ended.Add(1)
			return
		case m.ended.Load() != number || p.anyOver():
			return
		case w.id == 0:
			p.flush()
		}
		pause(n)
	}
}

// anyOver reports whether a worker has ended.
func (p *spread) anyOver() bool {
	return slices.ContainsFunc(p.workers, func(w *worker) bool { return w.done.Load() == over })
}

// How long somebody waits: first in a busy loop of some microseconds, then giving way to other goroutines, then
// asleep, because the others may not have a processor.
const (
	spinLooks   = 3000
	yieldRounds = 50
	nap         = 50 * time.Microsecond
)

// pause is what is done in the n-th round of waiting.
func pause(n int) {
	switch {
	case n < spinLooks:
	case n < spinLooks+yieldRounds:
		runtime.Gosched()
	default:
		time.Sleep(nap)
	}
}
