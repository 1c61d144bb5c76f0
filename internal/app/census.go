// SPDX-License-Identifier: Apache-2.0

package app

import (
	"hash/maphash"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/tally"
)

// topWindow is how long events are counted before the counts are handed out, topPlaces how many
// processes and containers are told apart.
const (
	topWindow = time.Second
	topPlaces = 256
)

// census counts events by who caused them, for one window after the other. Only the goroutine of the
// events touches it; it does not allocate while it counts.
type census struct {
	from       time.Time
	processes  *tally.Table[processKey, caller]
	containers *tally.Table[string, struct{}]
	calls      []uint32 // generic events, by the code of the system call
}

// processKey is the identity of a process.
type processKey struct {
	pid   int64
	start uint64
}

// caller is what is told of a process.
type caller struct{ name, exe, container string }

// newCensus begins to count.
func newCensus(now time.Time) *census {
	seed := maphash.MakeSeed()
	salt := maphash.String(seed, "")
	return &census{
		from: now,
		processes: tally.New[processKey, caller](topPlaces, func(k processKey) uint64 {
			h := (uint64(k.pid) ^ salt) * 0x9e3779b97f4a7c15
			h = (h ^ h>>32 ^ k.start) * 0xd6e8feb86659fd93
			return h ^ h>>32
		}),
		containers: tally.New[string, struct{}](topPlaces, func(id string) uint64 { return maphash.String(seed, id) }),
		calls:      make([]uint32, len(event.Syscalls())),
	}
}

// count counts an event; th is nil if no thread caused it.
func (c *census) count(ev *event.Event, th *state.Thread) {
	if ev.Type()|1 == event.Generic {
		if sc := ev.GenericCall(); sc != nil {
			c.calls[sc.Code]++
		}
	}
	if th == nil || th.Proc == nil {
		return
	}
	p := th.Proc
	key := processKey{p.PID, p.StartTime}
	if p.PID < 0 {
		key.pid = th.TID // all that is known
	}
	who, fresh := c.processes.Add(key)
	if fresh || who.exe != p.ExePath || who.container != p.Container.ID {
		*who = caller{nameOf(p, th), p.ExePath, p.Container.ID}
	}
	c.containers.Add(p.Container.ID)
}

// counted is what is handed out at the end of a window. It is never changed, and next is closed when
// a newer one is there.
type counted struct {
	*published
	seconds    float64
	processes  []control.ProcessRate
	containers []control.ContainerRate
	calls      map[string]uint64
	next       chan struct{}
}

// close ends a window: it returns its counts and begins the next one.
func (c *census) close(now time.Time, p *published, st *state.State) *counted {
	out := &counted{published: p, seconds: max(now.Sub(c.from).Seconds(), 1e-3), calls: map[string]uint64{}, next: make(chan struct{})}
	names := map[string]*control.Container{}
	name := func(id string) *control.Container {
		if id != "" && names[id] == nil {
			names[id] = containerOf(st, id)
		}
		return names[id]
	}
	c.processes.Each(func(e tally.Entry[processKey, caller]) {
		out.processes = append(out.processes, control.ProcessRate{
			Process:   control.Process{PID: e.Key.pid, Name: e.Value.name, Exe: e.Value.exe},
			Container: name(e.Value.container), PerSecond: float64(e.Count) / out.seconds, Over: float64(e.Over) / out.seconds,
		})
	})
	c.containers.Each(func(e tally.Entry[string, struct{}]) {
		r := control.ContainerRate{PerSecond: float64(e.Count) / out.seconds, Over: float64(e.Over) / out.seconds}
		if d := name(e.Key); d != nil {
			r.Container = *d
		}
		out.containers = append(out.containers, r)
	})
	for code, n := range c.calls {
		if n > 0 {
			out.calls[event.SyscallByCode(uint16(code)).Name] += uint64(n)
		}
	}
	c.from = now
	c.processes.Reset()
	c.containers.Reset()
	clear(c.calls)
	return out
}

// turn begins and ends windows as long as somebody wants them. The goroutine of the events calls it
// from time to time.
func (l *loop) turn(now time.Time) {
	switch {
	case l.top.wanted.Load() == 0:
		l.census = nil
	case l.census == nil:
		l.census = newCensus(now)
	case now.Sub(l.census.from) >= topWindow:
		next := l.census.close(now, l.copy(), l.state)
		close(l.top.latest.Swap(next).next)
	}
}
