// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// openSource makes events flow and says what is seen.
func (a *App) openSource(ctx context.Context) error {
	if a.o.DryRun {
		a.log.Info("dry run: everything is in order up to the opening of the source")
		return errDry
	}
	newSource := a.o.NewSource
	if newSource == nil {
		newSource = newKernelSource
	}
	src, err := newSource(SourceOptions{Config: a.cfg, Syscalls: a.syscalls, HostRoot: HostRoot(a.cfg.Gyr.HostRoot), Log: a.log})
	if err != nil {
		return explainSource(err)
	}
	if err := src.Open(ctx); err != nil {
		return explainSource(err)
	}
	a.source = src
	a.onStop(func() {
		if err := src.Close(); err != nil {
			a.log.Error("the source could not be closed", "error", err)
		}
	})
	if d, ok := src.(source.Describer); ok {
		sees, misses := d.Describe()
		for _, s := range sees {
			a.log.Info(s)
		}
		for _, s := range misses {
			a.log.Warn(s)
		}
	}
	a.watchDrops(ctx)
	return nil
}

// watchDrops starts the watch over lost events.
func (a *App) watchDrops(ctx context.Context) {
	counter, ok := a.source.(source.Counter)
	if !ok {
		return
	}
	a.drops = newDropMonitor(a.cfg.SyscallEventDrops, counter.Stats)
	a.drops.log, a.drops.send, a.drops.hostname = a.log, a.send, a.machine.Hostname
	done := make(chan struct{})
	a.watcher.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				if err := a.drops.check(now); err != nil {
					a.log.Error(err.Error())
					a.cancel(err)
				}
			}
		}
	})
	a.onStop(func() {
		close(done)
		a.watcher.Wait()
	})
}

// pause is how many events pass between two looks at the clock and at the context.
const pause = 1 << 10

// watch moves events from the source through state and engine until ctx ends or the source does.
// All of that happens in the calling goroutine.
func (a *App) watch(ctx context.Context) error {
	test, err := a.beginSelfTest()
	if err != nil {
		return err
	}
	if test == nil {
		a.sayWatching("")
	}
	var ev event.Event
	var ending *ending
	c := a.engine.NewContext(a.machine)
	for n := uint64(1); ; n++ {
		err := a.source.Next(&ev)
		switch {
		case err == nil:
			th, fd, num := a.state.Apply(&ev)
			c.Reset(&ev, a.state, th, fd, num, filter.SyscallSource)
			a.engine.Process(c)
			if test != nil {
				test.process(&ev, a.state, th, fd, num)
			}
			a.state.After(&ev)
			if n%pause != 0 && (test == nil || !test.passed) {
				continue
			}
		case errors.Is(err, io.EOF):
			a.events.Store(n - 1)
			return unproven(ctx, test)
		case errors.Is(err, source.ErrIdle):
			n--
			if ending != nil && !ending.stopped {
				a.events.Store(n)
				return unproven(ctx, test)
			}
		default:
			a.events.Store(n - 1)
			return fmt.Errorf("source: %w", err)
		}
		a.events.Store(n)
		if ending == nil && ctx.Err() != nil {
			ending = a.beginEnd()
		}
		if ending.over() {
			a.log.Error("the source did not end in time, events were left unread")
			return nil
		}
		if test != nil && ending == nil {
			if test, err = a.tickSelfTest(test, n); err != nil {
				return err
			}
		}
	}
}

// unproven is the error of a run whose time was up before it was known that it sees anything.
func unproven(ctx context.Context, test *selfTest) error {
	if test != nil && !test.passed && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return errors.New("the time was up before the self-test had passed: nothing was watched")
	}
	return nil
}

// ending is the time from the wish to stop to the last event.
type ending struct {
	stopped bool // the source will say when its last event was read
	until   time.Time
}

// beginEnd stops the source, so that only what it holds already is still to be read.
func (a *App) beginEnd() *ending {
	e := &ending{until: time.Now().Add(time.Duration(a.cfg.Gyr.DrainTimeout) * time.Millisecond)}
	if s, ok := a.source.(source.Stopper); ok {
		if err := s.Stop(); err != nil {
			a.log.Error("the source could not be stopped", "error", err)
		} else {
			e.stopped = true
		}
	}
	return e
}

// over reports whether the time is up.
func (e *ending) over() bool { return e != nil && time.Now().After(e.until) }

// sayWatching is the one place that says that gyr watches.
func (a *App) sayWatching(how string) {
	a.log.Info("watching" + how + fmt.Sprintf(" (started in %d ms)", time.Since(a.begun).Milliseconds()))
}
