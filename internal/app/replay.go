// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// Replay reads a capture event by event, for who looks into it without rules.
type Replay struct {
	// C is the context of the current event.
	C *field.Context

	src   *scap.Source
	state *state.State
	ev    event.Event
	began bool
}

// OpenReplay opens a capture; "-" is standard input. memo is the length that the filters need which
// are to be tested.
func OpenReplay(ctx context.Context, cfg *config.Config, path string, memo int, log *slog.Logger) (*Replay, error) {
	m := field.LocalMachine()
	m.Addrs, m.Base64 = map[netip.Addr]struct{}{}, cfg.BufferFormatBase64
	r := &Replay{C: field.NewContext(m), state: state.New(state.Options{HostRoot: HostRoot(cfg.Gyr.HostRoot), MaxThreads: int(cfg.FalcoLibs.ThreadTableSize), Logger: log})}
	r.C.Memo = make([]uint32, memo)
	r.src = scap.New(scap.Options{Path: path, State: r.state, Addrs: m.Addrs, Log: log})
	if err := r.src.Open(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Next goes to the next event and brings the state up to it; io.EOF says that there is none, the
// context's error that it has ended. show is false for events that rules do not see.
func (r *Replay) Next(ctx context.Context) (show bool, err error) {
	if r.began {
		r.state.After(&r.ev)
	}
	r.began = false
	for {
		err := r.src.Next(&r.ev)
		if err == nil {
			break
		}
		if !errors.Is(err, source.ErrIdle) {
			return false, err
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	r.began = true
	th, fd, num := r.state.Apply(&r.ev)
	r.C.Reset(&r.ev, r.state, th, fd, num, filter.SyscallSource)
	typ := r.ev.Type()
	return !r.src.Prompt() && !(r.ev.Info().IsSyscall() && typ.IsEnter()), nil
}

// Machine is the machine that was captured.
func (r *Replay) Machine() scap.Machine { return r.src.Machine() }

// Close closes the capture.
func (r *Replay) Close() error { return r.src.Close() }

// Trial is a capture that is taken through rules without outputs.
type Trial struct {
	Config *config.Config
	Rules  []string // files and directories; none: those of the configuration
	Path   string   // of the capture; "-" is standard input
	// Workers is the number of goroutines, at most MaxWorkers (see spread); 0 stands for one.
	Workers int
	// Sink gets the alerts; nil: they are made and thrown away.
	Sink func(*alert.Alert)
	Log  *slog.Logger
}

// Bench are the figures of a Trial. The times begin when the rules are ready.
type Bench struct {
	Events, Alerts uint64
	Rules          int
	Workers        int // that were used: 1 where the capture cannot be read by several
	CPU, Wall      time.Duration
	Allocations    uint64
	Bytes          uint64 // allocated
}

// Do takes the capture through the rules as fast as it goes.
func (o *Trial) Do(ctx context.Context) (*Bench, error) {
	b := &Bench{}
	sink := func(a *alert.Alert) {
		b.Alerts++
		if o.Sink != nil {
			o.Sink(a)
		}
	}
	e, err := o.engine(sink)
	if err != nil {
		return nil, err
	}
	b.Rules = e.Rules()
	r, err := OpenReplay(ctx, o.Config, o.Path, 0, o.Log)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, cpu := time.Now(), cpuTime()
	if b.Workers = 1; r.src.Plain() && !e.InOrder() {
		b.Workers = min(max(o.Workers, 1), MaxWorkers)
	}
	if b.Events, err = o.through(ctx, r, e, b.Workers, sink); err != nil {
		return nil, err
	}
	b.Wall, b.CPU = time.Since(began), cpuTime()-cpu
	runtime.ReadMemStats(&after)
	b.Allocations, b.Bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	return b, nil
}

// engine loads the rules and compiles them.
func (o *Trial) engine(sink func(*alert.Alert)) (*engine.Engine, error) {
	cat := Catalogue(o.Config)
	loaded, err := LoadRules(o.Config, o.Rules, cat)
	if err == nil {
		err = loaded.Err()
	}
	if err != nil {
		return nil, err
	}
	return engine.New(loaded.Set, cat, engine.Options{
		MatchAll: o.Config.RuleMatching == config.MatchAll, MinPriority: o.Config.Priority, Sink: sink,
	})
}

// through takes all events through the rules and returns how many there were.
func (o *Trial) through(ctx context.Context, r *Replay, e *engine.Engine, workers int, sink func(*alert.Alert)) (events uint64, err error) {
	var next source.Source = r.src
	var process func(*event.Event)
	if r.src.Plain() {
		p, err := newSpread(ctx, r.src, o.Path, r.state, workers, e, r.C.Machine, sink)
		if err != nil {
			return 0, err
		}
		defer func() {
			p.Close()
			events = p.events()
		}()
		next, process = p, p.process
	} else {
		process = evaluator(r.src, e, r.state, e.NewContext(r.C.Machine))
	}
	for {
		switch err := next.Next(&r.ev); {
		case err == nil:
			process(&r.ev)
			events++
		case errors.Is(err, io.EOF):
			return events, nil
		case !errors.Is(err, source.ErrIdle):
			return events, err
		case ctx.Err() != nil:
			return events, ctx.Err()
		}
	}
}

// evaluator returns what takes an event of src through state and engine in the calling goroutine.
func evaluator(src source.Prompter, e *engine.Engine, st *state.State, c *field.Context) func(*event.Event) {
	return func(ev *event.Event) {
		th, fd, num := st.Apply(ev)
		if e.Tests(ev.Type()) && !src.Prompt() {
			c.Reset(ev, st, th, fd, num, filter.SyscallSource)
			e.Process(c)
		} else {
			c.Pass(ev.Time())
		}
		st.After(ev)
	}
}
