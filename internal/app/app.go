// SPDX-License-Identifier: Apache-2.0

// Package app joins everything: it builds rules, engine, outputs, state and source from a
// configuration, moves events from one to the other, and stops it all in the reverse order.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/modernbpf"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/web"
)

// Options say what to run.
type Options struct {
	Config *config.Config
	// ConfigProblems are the warnings about Config.
	ConfigProblems []diag.Problem
	// RulesPaths replace the configuration's rules files.
	RulesPaths []string

	Stdout, Stderr io.Writer
	// Verbose adds figures of the capture to the summary.
	Verbose bool
	// PIDFile is a file that holds the process' number while it runs; "" for none.
	PIDFile string
	// DryRun stops before events are read.
	DryRun bool
	// Workers is with how many goroutines a capture is replayed, at most MaxWorkers; 0 stands for one.
	Workers int
	// Duration ends the run that long after gyr has begun to watch; 0: it is not limited.
	Duration time.Duration

	// Reread reads the configuration again for a reload, with the same overrides; it prints nothing.
	// nil: it is always Config.
	Reread func() (*config.Config, []diag.Problem)

	// NewSource makes the source of events; nil: the kernel.
	NewSource func(SourceOptions) (source.Source, error)

	// testPath is told which path the self-test opens.
	testPath func(string)
}

// SourceOptions are what a source has to know.
type SourceOptions struct {
	Config *config.Config
	// Syscalls are the system calls to deliver.
	Syscalls filter.SyscallSet
	HostRoot string
	// Programs are the eBPF programs that are being loaded; nil for sources without.
	Programs *modernbpf.Programs
	Log      *slog.Logger
}

// App is one run.
type App struct {
	o Options
	// cfg is the configuration of the start, for what cannot change; App.config is the one in force.
	cfg     *config.Config
	log     *slog.Logger
	begun   time.Time
	cancel  context.CancelCauseFunc
	cleanup []func()

	// current is the generation in force, next one that is ready to take over.
	current, next atomic.Pointer[generation]
	counters      engine.Counters
	reload        reloading

	outputs outputs
	state   *state.State
	source  source.Source
	helped  *spread // the source, if a replay has several workers
	drops   *dropMonitor
	capture *capturing  // nil unless rules write captures
	web     *web.Server // nil: none
	board   board
	dog     watchdog
	watched outputWatch

	identified identified
	// beat is when the goroutine of the events last looked around, in ticks.
	beat atomic.Int64

	programs *modernbpf.Programs
	watcher  sync.WaitGroup

	// drained says that all outputs wrote what they had.
	drained bool
	// stopped says that a signal asked for the end.
	stopped atomic.Bool
	events  atomic.Uint64
	// watching says that events flow and the self-test, if there is one, has passed.
	watching atomic.Bool
	// threads, processes and descriptors are the sizes of the state at the last look.
	threads, processes, descriptors atomic.Int64

	// turns counts the looks of the goroutine of the events: while it rises, they flow.
	turns   atomic.Uint64
	manager *serviceManager

	control *control.Server // nil without
	tail    atomic.Pointer[tailing]
	top     *topping
	// misses are what the source cannot see here.
	misses []string
}

// step is one part of the start.
type step struct {
	name string
	run  func(context.Context) error
}

// steps are all parts, each relying on those before it.
func (a *App) steps() []step {
	return []step{
		{"log", a.openLog},
		{"pid file", a.writePIDFile},
		{"memory", a.limitMemory},
		{"service manager", a.openServiceManager},
		{"eBPF programs", a.loadPrograms},
		{"rules", a.loadRules},
		{"outputs", a.openOutputs},
		{"state", a.buildState},
		{"signals", a.handleSignals},
		{"web server", a.openWeb},
		{"source", a.openSource},
		{"watch over itself", a.watchSelf},
		{"reload", a.startReload},
		{"control", a.openControl},
		{"metrics", a.startMetrics},
		{"web service", a.serveWeb},
	}
}

// errDry ends a dry run before the source is opened.
var errDry = errors.New("dry run")

// Run starts everything, watches until ctx ends, a signal comes or the source has no more events,
// and stops everything. An error means that gyr did not, or no longer, watch.
func Run(ctx context.Context, o Options) error { return newApp(o).run(ctx) }

// newApp returns an App that has not begun.
func newApp(o Options) *App {
	return &App{o: o, cfg: o.Config, reload: newReloading(), board: board{came: make(chan struct{}, 1)}, top: newTopping()}
}

// run is Run for one App, once.
func (a *App) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a.begun, a.cancel = time.Now(), cancel
	defer a.stop()
	a.reload.tried = a.fingerprint(a.cfg)
	for _, s := range a.steps() {
		began := time.Now()
		if err := s.run(ctx); errors.Is(err, errDry) {
			return nil
		} else if err != nil {
			return err
		}
		a.log.Debug("started", "step", s.name, "took", time.Since(began).Round(time.Microsecond))
	}
	err := a.watch(ctx)
	close(a.reload.ended)
	a.stop()
	a.printSummary()
	if err == nil {
		if cause := context.Cause(ctx); errors.Is(cause, errDrops) || errors.Is(cause, output.ErrGone) {
			err = cause
		}
	}
	return err
}

// stop undoes the steps in reverse order; calling it again does nothing.
func (a *App) stop() {
	for len(a.cleanup) > 0 {
		last := len(a.cleanup) - 1
		f := a.cleanup[last]
		a.cleanup = a.cleanup[:last]
		f()
	}
}

// onStop adds to what stop does.
func (a *App) onStop(f func()) { a.cleanup = append(a.cleanup, f) }

// writePIDFile writes the process' number for service managers.
func (a *App) writePIDFile(context.Context) error {
	if a.o.PIDFile == "" || a.o.DryRun {
		return nil
	}
	if err := os.WriteFile(a.o.PIDFile, fmt.Appendln(nil, os.Getpid()), 0o644); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	a.onStop(func() { os.Remove(a.o.PIDFile) })
	return nil
}

// buildState makes the empty state.
func (a *App) buildState(context.Context) error {
	a.state = state.New(state.Options{
		HostRoot:   HostRoot(a.cfg.Gyr.HostRoot),
		MaxThreads: int(a.cfg.FalcoLibs.ThreadTableSize),
		ProcLookup: !a.replays(),
		Logger:     a.libsLog(),

		PurgeInterval: time.Duration(a.cfg.FalcoLibs.ThreadTableAutoPurgingIntervalS) * time.Second,
		PurgeTimeout:  time.Duration(a.cfg.FalcoLibs.ThreadTableAutoPurgingThreadTimeoutS) * time.Second,
	})
	return nil
}
