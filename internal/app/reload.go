// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// reloadRule is the name under which a refused reload is told.
const reloadRule = "Falco internal: hot restart failure"

// reloadable is a part of the program that goes over to a new configuration without being stopped.
// Parts register with App.onReload before the step "reload".
type reloadable interface {
	// prepare makes ready for a configuration without changing anything that is in force. An error
	// refuses the whole reload. Exactly one of the functions is called after a success, and before
	// the next prepare: commit once events go through the new rules, abort if that does not happen.
	// Both may be nil. They are called by the goroutine of the reloads.
	prepare(cfg *config.Config) (commit, abort func(), err error)
}

// reloading is the part of an App that loads configuration and rules again.
type reloading struct {
	parts    []reloadable
	requests chan reloadRequest
	// ended is closed when the events have ended: nobody takes a generation over any more.
	ended chan struct{}
	// tried is the content of the files of the last attempt.
	tried fingerprint
	// draining are the outputs that are no longer used and still write.
	draining sync.WaitGroup

	done, refused atomic.Uint64
	last          atomic.Pointer[control.Reload]
}

// reloadRequest asks for a reload.
type reloadRequest struct {
	reason string
	// reply gets the result; nil for who does not wait. It must have room for one.
	reply chan<- *control.Reload
}

// newReloading returns the part that reloads, not running yet.
func newReloading() reloading {
	return reloading{requests: make(chan reloadRequest, 4), ended: make(chan struct{})}
}

// onReload registers a part that a reload changes.
func (a *App) onReload(p reloadable) { a.reload.parts = append(a.reload.parts, p) }

// requestReload asks for a reload without waiting for it. While one waits already, another would
// read the same.
func (a *App) requestReload(reason string) {
	select {
	case a.reload.requests <- reloadRequest{reason: reason}:
	default:
	}
}

// Reload loads configuration and rules again and waits until they are in force or refused.
func (a *App) Reload(ctx context.Context, reason string) (*control.Reload, error) {
	reply := make(chan *control.Reload, 1)
	select {
	case a.reload.requests <- reloadRequest{reason, reply}:
	case <-a.reload.ended:
		return nil, errNoGeneration
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case r := <-reply:
		return r, nil
	case <-a.reload.ended:
		return nil, errNoGeneration
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// startReload starts the goroutine that reloads, on request and when files change.
func (a *App) startReload(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	files := a.watchFiles()
	running.Go(func() { a.runReloads(ctx, files) })
	a.onStop(func() {
		cancel()
		running.Wait()
		a.reload.draining.Wait()
		if g := a.generation(); g != nil {
			g.end()
		}
	})
	return nil
}

// runReloads carries out one reload after the other until ctx ends.
func (a *App) runReloads(ctx context.Context, files *fileWatch) {
	defer files.close()
	for {
		request := reloadRequest{}
		select {
		case <-ctx.Done():
			return
		case request = <-a.reload.requests:
		case <-files.changed():
			if !a.filesDiffer() {
				files.update(a)
				a.log.Debug("files were touched, but are as they were")
				continue
			}
			request.reason = "a file changed"
		case err := <-files.errors():
			a.log.Error("changes of files may have been missed", "error", err)
			continue
		}
		result := a.tryReload(ctx, request.reason)
		if request.reply != nil {
			request.reply <- result
		}
		files.update(a)
		if a.config().WatchConfigFiles && a.filesDiffer() { // while nobody looked
			a.requestReload("a file changed")
		}
	}
}

// tryReload carries out one reload and tells everybody what became of it.
func (a *App) tryReload(ctx context.Context, reason string) *control.Reload {
	r := &control.Reload{Reason: reason, Time: time.Now()}
	a.manager.reloading()
	err := a.reloadInto(ctx, r)
	a.manager.ready("watching")
	g := a.generation()
	r.Generation, r.InUse, r.OK = g.number, g.engine.Rules(), err == nil
	var counter *atomic.Uint64
	switch {
	case err == nil:
		counter = &a.reload.done
		a.sayReloaded(r)
	case ctx.Err() != nil:
		r.Error = errNoGeneration.Error()
		return r
	default:
		counter = &a.reload.refused
		a.refuse(r, err)
	}
	a.reload.last.Store(r)
	counter.Add(1)
	return r
}

// refuse says that a reload did not happen: in the log, to the outputs, and in r.
func (a *App) refuse(r *control.Reload, err error) {
	r.Error = err.Error()
	what := r.Error
	var mistakes *MistakesError
	if errors.As(err, &mistakes) {
		r.Error, what = mistakes.Short(), mistakes.What
		for _, p := range mistakes.Problems {
			r.Diagnostics = append(r.Diagnostics, p.Text())
		}
	}
	a.log.Error("reload refused (" + r.Reason + "), everything stays as it was: " + what)
	for _, d := range r.Diagnostics {
		a.log.Error(d)
	}
	a.send(&alert.Alert{
		Time: uint64(time.Now().UnixNano()), Rule: reloadRule, Priority: alert.Critical, Source: alert.SourceInternal,
		Hostname: a.generation().machine.Hostname, Output: reloadRule + ": " + r.Error,
	})
}

// reloadInto makes the next generation and puts it in force, and notes in r what differs. After an
// error nothing has changed.
func (a *App) reloadInto(ctx context.Context, r *control.Reload) (err error) {
	old := a.generation()
	cfg, problems := a.readAgain()
	a.reload.tried = a.fingerprint(cfg)
	if err := mistakes("the configuration cannot be used", problems); err != nil {
		return err
	}
	r.Restart = keepStart(cfg, a.cfg)
	g, err := a.buildGeneration(cfg, problems, old)
	if err != nil {
		return err
	}
	c, err := a.prepareChange(g)
	if err != nil {
		return err
	}
	g.begin(ctx, old)
	r.BuildMS = millis(time.Since(r.Time))
	if err := a.swap(ctx, g, old); err != nil {
		c.abort()
		g.end()
		return err
	}
	r.SwapMS = millis(time.Since(r.Time)) - r.BuildMS
	old.end()
	c.commit()
	a.counters.Prune(g.engine)
	r.Rules, r.Syscalls, r.Outputs = diffRules(old, g), diffCalls(old.selected.Wanted, g.selected.Wanted), c.outputs
	// What the old rules and the making of the new ones held goes back to the system.
	debug.FreeOSMemory()
	return nil
}

// millis is a duration in milliseconds.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// readAgain reads the configuration. What cannot be used is among the problems.
func (a *App) readAgain() (*config.Config, []diag.Problem) {
	if a.o.Reread != nil {
		return a.o.Reread()
	}
	cfg := *a.o.Config
	return &cfg, a.o.ConfigProblems
}

// change is what all parts have prepared for a generation.
type change struct {
	commits, aborts []func()
	outputs         control.Change
}

// commit lets all parts go over.
func (c *change) commit() {
	for _, f := range c.commits {
		f()
	}
}

// abort lets all parts throw away what they prepared, the last one first.
func (c *change) abort() {
	for _, f := range slices.Backward(c.aborts) {
		f()
	}
}

// add enters what one part has prepared.
func (c *change) add(commit, abort func()) {
	if commit != nil {
		c.commits = append(c.commits, commit)
	}
	if abort != nil {
		c.aborts = append(c.aborts, abort)
	}
}

// prepareChange opens new outputs and lets all parts prepare.
func (a *App) prepareChange(g *generation) (*change, error) {
	c := &change{}
	before := a.outputs.list()
	now, stale, err := buildOutputs(a.outputOptions(g.cfg), before)
	if err != nil {
		return nil, err
	}
	g.outputs = now
	c.outputs = diffOutputs(before, now)
	fresh := slices.DeleteFunc(slices.Clone(now), func(p *openOutput) bool { return slices.Contains(before, p) })
	c.add(func() { a.retire(stale) }, func() {
		for _, p := range fresh {
			p.queue.Stop(context.Background()) // nothing waits in it
		}
	})
	for _, p := range a.reload.parts {
		commit, abort, err := p.prepare(g.cfg)
		if err != nil {
			c.abort()
			return nil, err
		}
		c.add(commit, abort)
	}
	return c, nil
}

// retire lets outputs that are no longer used write what waits, in the background.
func (a *App) retire(stale []*openOutput) {
	if len(stale) == 0 {
		return
	}
	a.reload.draining.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(a.config().Gyr.DrainTimeout)*time.Millisecond)
		defer cancel()
		a.outputs.stop(ctx, stale, a.log)
	})
}

// swap puts a generation in force: first the system calls that it needs are switched on, then the
// events go over to it, and only then those that nobody needs any more are switched off. So there is
// no moment at which a call that either wants is not watched.
func (a *App) swap(ctx context.Context, g, old *generation) error {
	s, _ := a.source.(source.Selector)
	both := old.selected.Wanted.Union(g.selected.Wanted)
	widened, narrowed := !both.Minus(old.selected.Wanted).Empty(), !both.Minus(g.selected.Wanted).Empty()
	if s != nil && widened {
		if err := s.Select(syscallList(both)); err != nil {
			return fmt.Errorf("switch on system calls: %w", err)
		}
	}
	a.next.Store(g)
	select {
	case <-g.taken:
	case <-a.reload.ended:
	case <-ctx.Done():
	}
	if a.next.CompareAndSwap(g, nil) {
		if s != nil && widened {
			_ = s.Select(syscallList(old.selected.Wanted)) // gyr is about to stop
		}
		return errNoGeneration
	}
	<-g.taken
	if s != nil && narrowed {
		if err := s.Select(syscallList(g.selected.Wanted)); err != nil {
			a.log.Warn("system calls that no rule needs any more are still watched", "error", err)
		}
	}
	return nil
}

// diffCalls names the system calls that are watched anew and no more.
func diffCalls(before, now filter.SyscallSet) control.Change {
	return control.Change{Added: SyscallNames(now.Minus(before)), Removed: SyscallNames(before.Minus(now))}
}
