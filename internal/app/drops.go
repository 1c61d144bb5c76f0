// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// dropRule is the name under which lost events are told.
const dropRule = "Falco internal: syscall event drop"

// errDrops ends a run whose configuration wants that when events are lost.
var errDrops = errors.New("events were lost and syscall_event_drops.actions says exit")

// dropMonitor compares what the source lost with what it delivered, once a second, and acts.
type dropMonitor struct {
	mu    sync.Mutex // held to use or change cfg
	cfg   config.SyscallEventDrops
	stats func() source.Stats
	send  func(*alert.Alert)
	log   *slog.Logger
	// hostname goes into the alerts.
	hostname string

	last       source.Stats
	seen       time.Time
	tokens     float64
	detections uint64
	actions    uint64
}

// newDropMonitor returns a monitor whose first action may come at once.
func newDropMonitor(cfg config.SyscallEventDrops, stats func() source.Stats) *dropMonitor {
	return &dropMonitor{cfg: cfg, stats: stats, tokens: cfg.MaxBurst, log: slog.New(slog.DiscardHandler)}
}

// prepare lets a reload change the thresholds and actions.
func (m *dropMonitor) prepare(cfg *config.Config) (commit, abort func(), err error) {
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.cfg = cfg.SyscallEventDrops
		m.tokens = min(m.tokens, m.cfg.MaxBurst)
	}, nil, nil
}

// check looks at the time since the last check; an error ends the run.
func (m *dropMonitor) check(now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.seen.IsZero() {
		m.tokens = min(m.cfg.MaxBurst, m.tokens+m.cfg.Rate*now.Sub(m.seen).Seconds())
	}
	m.seen = now
	s := m.stats()
	events, lost := s.Events-m.last.Events, s.Lost()-m.last.Lost()
	before := m.last
	m.last = s
	if m.cfg.SimulateDrops {
		lost++
	}
	if lost == 0 {
		return nil
	}
	// What was lost happened too: it counts among the events, as in Falco.
	if float64(lost)/float64(events+lost) <= float64(m.cfg.Threshold) {
		return nil
	}
	m.detections++
	if m.tokens < 1 {
		return nil
	}
	m.tokens--
	m.actions++
	return m.act(now, events, lost, &s, &before)
}

// act performs the configured actions.
func (m *dropMonitor) act(now time.Time, events, lost uint64, s, before *source.Stats) error {
	fields := []alert.Field{{Key: "n_drops", JSON: quoted(lost)}, {Key: "n_evts", JSON: quoted(events)}}
	for i, l := range s.Losses {
		n := l.Events
		if i < len(before.Losses) {
			n -= before.Losses[i].Events
		}
		if n > 0 {
			fields = append(fields, alert.Field{Key: "n_drops_" + strings.ReplaceAll(l.Reason, " ", "_"), JSON: quoted(n)})
		}
	}
	slices.SortFunc(fields, func(a, b alert.Field) int { return strings.Compare(a.Key, b.Key) })
	text := fmt.Sprintf("%s. %d system calls dropped in last second.", dropRule, lost)
	for _, action := range m.cfg.Actions {
		switch action {
		case config.DropIgnore:
		case config.DropLog:
			m.log.Debug(text, "events", events)
		case config.DropAlert:
			m.send(&alert.Alert{
				Time: uint64(now.UnixNano()), Rule: dropRule, Priority: alert.Debug,
				Source: alert.SourceInternal, Hostname: m.hostname, Fields: fields,
				Output: text,
			})
		case config.DropExit:
			m.log.Error(text + " Exiting.")
			return errDrops
		}
	}
	return nil
}

// quoted is a number as the text that internal alerts carry.
func quoted(n uint64) []byte { return strconv.AppendQuote(nil, strconv.FormatUint(n, 10)) }
