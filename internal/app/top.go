// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/metric"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// topping lets clients of the control socket see what goes on.
type topping struct {
	// wanted is how many clients are connected; without any nothing is counted for them.
	wanted atomic.Int32
	// latest is the newest window, never nil.
	latest atomic.Pointer[counted]
}

// newTopping returns one that waits for its first window.
func newTopping() *topping {
	t := &topping{}
	t.latest.Store(&counted{next: make(chan struct{})})
	return t
}

// shortest is the least time between two copies that rates are computed from.
const shortest = 400 * time.Millisecond

// serveTop streams samples to a client.
func (a *App) serveTop(w http.ResponseWriter, r *http.Request) {
	defer a.top.wanted.Add(-1)
	if a.top.wanted.Add(1) > maxTails {
		control.Fail(w, http.StatusServiceUnavailable, errTooMany)
		return
	}
	out := control.NewLineWriter(w)
	s := topSampler{App: a}
	if p := a.board.ask(); p != nil {
		s.begin(p)
	}
	for now := a.top.latest.Load(); ; now = a.top.latest.Load() {
		if now.published != nil {
			if s.before == nil {
				s.begin(now.published)
			} else if now.at.Sub(s.before.at) >= shortest && out.WriteJSON(s.sample(now)) != nil {
				return
			}
		}
		select {
		case <-now.next:
		case <-r.Context().Done():
			return
		}
	}
}

// topSampler makes rates of what changed from one copy to the next, for one client.
type topSampler struct {
	*App
	before *published
	rules  map[string]metric.Rule
	lost   map[string]uint64
	cpu    time.Duration
	at     time.Time // of cpu and lost
}

// begin notes a copy as the one before.
func (s *topSampler) begin(p *published) {
	s.before, s.rules = p, map[string]metric.Rule{}
	for _, r := range p.loop().Rules {
		s.rules[r.Rule.Name] = r
	}
	s.cpu, s.at, s.lost = processorTime(), time.Now(), map[string]uint64{}
	for _, l := range s.losses() {
		s.lost[l.Reason] = l.Events
	}
}

// losses are those of the source.
func (s *topSampler) losses() []source.Loss {
	c, ok := s.source.(source.Counter)
	if !ok {
		return nil
	}
	stats := c.Stats()
	return stats.Losses
}

// processorTime is what the program has used so far.
func processorTime() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// sample makes the rates since the last call, or since begin.
func (s *topSampler) sample(now *counted) *control.Top {
	g, old := now.generation, s.before
	seconds := now.at.Sub(old.at).Seconds()
	t := &control.Top{
		Version: Version, Hostname: g.machine.Hostname, PID: os.Getpid(), Started: s.begun,
		Time: now.at, Seconds: seconds, Events: now.events, EventsPS: float64(now.events-old.events) / seconds,
		RSSBytes: residentBytes(), RulesInUse: g.engine.Rules(), Running: now.state.Processes,
		Losses: []control.LossRate{}, Processes: slices.Clone(now.processes), Containers: slices.Clone(now.containers),
	}
	elapsed := time.Since(s.at).Seconds()
	for _, l := range s.losses() {
		t.Losses = append(t.Losses, control.LossRate{Loss: control.Loss{Reason: l.Reason, Count: l.Events}, PerSecond: float64(l.Events-s.lost[l.Reason]) / elapsed})
	}
	cpu := processorTime() - s.cpu
	t.CPU = 100 * cpu.Seconds() / elapsed
	if t.EventsPS > 0 {
		t.EventNS = 1e9 * t.CPU / 100 / t.EventsPS
	}
	for _, m := range s.counters.Matched(now.engine) {
		t.Alerts += m.Matches
	}
	s.calls(t, now, seconds)
	s.tests(t, now, seconds)
	slices.SortFunc(t.Processes, func(a, b control.ProcessRate) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond), cmp.Compare(a.PID, b.PID))
	})
	slices.SortFunc(t.Containers, func(a, b control.ContainerRate) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond), strings.Compare(a.ID, b.ID))
	})
	s.begin(now.published)
	return t
}

// calls fills in the system calls, and what testing the rules on an event costs.
func (s *topSampler) calls(t *control.Top, now *counted, seconds float64) {
	rows, place := []control.SyscallRate{}, map[string]int{}
	row := func(name string) *control.SyscallRate {
		at, ok := place[name]
		if !ok {
			at = len(rows)
			place[name] = at
			rows = append(rows, control.SyscallRate{Name: name})
		}
		return &rows[at]
	}
	var cost float64
	for typ, n := range now.types {
		new := n - s.before.types[typ]
		if n == 0 || event.Type(typ)|1 == event.Generic {
			continue
		}
		r := row(event.Lookup(event.Type(typ)).Name)
		r.Events += n
		r.PerSecond += float64(new) / seconds
		if mean := now.costs.Types[typ].Mean(); mean > 0 {
			r.RulesNS = max(r.RulesNS, mean)
			cost += mean * float64(new)
		}
	}
	for name, n := range now.calls {
		r := row(name)
		r.Events += n
		r.PerSecond += float64(n) / now.seconds
	}
	if n := now.events - s.before.events; n > 0 {
		t.RulesNS = cost / float64(n)
	}
	slices.SortFunc(rows, func(a, b control.SyscallRate) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond), strings.Compare(a.Name, b.Name))
	})
	t.Syscalls = rows
}

// tests fills in the rules: those that were tested or have ever matched.
func (s *topSampler) tests(t *control.Top, now *counted, seconds float64) {
	t.Rules = []control.RuleRate{}
	for _, r := range now.loop().Rules {
		old := s.rules[r.Rule.Name]
		x := control.RuleRate{
			Name: r.Rule.Name, Priority: r.Rule.Priority.String(), Matches: r.Matches, NS: r.Cost.Mean(),
			// A reload may begin a counter anew.
			Tested:  float64(r.Evaluations-min(r.Evaluations, old.Evaluations)) / seconds,
			Matched: float64(r.Matches-min(r.Matches, old.Matches)) / seconds,
		}
		if x.Tested == 0 && x.Matches == 0 {
			continue
		}
		x.CPU = x.Tested * x.NS / 1e9 * 100
		t.AlertsPS += x.Matched
		t.Rules = append(t.Rules, x)
	}
	slices.SortFunc(t.Rules, func(a, b control.RuleRate) int {
		return cmp.Or(cmp.Compare(b.Matched, a.Matched), cmp.Compare(b.CPU, a.CPU), strings.Compare(a.Name, b.Name))
	})
}
