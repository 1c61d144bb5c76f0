// SPDX-License-Identifier: Apache-2.0

package source

import (
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// LossClass says in which part of a source events were lost, as far as Falco's counters tell the
// parts apart.
type LossClass uint8

// The classes of losses.
const (
	LossOther   LossClass = iota // by what should not happen
	LossBuffer                   // a buffer between kernel and reader was full
	LossScratch                  // the event was too large
)

// CPUCount is what happened on one processor.
type CPUCount struct {
	Events, Lost uint64 // written to a buffer; of a wanted kind, but lost
}

// TypeCount counts events of one type.
type TypeCount struct {
	Type   event.Type
	Events uint64
}

// Ring is the state of one buffer between kernel and reader, in bytes.
type Ring struct {
	Name             string // "critical", "bulk 0" …
	Size, Used, Peak uint64 // Peak is the most that was in use when the reader looked
}

// Hook is one program in the kernel.
type Hook struct {
	Name     string // of the program
	Attached bool
	Missed   uint64 // times at which the kernel left it out
	// Runs and Time are how often and how long it ran; 0 unless the kernel counts that.
	Runs uint64
	Time time.Duration
}

// Details are the inner parts of a live source, for metrics and for health.
type Details struct {
	CPUs     []CPUCount  // by the processor's number
	Lost     []TypeCount // losses by type of event, those that are not 0
	Snapshot []TypeCount // records of the snapshot, by type
	Rings    []Ring
	Hooks    []Hook
	// Timed says that the kernel counts how long programs run (kernel.bpf_stats_enabled).
	Timed bool
}

// Detailer is a Source that tells its inner parts. Details may be called by any goroutine while
// the source is open; it costs some system calls.
type Detailer interface {
	Details() Details
}
