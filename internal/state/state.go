// SPDX-License-Identifier: Apache-2.0

package state

import (
	"log/slog"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state/container"
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
	// PurgeInterval is the time in which all threads are looked at for a missed end, PurgeTimeout
	// how long one must have been silent before it is doubted.
	PurgeInterval, PurgeTimeout time.Duration
	// Now is the clock of the events, ns since the epoch; the machine's by default.
	Now func() uint64
	// Containers tells which cgroups are containers; nil stands for all runtimes.
	Containers *container.Matcher
	// Logger receives what went wrong; nil discards it.
	Logger *slog.Logger
}

// The defaults of Options.
const (
	DefaultMaxThreads      = 262144
	DefaultMaxFDBytes      = 256 << 20
	DefaultMaxLineageBytes = 16 << 20
	DefaultMaxLineageDepth = 64
	DefaultMaxLookups      = 200
	DefaultPurgeInterval   = 300 * time.Second
	DefaultPurgeTimeout    = 300 * time.Second
)

// setDefaults replaces what was left out.
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
	if o.PurgeInterval <= 0 {
		o.PurgeInterval = DefaultPurgeInterval
	}
	if o.PurgeTimeout <= 0 {
		o.PurgeTimeout = DefaultPurgeTimeout
	}
	if o.Now == nil {
		o.Now = func() uint64 { return uint64(time.Now().UnixNano()) }
	}
	if o.Containers == nil {
		o.Containers = container.NewMatcher()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// State is all that is known of the machine. It belongs to one goroutine.
type State struct {
	opt      Options
	threads  threadTable
	procs    map[int64]*Process
	families map[int64]*family // by the number of the parent
	// spareFamilies wait to be used again.
	spareFamilies []*family
	nobody        *Process // the process of ghost
	ghost         Thread   // a fake thread that is not entered
	pool          fdPool
	stats         Stats

	peakThreads, peakProcs int
	exits                  recentExits

	goneQueue []*Process // gone processes, longest first; some forgotten meanwhile
	gone      int
	goneBytes int

	names   interner
	argvs   blocks[argv]
	envs    blocks[[]string]
	cgroups blocks[cgroupSet]
	scratch []byte
	line    []byte
	nums    []int64

	containers *container.Matcher
	users      userTables
	meta       map[string]*Metadata // by the containers' ids
	described  ContainerRef         // by the event that is being applied
	learner    Learner              // nil without one
	proc       *procFS
	told       told // what /proc told at this event, in a replay
	enters     bool // there were enter events that wait for their exits
	snap       snapshot

	// The event that is being applied.
	ts      uint64
	th      *Thread
	fd      *FD
	num     int64
	loose   FD   // a descriptor that rules see but that enters no table
	changed *FD  // whose name the event changed
	holdT   bool // a snapshot tells of a later time of the thread
	holdP   bool // likewise of its process
	after   afterwards

	nextPurge uint64
}

// New returns an empty state.
func New(o Options) *State {
	o.setDefaults()
	s := &State{
		opt:        o,
		threads:    newThreadTable(),
		procs:      map[int64]*Process{},
		families:   map[int64]*family{},
		nobody:     unknownProcess(),
		pool:       fdPool{limit: o.MaxFDBytes},
		exits:      newRecentExits(),
		names:      newInterner(),
		argvs:      newBlocks[argv](generationBytes),
		envs:       newBlocks[[]string](2 * generationBytes),
		cgroups:    newBlocks[cgroupSet](generationBytes / 4),
		containers: o.Containers,
		users:      newUserTables(o.HostRoot),
		num:        -1,
	}
	s.proc = newProcFS(s)
	return s
}

// Reset forgets everything, as if the state were new.
func (s *State) Reset() { *s = *New(s.opt); s.proc.s = s }

// Apply does what an event changes before rules may see it. It returns the thread that caused the
// event, a fake one if nothing is known of it, nil for events that no thread causes and for the exit
// of an unknown thread; the
// descriptor that the event is about, nil if it is unknown; and its number, -1 if it is about none.
// What it returns is borrowed until the next Apply.
func (s *State) Apply(ev *event.Event) (th *Thread, fd *FD, fdnum int64) {
	s.flush()
	if s.told.some {
		s.told.turn(true)
	}
	if s.changed != nil {
		s.changed.Flags &^= FDNameChanged
		s.changed = nil
	}
	typ := ev.Type()
	info := ev.Info()
	if s.described.ID != "" {
		s.described = ContainerRef{}
	}
	s.ts, s.th, s.fd, s.num = ev.Time(), nil, nil, -1
	if info.Category&event.CatIter != 0 {
		handlers[typ](s, ev, nil)
		return s.th, nil, -1
	}
	if s.snap.open {
		s.endSnapshot()
	}
	if !hasThread(info) {
		if h := handlers[typ]; h != nil {
			h(s, ev, nil)
		}
		return nil, nil, -1
	}
	if s.ts >= s.nextPurge {
		s.purge()
	}
	t := s.caller(ev.TID(), typ)
	if t == nil {
		return nil, nil, -1
	}
	s.th = t
	s.holdT = t.snapshot >= s.ts
	s.holdP = t.Proc.snapshot >= s.ts
	if s.ts > t.seen {
		t.seen = s.ts
	}
	if i := fdParams[typ]; i >= 0 {
		if n, ok := ev.Int(int(i)); ok {
			s.num = n
			if s.fd = t.Proc.FDs.Get(n); s.fd == nil && s.asks() && learnable(ev, t) {
				s.fd = s.lookFD(t.Proc, n)
			}
		}
	}
	if relativePaths[typ][0].path != 0 && s.asks() && learnable(ev, t) {
		s.learnDirs(ev, t)
	}
	if h := handlers[typ]; h != nil {
		h(s, ev, t)
	}
	return s.th, s.fd, s.num
}

// hasThread reports whether an event is caused by the thread in its header.
func hasThread(info *event.Info) bool {
	return info.Category&event.CatMeta == 0 && info.Category&event.CatPlugin == 0 || info.Code == procInfo
}

// procInfo is the event with a thread's processor time.
const procInfo event.Type = 234

// caller returns the thread that caused an event. Threads that come or go are not looked up: what
// their events say is newer than what /proc could.
func (s *State) caller(tid int64, typ event.Type) *Thread {
	t := s.threads.get(tid)
	if t != nil && (!t.Fake || t.retry > s.ts) || typ == event.Switch || typ == procInfo {
		return t // the scheduler's events are no reason to look for anybody
	}
	lookup := true
	switch typ {
	case event.Clone, event.Fork, event.VFork, event.Clone3, event.ProcExit:
		lookup = false
	}
	if lookup {
		if found := s.lookup(tid); found != nil {
			return found
		}
	}
	switch {
	case t != nil:
		return t
	case typ == event.ProcExit:
		// Nothing was known of it and nothing will be.
		s.exits.add(tid, s.ts, "")
		return nil
	case !lookup:
		// The event itself is about to tell who this is.
		s.ghost = Thread{TID: tid, VTID: -1, Proc: s.nobody, Comm: na, UID: NoID, GID: NoID, Fake: true}
		return &s.ghost
	}
	return s.fakeThread(tid)
}

// After does what an event changes once the rules have seen it: what was closed or has exited goes.
func (s *State) After(ev *event.Event) { s.flush() }

// Thread returns the thread with that number, nil if it is unknown. It looks into the table alone.
func (s *State) Thread(tid int64) *Thread { return s.threads.get(tid) }

// Process returns the process with that number, nil if it is unknown.
func (s *State) Process(pid int64) *Process { return s.procs[pid] }

// handler applies one kind of event; t is the thread that caused it.
type handler func(s *State, ev *event.Event, t *Thread)
