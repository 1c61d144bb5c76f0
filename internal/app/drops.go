// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/metric"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// dropRule is the name under which lost events are told.
const dropRule = "Falco internal: syscall event drop"

// errDrops ends a run whose configuration wants that when events are lost.
var errDrops = errors.New("events were lost and syscall_event_drops.actions says exit")

// dropMonitor compares what the source lost with what it delivered, once a second, and acts.
type dropMonitor struct {
	cfg   func() config.SyscallEventDrops
	stats func() source.Stats
	// lost are the losses by type of event; nil if the source does not know them.
	lost func() []source.TypeCount
	send func(*alert.Alert)
	log  *slog.Logger
	// hostname goes into the alerts.
	hostname string

	last   dropCounts
	seen   time.Time
	tokens float64

	detections, actions atomic.Uint64
}

// dropCounts are the counters of one look.
type dropCounts struct {
	source.Stats
	kinds []uint64 // as in metric.BufferKinds
}

// newDropMonitor returns a monitor whose first action may come at once.
func newDropMonitor(cfg func() config.SyscallEventDrops, stats func() source.Stats) *dropMonitor {
	return &dropMonitor{cfg: cfg, stats: stats, tokens: cfg().MaxBurst, log: slog.New(slog.DiscardHandler)}
}

// read reads the counters of now.
func (m *dropMonitor) read() dropCounts {
	now := dropCounts{Stats: m.stats()}
	if m.lost == nil || m.last.kinds != nil && now.Lost() == m.last.Lost() {
		now.kinds = m.last.kinds // nothing more was lost
	} else {
		now.kinds = metric.ByKind(m.lost())
	}
	return now
}

// check looks at the time since the last check; an error ends the run.
func (m *dropMonitor) check(now time.Time) error {
	cfg := m.cfg()
	if !m.seen.IsZero() {
		m.tokens = min(cfg.MaxBurst, m.tokens+cfg.Rate*now.Sub(m.seen).Seconds())
	}
	m.seen = now
	s, before := m.read(), m.last
	m.last = s
	events, lost := s.Events-before.Events, s.Lost()-before.Lost()
	threshold := float64(cfg.Threshold)
	if cfg.SimulateDrops {
		m.log.Info("simulating the loss of an event (syscall_event_drops.simulate_drops)")
		lost++
		threshold = 0
	}
	if lost == 0 {
		return nil
	}
	// What was lost happened too: it counts among the events, as in Falco.
	events += lost
	if float64(lost)/float64(events) <= threshold {
		return nil
	}
	m.detections.Add(1)
	if m.tokens < 1 {
		m.log.Debug("events were lost, but syscall_event_drops.rate allows no action now", "lost", lost)
		return nil
	}
	m.tokens--
	m.actions.Add(1)
	return m.act(cfg.Actions, now, m.fields(events, lost, &s, &before))
}

// fields are the output fields of the alert: Falco's, and each of our reasons for which something was
// lost.
func (m *dropMonitor) fields(events, lost uint64, s, before *dropCounts) []alert.Field {
	counts := map[string]uint64{
		"ebpf_enabled": 1, "n_evts": events, "n_drops": lost, "n_drops_buffer_total": 0, "n_drops_scratch_map": 0,
		"n_drops_bug": 0, "n_drops_page_faults": 0,
	}
	classes := map[source.LossClass]string{source.LossBuffer: "n_drops_buffer_total", source.LossScratch: "n_drops_scratch_map", source.LossOther: "n_drops_bug"}
	for i, l := range s.Losses {
		n := l.Events
		if i < len(before.Losses) {
			n -= before.Losses[i].Events
		}
		counts[classes[l.Class]] += n
		if n > 0 {
			counts["n_drops_"+strings.ReplaceAll(l.Reason, " ", "_")] = n
		}
	}
	for i, k := range metric.BufferKinds {
		var n uint64
		if i < len(s.kinds) {
			n = s.kinds[i]
		}
		if i < len(before.kinds) {
			n -= before.kinds[i]
		}
		counts["n_drops_buffer_"+k.Name+"_exit"] = n
	}
	fields := make([]alert.Field, 0, len(counts))
	for key, n := range counts {
		fields = append(fields, alert.Field{Key: key, JSON: quoted(n)})
	}
	slices.SortFunc(fields, func(a, b alert.Field) int { return strings.Compare(a.Key, b.Key) })
	return fields
}

// act performs the configured actions, all of them before it ends the run.
func (m *dropMonitor) act(actions []config.DropAction, now time.Time, fields []alert.Field) (end error) {
	var lost string
	for _, f := range fields {
		if f.Key == "n_drops" {
			lost = strings.Trim(string(f.JSON), `"`)
		}
	}
	text := dropRule + ". " + lost + " system calls dropped in last second."
	for _, action := range actions {
		switch action {
		case config.DropIgnore:
		case config.DropLog:
			m.log.Debug(text)
		case config.DropAlert:
			m.send(&alert.Alert{
				Time: uint64(now.UnixNano()), Rule: dropRule, Priority: alert.Debug,
				Source: alert.SourceInternal, Hostname: m.hostname, Fields: fields,
				Output: text,
			})
		case config.DropExit:
			m.log.Error(text + " Exiting.")
			end = errDrops
		}
	}
	return end
}

// counts is what was found and done so far. Any goroutine may call it.
func (m *dropMonitor) counts() metric.DropActions {
	return metric.DropActions{Detected: m.detections.Load(), Taken: m.actions.Load()}
}

// quoted is a number as the text that internal alerts carry.
func quoted(n uint64) []byte { return strconv.AppendQuote(nil, strconv.FormatUint(n, 10)) }
