// SPDX-License-Identifier: Apache-2.0

package app

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/metric"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// sampleEvery is how many events pass between two whose cost is measured: about a thousand, so that
// measuring costs next to nothing, and prime, so that a load which repeats itself is seen whole.
const sampleEvery = 1021

// meter is the book that the goroutine of the events keeps. Only that goroutine touches it; what
// others may see it publishes.
type meter struct {
	live    bool // delays mean something
	types   [event.NumTypes]uint64
	before  [event.NumTypes]uint64 // types, as they were when the engine came into use
	costs   *engine.Costs
	carried map[string]carried // of earlier engines; not changed once it is here
	delay   metric.Delay
	next    int  // events until one is measured
	rested  bool // the source had nothing before this event
}

// carried is what rules did under earlier engines. Rules of one name are one.
type carried struct {
	evaluations uint64
	cost        engine.Sample
}

// use makes the meter measure an engine; old is the one before, nil at the start.
func (m *meter) use(now, old *engine.Engine) {
	costs := now.NewCosts()
	if old != nil {
		m.carried = m.carry(now, old)
		costs.Types = m.costs.Types
	}
	m.costs, m.before, m.next = costs, m.types, sampleEvery
}

// carry adds up what the rules did that the new engine has, too.
func (m *meter) carry(now, old *engine.Engine) map[string]carried {
	sums := make(map[string]carried, now.Rules())
	for _, c := range now.Counts() {
		sums[c.Rule.Name] = m.carried[c.Rule.Name]
	}
	types := m.since()
	evaluations := old.Evaluations(nil, &types)
	for i, c := range old.Counts() {
		sum, ok := sums[c.Rule.Name]
		if !ok {
			continue
		}
		sum.evaluations += evaluations[i]
		sum.cost.N += m.costs.Rules[i].N
		sum.cost.NS += m.costs.Rules[i].NS
		sums[c.Rule.Name] = sum
	}
	return sums
}

// since counts the events of each type under this engine.
func (m *meter) since() (types [event.NumTypes]uint64) {
	for t := range types {
		types[t] = m.types[t] - m.before[t]
	}
	return types
}

// count counts an event.
func (m *meter) count(ev *event.Event) {
	if t := int(ev.Type()); t < len(m.types) {
		m.types[t]++
	}
}

// evaluate lets the engine test the event of the loop, and now and then measures that.
func (l *loop) evaluate() {
	m := &l.meter
	if m.next--; m.next > 0 && !m.rested {
		l.engine.Process(l.c)
		return
	}
	if m.live {
		m.delay.Observe(time.Duration(uint64(time.Now().UnixNano()) - l.ev.Time()))
	}
	m.rested = false
	if m.next > 0 {
		l.engine.Process(l.c)
		return
	}
	m.next = sampleEvery
	l.engine.Measure(l.c, m.costs)
}

// published is a copy of what only the goroutine of the events knows.
type published struct {
	at         time.Time
	events     uint64
	types      [event.NumTypes]uint64
	since      [event.NumTypes]uint64
	state      state.Stats
	containers int
	unknown    int
	engine     *engine.Engine
	generation *generation
	costs      engine.Costs
	carried    map[string]carried
	delay      metric.Delay
}

// board is where the goroutine of the events lays copies down for others. It looks at it from time to
// time, so that nobody who asks ever holds it up.
type board struct {
	asked  atomic.Bool
	latest atomic.Pointer[published]
	mu     sync.Mutex // of those who ask
	came   chan struct{}
}

// Times of asking: how long a copy is new enough, and how long to wait for one. A source waits up to a
// quarter of a second for events.
const (
	freshFor  = 50 * time.Millisecond
	boardWait = 500 * time.Millisecond
)

// ask returns the newest copy, waiting a little for one of now; nil if there never was one.
func (b *board) ask() *published {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.latest.Load(); p != nil && time.Since(p.at) < freshFor {
		return p
	}
	select {
	case <-b.came: // of an earlier question that was not waited for
	default:
	}
	b.asked.Store(true)
	t := time.NewTimer(boardWait)
	defer t.Stop()
	select {
	case <-b.came:
	case <-t.C:
	}
	return b.latest.Load()
}

// answer lays a copy down if somebody has asked. The goroutine of the events calls it.
func (l *loop) answer() {
	if !l.board.asked.Swap(false) {
		return
	}
	l.board.latest.Store(l.copy())
	select {
	case l.board.came <- struct{}{}:
	default:
	}
}

// copy makes a copy of everything.
func (l *loop) copy() *published {
	m := &l.meter
	if l.helped != nil {
		m.types = *l.helped.types()
	}
	p := &published{
		at: time.Now(), events: l.n, types: m.types, since: m.since(), state: l.stateStats(), engine: l.engine,
		generation: l.current.Load(), costs: engine.Costs{Types: m.costs.Types, Rules: append([]engine.Sample(nil), m.costs.Rules...)},
		carried: m.carried, delay: m.delay,
	}
	p.containers, p.unknown = l.state.Containers()
	return p
}

// stateStats are the figures of the state.
func (l *loop) stateStats() state.Stats {
	if l.helped != nil {
		return l.helped.stateStats()
	}
	return l.state.Stats()
}

// loop is the copy in the form of the figures.
func (p *published) loop() metric.Loop {
	out := metric.Loop{
		Events: p.events, Types: p.types, State: p.state, Containers: p.containers, Unknown: p.unknown,
		Costs: p.costs.Types, Delay: p.delay,
	}
	evaluations := p.engine.Evaluations(nil, &p.since)
	for i, c := range p.engine.Counts() {
		old := p.carried[c.Rule.Name]
		out.Rules = append(out.Rules, metric.Rule{
			Rule: c.Rule, Matches: c.Matches, Evaluations: old.evaluations + evaluations[i],
			Cost: engine.Sample{N: old.cost.N + p.costs.Rules[i].N, NS: old.cost.NS + p.costs.Rules[i].NS},
		})
	}
	return out
}
