// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// openControl serves the control socket, if it can: gyr watches without it, too.
func (a *App) openControl(context.Context) error {
	path := a.cfg.Gyr.Control.Socket
	if a.replays() {
		return nil
	}
	defer a.sayReloading()
	if path == "" {
		return nil
	}
	s, err := control.Listen(path, a.log)
	if err != nil {
		a.log.Warn("gyr reload, status, top and tail cannot reach this gyr", "error", err)
		return nil
	}
	a.control = s
	s.Handle("POST "+control.PathReload, a.serveReload)
	s.Handle("GET "+control.PathStatus, func(w http.ResponseWriter, _ *http.Request) {
		control.Reply(w, http.StatusOK, a.Status())
	})
	t := &tailing{}
	a.tail.Store(t)
	s.Handle("GET "+control.PathAlerts, t.serve)
	s.Handle("GET "+control.PathTop, a.serveTop)
	a.onStop(func() {
		if err := s.Close(); err != nil {
			a.log.Warn("the control socket was not closed well", "error", err)
		}
	})
	return nil
}

// serveReload reloads for who asks, and answers with the result.
func (a *App) serveReload(w http.ResponseWriter, r *http.Request) {
	result, err := a.Reload(r.Context(), "gyr reload")
	if err != nil {
		control.Fail(w, http.StatusServiceUnavailable, err)
		return
	}
	control.Reply(w, http.StatusOK, result)
}

// Status is what can be told of the run now. Any goroutine may call it once the source is open.
func (a *App) Status() *control.Status {
	g := a.generation()
	st := &control.Status{
		Version: Version, Falco: FalcoVersion, PID: os.Getpid(), Hostname: g.machine.Hostname,
		Started: a.begun, Watching: a.watching.Load(), Misses: a.misses,
		Source: string(a.cfg.Engine.Kind), Syscalls: g.selected.Wanted.Len(),
		ConfigFiles: g.cfg.Files, RulesFrom: g.rules.Names, RulesInUse: g.engine.Rules(), RulesLoaded: len(g.rules.Set.Rules),
		Generation: g.number, Since: g.since,
		Reloads: a.reload.done.Load(), Refused: a.reload.refused.Load(), LastReload: a.reload.last.Load(),
		Events:  a.events.Load(),
		Threads: int(a.threads.Load()), Processes: int(a.processes.Load()), Descriptors: int(a.descriptors.Load()),
		RSSBytes: residentBytes(),
	}
	if a.cfg.Engine.Kind == config.EngineKMod || a.cfg.Engine.Kind == config.EngineEBPF {
		st.Source = string(config.EngineModernEBPF)
	}
	if c, ok := a.source.(source.Counter); ok {
		stats := c.Stats()
		for _, l := range stats.Losses {
			st.Losses = append(st.Losses, control.Loss{Reason: l.Reason, Count: l.Events})
		}
	}
	for _, m := range a.counters.Matched(g.engine) {
		st.Alerts += m.Matches
	}
	where := map[string]string{}
	for _, p := range a.outputs.list() {
		where[p.queue.Output().Name()] = p.where
	}
	for _, s := range a.outputs.stats() {
		out := control.Output{Name: s.Name, Where: where[s.Name], Sent: s.Sent, Waiting: s.Waiting}
		for _, l := range s.Losses {
			out.Losses = append(out.Losses, control.Loss{Reason: l.Reason, Count: l.Alerts})
		}
		st.Outputs = append(st.Outputs, out)
	}
	return st
}

// residentBytes is the memory that this process has in RAM.
func residentBytes() uint64 {
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	if f := strings.Fields(string(content)); len(f) > 1 {
		pages, _ := strconv.ParseUint(f[1], 10, 64)
		return pages * uint64(os.Getpagesize())
	}
	return 0
}
