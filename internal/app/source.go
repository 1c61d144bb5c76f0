// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/modernbpf"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
)

// kernelConfig is what the configuration says of capturing.
func kernelConfig(o SourceOptions) modernbpf.Config {
	m := &o.Config.Engine.ModernEBPF
	return modernbpf.Config{
		Syscalls:      syscallList(o.Syscalls),
		CPUsPerRing:   int(m.CPUsForEachBuffer),
		BulkBytes:     m.BufBytes(),
		CriticalBytes: m.BufBytes(),
		SnapLen:       int(o.Config.FalcoLibs.Snaplen),
		DropFailed:    m.DropFailedExit,
		NoIterators:   m.DisableIterators,
		Programs:      o.Programs,
		Log:           o.Log,
	}
}

// newKernelSource makes the source that watches the kernel of this machine.
func newKernelSource(o SourceOptions) (source.Source, error) {
	return modernbpf.New(kernelConfig(o)), nil
}

// replays reports whether the events come from a capture file.
func (a *App) replays() bool {
	return a.o.NewSource == nil && a.cfg.Engine.Kind == config.EngineReplay
}

// newReplaySource makes the source that reads the configured capture file.
func (a *App) newReplaySource(o SourceOptions) (source.Source, error) {
	return scap.New(scap.Options{Path: a.cfg.Engine.Replay.CaptureFile, State: a.state, Addrs: a.generation().machine.Addrs, Log: o.Log}), nil
}

// spreadReplay gives a replay its further workers. Captures by rules need the events in the order in which the rules
// see them, beside the state: they stay with one.
func (a *App) spreadReplay(ctx context.Context) (err error) {
	g := a.generation()
	src, ok := a.source.(*scap.Source)
	if !ok || a.o.Workers < 2 {
		return nil
	}
	why := ""
	switch {
	case !src.Plain():
		why = "the file is compressed, or a pipe"
	case a.config().Capture.Enabled:
		why = "rules write captures"
	case g.engine.InOrder():
		why = "a rule counts how often it was asked"
	}
	if why != "" {
		a.log.Warn("the replay has one worker: " + why)
		return nil
	}
	if a.helped, err = newSpread(ctx, src, a.cfg.Engine.Replay.CaptureFile, a.state, a.o.Workers, g.engine, g.machine, a.alert); err != nil {
		return err
	}
	a.source = a.helped
	return nil
}

// loadPrograms begins to load the eBPF programs, which goes on while the rules are read.
func (a *App) loadPrograms(context.Context) error {
	if a.o.DryRun || a.o.NewSource != nil || a.replays() || a.quiet() {
		return nil
	}
	a.programs = modernbpf.Load(kernelConfig(SourceOptions{Config: a.cfg, Log: a.libsLog()}))
	a.onStop(a.programs.Close)
	return nil
}

// syscallList is the set as descriptions.
func syscallList(set filter.SyscallSet) []*event.Syscall {
	var list []*event.Syscall
	for code := range set.All() {
		list = append(list, event.SyscallByCode(code))
	}
	return list
}
