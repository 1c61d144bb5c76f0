// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/web"
)

// Limits of health: how long the goroutine of the events may be silent, and an output fail.
const (
	stuckAfter = 5 * time.Second
	deadAfter  = time.Minute
)

// clockBase is the moment from which ticks counts.
var clockBase = time.Now()

// ticks is a time in ns, on a clock that nobody sets: steps of the machine's clock must neither raise an
// alarm nor keep one back.
func ticks(t time.Time) int64 { return int64(t.Sub(clockBase)) }

// outputWatch notes since when outputs deliver nothing although they should.
type outputWatch struct {
	mu sync.Mutex
	by map[string]outputNote
}

// outputNote is what was last seen of an output.
type outputNote struct {
	sent, lost uint64
	since      time.Time // when it began to fail; zero while it works
}

// look notes the counters of now.
func (w *outputWatch) look(now time.Time, stats []output.Stats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	notes := make(map[string]outputNote, len(stats))
	for i := range stats {
		s := &stats[i]
		n := w.by[s.Name]
		switch lost := s.Lost(); {
		case s.Sent != n.sent:
			n.since = time.Time{}
		case (s.Waiting > 0 || lost != n.lost) && n.since.IsZero():
			n.since = now
		}
		n.sent, n.lost = s.Sent, s.Lost()
		notes[s.Name] = n
	}
	w.by = notes
}

// dead says which outputs have long delivered nothing, sorted.
func (w *outputWatch) dead(now time.Time) (texts []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, n := range w.by {
		if d := now.Sub(n.since); !n.since.IsZero() && d > deadAfter {
			texts = append(texts, fmt.Sprintf("output %s has delivered nothing for %s, though alerts came for it", name, d.Round(time.Second)))
		}
	}
	slices.Sort(texts)
	return texts
}

// healthDetails are shown with /healthz?verbose.
type healthDetails struct {
	Version      string            `json:"version"`
	Since        time.Time         `json:"since"`
	Generation   uint64            `json:"generation"`
	Rules        int               `json:"rules"`
	Events       uint64            `json:"events"`
	LastLook     time.Time         `json:"last_look"`
	SelfTest     *selfTestDetails  `json:"self_test,omitempty"`
	Hooks        map[string]bool   `json:"hooks,omitempty"`
	Lost         map[string]uint64 `json:"lost,omitempty"`
	Outputs      []outputDetails   `json:"outputs"`
	ReloadFailed bool              `json:"reload_failed"`
}

// selfTestDetails are what the regular self-test found.
type selfTestDetails struct {
	Passed time.Time `json:"passed"`
	TookMS float64   `json:"took_ms"`
	Tried  uint64    `json:"tried"`
	Seen   uint64    `json:"seen"`
}

// outputDetails are those of one output.
type outputDetails struct {
	Name    string `json:"name"`
	Sent    uint64 `json:"sent"`
	Waiting int    `json:"waiting"`
	Lost    uint64 `json:"lost"`
}

// details are the inner parts of the source; nil if it does not tell them.
func (a *App) details() *source.Details {
	s, ok := a.source.(source.Detailer)
	if !ok {
		return nil
	}
	d := s.Details()
	return &d
}

// health examines the run. Any goroutine may call it once the source is open.
func (a *App) health() web.Health { return a.healthOf(a.details()) }

// healthOf is health with the details of the source that are already there.
func (a *App) healthOf(inner *source.Details) web.Health {
	now := time.Now()
	stats := a.outputs.stats()
	a.watched.look(now, stats)
	var h web.Health
	fail := func(format string, args ...any) { h.Failing = append(h.Failing, fmt.Sprintf(format, args...)) }
	d := &healthDetails{Version: Version, Since: a.begun, Events: a.events.Load(), Outputs: []outputDetails{}, ReloadFailed: a.reloadStats().Failed}
	if g := a.generation(); g != nil {
		d.Generation, d.Rules = g.number, g.engine.Rules()
	}
	beat := a.beat.Load()
	switch {
	case beat == 0 || !a.watching.Load():
		fail("gyr is still starting")
	case ticks(now)-beat > int64(stuckAfter):
		fail("events have not been read for %s", time.Duration(ticks(now)-beat).Round(time.Second))
	}
	if beat != 0 {
		d.LastLook = now.Add(time.Duration(beat - ticks(now)))
	}
	if gone := a.dog.missing(now); gone > a.dog.limit() {
		fail("the event of the self-test has not come for %s", gone.Round(time.Second))
	}
	if st := a.dog.stats(); st.On {
		d.SelfTest = &selfTestDetails{Passed: st.Seen, TookMS: float64(st.Took.Microseconds()) / 1000, Tried: st.Tried, Seen: st.Passed}
	}
	if inner != nil {
		d.Hooks = map[string]bool{}
		for _, hook := range inner.Hooks {
			d.Hooks[hook.Name] = hook.Attached
			if !hook.Attached {
				fail("the program %s is not at its hook", hook.Name)
			}
		}
	}
	if s, ok := a.source.(source.Counter); ok {
		st := s.Stats()
		d.Lost = map[string]uint64{}
		for _, l := range st.Losses {
			d.Lost[l.Reason] = l.Events
		}
	}
	for i := range stats {
		d.Outputs = append(d.Outputs, outputDetails{stats[i].Name, stats[i].Sent, stats[i].Waiting, stats[i].Lost()})
	}
	h.Degraded = a.watched.dead(now)
	if d.ReloadFailed {
		h.Degraded = append(h.Degraded, "the last reload was refused, older rules or an older configuration are in use")
	}
	h.Details = d
	return h
}

// healthWatch notes whether the run was well the last time somebody looked.
type healthWatch struct{ said string }

// say logs that the health has changed, with the reasons.
func (w *healthWatch) say(h web.Health, log *slog.Logger) {
	state := "ok"
	switch {
	case len(h.Failing) > 0:
		state = "failing"
	case len(h.Degraded) > 0:
		state = "degraded"
	}
	if state == w.said || w.said == "" && state == "ok" {
		w.said = state
		return
	}
	w.said = state
	reasons := strings.Join(append(slices.Clone(h.Failing), h.Degraded...), "; ")
	switch state {
	case "ok":
		log.Info("healthy again")
	case "degraded":
		log.Warn("degraded: " + reasons)
	default:
		log.Error("not healthy, events may go unseen: " + reasons)
	}
}
