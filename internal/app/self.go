// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// healthEvery is how many looks at lost events, one a second, pass between two at the health.
const healthEvery = 10

// watchSelf starts the regular look at lost events and at the health, of a run that watches the
// machine.
func (a *App) watchSelf(context.Context) error {
	counter, ok := a.source.(source.Counter)
	if a.replays() || !ok {
		return nil
	}
	a.drops = newDropMonitor(func() config.SyscallEventDrops { return a.config().SyscallEventDrops }, counter.Stats)
	a.drops.log, a.drops.send, a.drops.hostname = a.log, a.send, a.generation().machine.Hostname
	if d, ok := a.source.(source.Detailer); ok {
		a.drops.lost = func() []source.TypeCount { return d.Details().Lost }
	}
	done := make(chan struct{})
	a.watcher.Go(func() {
		var health healthWatch
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-done:
				return
			case now := <-tick.C:
				if err := a.drops.check(now); err != nil {
					a.log.Error(err.Error())
					a.cancel(err)
				}
				if n%healthEvery == 0 {
					health.say(a.health(), a.log)
				}
			}
		}
	})
	a.onStop(func() {
		close(done)
		a.watcher.Wait()
	})
	return nil
}

// beginWatchdog starts the regular self-test, once the one of the start has passed.
func (a *App) beginWatchdog(now time.Time) {
	tester, ok := a.source.(source.SelfTester)
	every := time.Duration(a.cfg.Gyr.SelfTestInterval) * time.Millisecond
	if !ok || every == 0 {
		return
	}
	code := event.SyscallByName("openat").Code
	a.dog.begin(tester, func() bool { return a.generation().selected.Wanted.Has(code) }, every, now)
}

// timeoutUnit is the time without an event that Falco counts as one timeout: its reader sleeps up to
// 30 ms when it finds nothing (libs, modern eBPF engine).
const timeoutUnit = 30 * time.Millisecond

// timeoutRule is the name under which a long time without events is told.
const timeoutRule = "Falco internal: timeouts notification"

// silence notes how long no event has come. It belongs to the goroutine of the events.
type silence struct {
	events uint64    // at the last look
	since  time.Time // when that many had come
	last   uint64    // time of the newest event, ns since 1970; 0: none came yet
}

// noteSilence tells a silence that is longer than the configuration allows, and then begins to count
// anew.
func (l *loop) noteSilence(now time.Time) {
	s := &l.silent
	if s.events != l.n || s.since.IsZero() {
		if s.events != l.n {
			s.last = l.newest
		}
		s.events, s.since = l.n, now
		return
	}
	limit := l.config().SyscallEventTimeouts.MaxConsecutives
	if l.replays() || l.quiet() || now.Sub(s.since) <= time.Duration(limit)*timeoutUnit {
		return
	}
	s.since = now
	last := "none"
	if s.last != 0 {
		last = string(alert.AppendTime(nil, s.last, &alert.Options{}))
	}
	l.send(&alert.Alert{
		Time: uint64(now.UnixNano()), Rule: timeoutRule, Priority: alert.Debug, Source: alert.SourceInternal, Hostname: l.generation().machine.Hostname,
		Output: fmt.Sprintf("%s. %d consecutive timeouts without event.", timeoutRule, limit),
		Fields: []alert.Field{{Key: "last_event_time", JSON: alert.AppendString(nil, last)}},
	})
}
