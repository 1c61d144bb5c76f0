// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"

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
		{Reason: "critical ring full", Events: s.counter(countCriticalLost)},
		{Reason: "bulk ring full", Events: s.counter(countBulkLost)},
		{Reason: "tail call failed", Events: s.counter(countTailCall)},
		{Reason: "program was busy", Events: s.missedRuns()},
		{Reason: "texts over 64 KiB were cut", Events: s.counter(countCut)},
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

// LostByEvent returns the lost records by event name, without those that lost nothing.
func (s *Source) LostByEvent() map[string]uint64 {
	lost := map[string]uint64{}
	if s.coll == nil || s.closed {
		return lost
	}
	var key uint32
	var perCPU []uint64
	it := s.coll.Maps["lost_by_event"].Iterate()
	for it.Next(&key, &perCPU) {
		var sum uint64
		for _, n := range perCPU {
			sum += n
		}
		if info := event.Lookup(event.Type(key)); sum > 0 && info != nil {
			lost[info.Name] += sum
		}
	}
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
