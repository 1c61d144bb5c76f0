// SPDX-License-Identifier: Apache-2.0

package state

import (
	"log/slog"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// Options bound the state and say where it may look things up. The zero value of a limit means
// its default.
type Options struct {
	// HostRoot is where the host's root directory is seen: "/" or, in a container, its mount.
	HostRoot string
	// MaxThreads bounds the thread table; threads beyond are dropped and counted.
	MaxThreads int
	// MaxFDBytes bounds the memory of all descriptor tables together.
	MaxFDBytes int
	// MaxLineageBytes bounds the memory of processes that are gone but still someone's lineage.
	MaxLineageBytes int
	// MaxLineageDepth bounds how many gone processes one lineage holds.
	MaxLineageDepth int
	// ProcLookup allows to read /proc for threads and descriptors that no event told of.
	ProcLookup bool
	// MaxLookups bounds the lookups in /proc per second.
	MaxLookups int
	// Logger receives what went wrong; nil discards it.
	Logger *slog.Logger
}

// The defaults of Options.
const (
	DefaultMaxThreads      = 262144
	DefaultMaxFDBytes      = 256 << 20
	DefaultMaxLineageBytes = 16 << 20
	DefaultMaxLineageDepth = 64
	DefaultMaxLookups      = 2000
)

func (o *Options) setDefaults() {
	if o.HostRoot == "" {
		o.HostRoot = "/"
	}
	if o.MaxThreads <= 0 {
		o.MaxThreads = DefaultMaxThreads
	}
	if o.MaxFDBytes <= 0 {
		o.MaxFDBytes = DefaultMaxFDBytes
	}
	if o.MaxLineageBytes <= 0 {
		o.MaxLineageBytes = DefaultMaxLineageBytes
	}
	if o.MaxLineageDepth <= 0 {
		o.MaxLineageDepth = DefaultMaxLineageDepth
	}
	if o.MaxLookups <= 0 {
		o.MaxLookups = DefaultMaxLookups
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// State is all that is known of the machine. It belongs to one goroutine.
type State struct {
	opt     Options
	threads map[int64]*Thread
	procs   map[int64]*Process
	stats   Stats
}

// New returns an empty state.
func New(o Options) *State {
	o.setDefaults()
	return &State{opt: o, threads: map[int64]*Thread{}, procs: map[int64]*Process{}}
}

// Apply does what an event changes before rules may see it. It returns the thread that caused the
// event, a fake one if nothing is known of it, nil only for events that no thread causes; the
// descriptor that the event is about, nil if it is unknown; and its number, -1 if it is about none.
// What it returns is borrowed until the next Apply.
func (s *State) Apply(ev *event.Event) (th *Thread, fd *FD, fdnum int64) {
	return s.fake(ev.TID()), nil, -1
}

// After does what an event changes once the rules have seen it: what was closed or has exited goes.
func (s *State) After(ev *event.Event) {}

func (s *State) fake(tid int64) *Thread {
	return &Thread{TID: tid, Fake: true}
}

// Thread returns the thread with that number, nil if it is unknown. It looks into the table alone.
func (s *State) Thread(tid int64) *Thread { return s.threads[tid] }

// Process returns the process with that number, nil if it is unknown.
func (s *State) Process(pid int64) *Process { return s.procs[pid] }

// Stats returns the counters and sizes of now.
func (s *State) Stats() Stats { return s.stats }
