// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// The programs' counters: enum in bpf/src/common.h.
const (
	countCritical = iota
	countBulk
	countCriticalLost
	countBulkLost
	countCut
	countTailCall
	countSecond
)

// busyReason is the loss of events at which no program ran.
const busyReason = "program was busy"

func (s *Source) counter(i uint32) (sum uint64) {
	var perCPU []uint64
	if err := s.coll.Maps["counters"].Lookup(i, &perCPU); err != nil {
		return 0
	}
	for _, n := range perCPU {
		sum += n
	}
	return sum
}

// Stats counts what was delivered and what was lost. Any goroutine may call it.
func (s *Source) Stats() source.Stats {
	if s.closed || s.coll == nil {
		return s.final
	}
	st := source.Stats{Events: s.events.Load()}
	st.Losses = []source.Loss{
		{Reason: "critical ring full", Events: s.counter(countCriticalLost), Class: source.LossBuffer},
		{Reason: "bulk ring full", Events: s.counter(countBulkLost), Class: source.LossBuffer},
		{Reason: "tail call failed", Events: s.counter(countTailCall)},
		{Reason: busyReason, Events: s.missedRuns()},
		{Reason: "texts over 64 KiB were cut", Events: s.counter(countCut), Class: source.LossScratch},
		{Reason: "record could not be read", Events: s.malformed.Load()},
	}
	return st
}

// missedRuns counts events at which a program did not run because it was running already on that
// processor and no second one stood in; the kernel counts them.
func (s *Source) missedRuns() (sum uint64) {
	for _, p := range s.progs {
		st, err := p.Stats()
		if err != nil {
			continue
		}
		sum += st.RecursionMisses
	}
	return sum - min(sum, s.counter(countSecond))
}

// hooked is a program at its hook.
type hooked struct {
	name   string
	prog   *ebpf.Program
	link   link.Link
	second bool // it stands in for the first
}

// timesRuns is the switch by which the kernel counts the programs' runs and their time.
const timesRuns = "/proc/sys/kernel/bpf_stats_enabled"

// Details tells of processors, losses, rings and hooks. Any goroutine may call it while the source is
// open.
func (s *Source) Details() source.Details {
	if s.closed || s.coll == nil {
		return source.Details{}
	}
	on, _ := os.ReadFile(timesRuns)
	d := source.Details{CPUs: s.byCPU(), Lost: s.lostByType(), Snapshot: s.listed, Timed: len(on) > 0 && on[0] != '0'}
	for i, r := range s.rings {
		name := "critical"
		if i > 0 {
			name = fmt.Sprintf("bulk %d", i-1)
		}
		d.Rings = append(d.Rings, source.Ring{
			Name: name, Size: r.mask + 1, Used: r.producer.Load() - r.consumer.Load(), Peak: r.peak.Load(),
		})
	}
	s.hookMu.Lock()
	defer s.hookMu.Unlock()
	for _, h := range s.hooked {
		hook := source.Hook{Name: h.name}
		if h.second {
			hook.Name += "_second"
		}
		if _, err := h.link.Info(); err == nil {
			hook.Attached = true
		}
		if st, err := h.prog.Stats(); err == nil {
			hook.Missed, hook.Runs, hook.Time = st.RecursionMisses, st.RunCount, st.Runtime
		}
		d.Hooks = append(d.Hooks, hook)
	}
	return d
}

// byCPU counts what each processor wrote and lost.
func (s *Source) byCPU() []source.CPUCount {
	var cpus []source.CPUCount
	add := func(i uint32, to func(*source.CPUCount) *uint64) {
		var perCPU []uint64
		if s.coll.Maps["counters"].Lookup(i, &perCPU) != nil {
			return
		}
		if cpus == nil {
			cpus = make([]source.CPUCount, len(perCPU))
		}
		for n, v := range perCPU {
			*to(&cpus[n]) += v
		}
	}
	for _, i := range []uint32{countCritical, countBulk} {
		add(i, func(c *source.CPUCount) *uint64 { return &c.Events })
	}
	for _, i := range []uint32{countCriticalLost, countBulkLost, countTailCall} {
		add(i, func(c *source.CPUCount) *uint64 { return &c.Lost })
	}
	return cpus
}

// countTypes counts whole records by their type, in the order of the types.
func countTypes(records []byte) (counts []source.TypeCount) {
	var n [event.NumTypes]uint64
	for all := (snapshot{data: records}); ; {
		rec := all.next()
		if rec == nil {
			break
		}
		if t := binary.LittleEndian.Uint16(rec[20:]); int(t) < len(n) {
			n[t]++
		}
	}
	for t, events := range n {
		if events > 0 {
			counts = append(counts, source.TypeCount{Type: event.Type(t), Events: events})
		}
	}
	return counts
}

// lostByType returns the lost records by the type of their events, those that are not 0. The map is
// large, so it is only read when something was lost since the last time.
func (s *Source) lostByType() []source.TypeCount {
	s.lostMu.Lock()
	defer s.lostMu.Unlock()
	sum := s.counter(countCriticalLost) + s.counter(countBulkLost)
	if sum == s.lostSum {
		return s.lostTypes
	}
	var lost []source.TypeCount
	var key uint32
	var perCPU []uint64
	it := s.coll.Maps["lost_by_event"].Iterate()
	for it.Next(&key, &perCPU) {
		var n uint64
		for _, v := range perCPU {
			n += v
		}
		if n > 0 && event.Lookup(event.Type(key)) != nil {
			lost = append(lost, source.TypeCount{Type: event.Type(key), Events: n})
		}
	}
	s.lostTypes, s.lostSum = lost, sum
	return lost
}

// Describe says what the source sees here and what it cannot.
func (s *Source) Describe() (sees, misses []string) {
	sees = append(sees, fmt.Sprintf("%d system calls at sys_exit, process exec, fork and exit (%s programs)", len(s.cfg.Syscalls), s.form))
	sees = append(sees, fmt.Sprintf("%d ring buffers: critical %d MiB, %d bulk of %d MiB", len(s.rings),
		ringSize(s.cfg.CriticalBytes)>>20, len(s.rings)-1, ringSize(s.cfg.BulkBytes)>>20))
	misses = append(misses, s.misses...)
	for _, c := range s.cfg.Syscalls {
		if !Decoded(c) && c.Number() >= 0 {
			misses = append(misses, fmt.Sprintf("system call %s is not decoded yet", c.Name))
		}
	}
	return sees, misses
}
