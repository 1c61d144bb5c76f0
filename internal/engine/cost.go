// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
)

// Sample is what some measured evaluations took.
type Sample struct {
	N  uint64
	NS uint64
}

// add enters one evaluation.
func (s *Sample) add(d time.Duration) {
	s.N++
	s.NS += uint64(max(d, 0))
}

// Mean is the time of one evaluation in nanoseconds, 0 if none was measured.
func (s Sample) Mean() float64 {
	if s.N == 0 {
		return 0
	}
	return float64(s.NS) / float64(s.N)
}

// Costs gathers what a few of the events cost, for one engine and one goroutine.
type Costs struct {
	// Types are the evaluations of all rules of an event type together.
	Types [event.NumTypes]Sample
	// Rules are the evaluations of single rules, by their place in Counts. A rule is measured alone:
	// what it shares with others, the others pay only once more in a measurement.
	Rules []Sample

	turn int
	now  func() time.Time
}

// NewCosts returns empty costs for this engine.
func (e *Engine) NewCosts() *Costs {
	return &Costs{Rules: make([]Sample, len(e.rules)), now: time.Now}
}

// Measure is Process for an event whose cost is to be known: in turn either all rules of the event's
// type are timed as they run, or one of them alone, another one each time, before they run. So a
// measurement costs about the same however many rules there are.
func (e *Engine) Measure(c *field.Context, costs *Costs) {
	t := c.Ev.Type()
	if int(t) >= len(e.syscall) || c.Source != filter.SyscallSource || len(e.syscall[t].rules) == 0 {
		e.Process(c)
		return
	}
	costs.turn++
	if costs.turn&1 == 0 {
		began := costs.now()
		e.Process(c)
		costs.Types[t].add(costs.now().Sub(began))
		return
	}
	list := e.syscall[t].rules
	r := list[costs.turn/2%len(list)]
	began := costs.now()
	r.filter.Match(c)
	costs.Rules[r.number].add(costs.now().Sub(began))
	e.Process(c)
}

// Evaluations tells how often each rule was tested, by its place in Counts, if events of each type
// came so often; dst is overwritten and returned if it is long enough.
func (e *Engine) Evaluations(dst []uint64, types *[event.NumTypes]uint64) []uint64 {
	if cap(dst) < len(e.rules) {
		dst = make([]uint64, len(e.rules))
	}
	dst = dst[:len(e.rules)]
	clear(dst)
	for t, n := range types {
		if n == 0 {
			continue
		}
		for _, r := range e.syscall[t].rules {
			dst[r.number] += n
		}
	}
	return dst
}
