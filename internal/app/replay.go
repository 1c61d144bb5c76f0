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

// Bench are the figures of a capture that went through rules.
type Bench struct {
	Events, Alerts uint64
	Rules          int
	CPU, Wall      time.Duration
	Allocations    uint64
	Bytes          uint64 // allocated
}

// BenchReplay takes a capture through rules as fast as it goes. Alerts are made and thrown away. The
// time begins when the rules are ready.
func BenchReplay(ctx context.Context, cfg *config.Config, rules []string, path string, log *slog.Logger) (*Bench, error) {
	cat := Catalogue(cfg)
	loaded, err := LoadRules(cfg, rules, cat)
	if err == nil {
		err = loaded.Err()
	}
	if err != nil {
		return nil, err
	}
	b := &Bench{}
	e, err := engine.New(loaded.Set, cat, engine.Options{
		MatchAll: cfg.RuleMatching == config.MatchAll, MinPriority: cfg.Priority, Sink: func(*alert.Alert) { b.Alerts++ },
	})
	if err != nil {
		return nil, err
	}
	b.Rules = e.Rules()
	r, err := OpenReplay(ctx, cfg, path, 0, log)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	r.C.Memo = e.NewContext(nil).Memo
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, cpu := time.Now(), cpuTime()
	for {
		show, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		b.Events++
		if show {
			e.Process(r.C)
		}
	}
	b.Wall, b.CPU = time.Since(began), cpuTime()-cpu
	runtime.ReadMemStats(&after)
	b.Allocations, b.Bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	return b, nil
}
