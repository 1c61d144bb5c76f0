// SPDX-License-Identifier: Apache-2.0

// Package modernbpf is the source of live events for kernels with BTF and BPF ring buffers (5.8 and
// later). Programs at the exit of system calls and at the scheduler's tracepoints write records into
// rings; the source merges the rings by time.
package modernbpf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// Config says how the source captures. The zero value is usable but for Syscalls.
type Config struct {
	// Syscalls are the calls to capture; those that the state needs must be among them.
	Syscalls []*event.Syscall
	// CPUsPerRing is how many processors share a bulk ring; 0 puts all into one, the default of
	// Falco's configuration is 2.
	CPUsPerRing int
	// BulkBytes and CriticalBytes are the sizes of a bulk ring and of the critical ring, rounded up
	// to a power of two. 0 means 8 MiB.
	BulkBytes, CriticalBytes int
	// SnapLen is how many bytes of data a record keeps at most; 0 means 80.
	SnapLen int
	// DropFailed leaves failed calls out.
	DropFailed bool
	// NoIterators makes the state read /proc for the snapshot.
	NoIterators bool
	// Form is the set of programs to load: FormFast, FormPortable, or "" for the first that loads.
	Form string
	// Programs are programs that Load began to load; nil lets Open load them.
	Programs *Programs
	// Log receives what degrades; nil discards it.
	Log *slog.Logger

	twice, callsTwice bool // the hooks' programs are loaded twice; also that of the system calls
}

// withDefaults fills what was left out.
func (c Config) withDefaults() Config {
	if c.BulkBytes <= 0 {
		c.BulkBytes = 8 << 20
	}
	if c.CriticalBytes <= 0 {
		c.CriticalBytes = 8 << 20
	}
	if c.SnapLen <= 0 {
		c.SnapLen = 80
	}
	sched, calls := heldUp()
	c.twice, c.callsTwice = c.twice || sched, c.callsTwice || calls
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// control is the memory that the programs and the daemon share (struct control in bpf/src).
type control struct {
	BootEpoch    uint64
	StartEpoch   uint64
	ReaderSleeps uint32
	SnapLen      uint32
	CPUsPerRing  uint32
	DropFailed   uint32
	Resolving    uint32
	_            uint32
	Want         [maxSyscalls]uint8
	Want32       [maxSyscalls]uint8
}

// Source captures live events. It implements source.Source, Stopper, Counter, SelfTester, Selector
// and Describer.
type Source struct {
	cfg  Config
	coll *ebpf.Collection
	more *ebpf.Collection // the second programs, or nil
	form string
	// ringSubmit is the tracepoint of submissions to an io_uring.
	ringSubmit string
	resolving  []*ebpf.Collection // programs at security checks

	links    []link.Link
	progs    []*ebpf.Program // attached, the first ones
	hooked   []hooked
	hookMu   sync.Mutex // held to look at the hooks and to take the programs away
	ctl      *control
	ctlBytes []byte

	rings   []*ring // the critical ring first
	current *ring   // whose head the caller borrows
	horizon uint64  // events up to this time may be delivered
	epoll   int
	num     uint64
	events  atomic.Uint64
	// malformed counts records that could not be read.
	malformed atomic.Uint64
	batch     uint64 // bytes read since the last rest
	rests     uint64
	streak    int // rests in a row before which something was read

	selected selected
	snapshot snapshot
	listed   []source.TypeCount // the snapshot's records by type
	// What lostByType found the last time, and how much was lost by then.
	lostMu    sync.Mutex
	lostSum   uint64
	lostTypes []source.TypeCount
	final     source.Stats
	misses    []string
	stopped   bool
	closed    bool
}

// New returns a source that is not open yet.
func New(cfg Config) *Source {
	return &Source{cfg: cfg.withDefaults(), epoll: -1}
}

// Open loads and attaches the programs and takes the snapshot. It fails with what is missing if the
// kernel or the privileges do not suffice.
func (s *Source) Open(context.Context) (err error) {
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	progs := s.cfg.Programs
	if progs == nil {
		progs = Load(s.cfg)
	}
	if s.coll, s.more, err = progs.take(); err != nil {
		return err
	}
	s.form, s.misses, s.ringSubmit, s.resolving = progs.form, progs.misses, progs.ringSubmit, progs.resolving
	if err := s.openRings(); err != nil {
		return err
	}
	s.selected.traces = traces{coll: s.coll, form: s.form, links: map[string]link.Link{}}
	if err := s.selected.open(s.coll.Maps["rows"], s.ctl, s.cfg.Syscalls); err != nil {
		return err
	}
	for _, coll := range []*ebpf.Collection{s.coll, s.more} {
		// The first programs come first: the second ones must see whether those could do their work.
		if err := s.attach(coll); err != nil {
			return err
		}
	}
	s.attachResolving()
	// The hooks run before the snapshot is taken, so that nothing falls between the two; what both
	// saw, the state tells apart by time.
	if err := s.takeSnapshot(); err != nil {
		s.misses = append(s.misses, "no snapshot by task iterators, reading /proc instead: "+err.Error())
	}
	return nil
}

// openRings maps the control memory and the rings, and prepares waiting.
func (s *Source) openRings() error {
	m := s.coll.Maps["control_map"]
	mem, err := unix.Mmap(m.FD(), 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map control memory: %w", err)
	}
	s.ctlBytes = mem
	s.ctl = (*control)(unsafe.Pointer(&mem[0]))
	s.ctl.SnapLen = uint32(s.cfg.SnapLen)
	s.ctl.CPUsPerRing = uint32(s.cfg.CPUsPerRing)
	s.selected.dropFailed = s.cfg.DropFailed
	s.syncClock()
	s.ctl.StartEpoch = s.ctl.BootEpoch
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("make epoll descriptor: %w", err)
	}
	if err := s.addRing(s.coll.Maps["critical_ring"]); err != nil {
		return err
	}
	bulk := s.coll.Maps["bulk_rings"]
	for i := range bulk.MaxEntries() {
		inner, err := ebpf.NewMap(&ebpf.MapSpec{Name: "bulk_ring", Type: ebpf.RingBuf, MaxEntries: ringSize(s.cfg.BulkBytes)})
		if err != nil {
			return fmt.Errorf("make bulk ring: %w", err)
		}
		defer inner.Close()
		if err := bulk.Put(i, inner); err != nil {
			return fmt.Errorf("place bulk ring: %w", err)
		}
		if err := s.addRing(inner); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) addRing(m *ebpf.Map) error {
	r, err := openRing(m)
	if err != nil {
		return err
	}
	s.rings = append(s.rings, r)
	// The ring lives as long as its mapping; epoll keeps the descriptor's file.
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(m.FD())}
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, m.FD(), &ev); err != nil {
		return fmt.Errorf("watch ring: %w", err)
	}
	return nil
}

// hooks are the attached programs; those without which nothing can be seen are needed.
var hooks = []struct{ program, tracepoint string }{
	{"on_exec", "sched_process_exec"},
	{"on_fork", "sched_process_fork"},
	{"on_exit", "sched_process_exit"},
	{"on_sys_exit", "sys_exit"},
}

func (s *Source) attach(coll *ebpf.Collection) error {
	if coll == nil {
		return nil
	}
	for slot, name := range tailPrograms {
		if err := coll.Maps["tails"].Put(uint32(slot), coll.Programs[name]); err != nil {
			return fmt.Errorf("place program %s: %w", name, err)
		}
	}
	for _, h := range hooks {
		if coll == s.more && h.tracepoint == "sys_exit" && !s.cfg.callsTwice {
			continue
		}
		p := coll.Programs[h.program]
		l, err := attachTracepoint(s.form, p, h.tracepoint)
		if err != nil {
			return err
		}
		s.links = append(s.links, l)
		s.hooked = append(s.hooked, hooked{name: h.program, prog: p, link: l, second: coll == s.more})
		if coll == s.coll {
			s.progs = append(s.progs, p)
		}
	}
	s.attachRings(coll)
	return nil
}

// attachRings attaches the programs that see io_uring, as far as the kernel has their tracepoints.
func (s *Source) attachRings(coll *ebpf.Collection) {
	if report := coll.Programs[ringReport]; report != nil {
		if err := coll.Maps["ring_tails"].Put(uint32(0), report); err != nil {
			s.misses = append(s.misses, fmt.Sprintf("calls through an io_uring are not seen: place program %s: %v", ringReport, err))
			return
		}
	}
	for _, h := range ringHooks {
		p := coll.Programs[h.program]
		if p == nil {
			continue
		}
		name := h.tracepoint
		if name == ringHooks[0].tracepoint {
			name = s.ringSubmit
		}
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: name, Program: p})
		if err != nil {
			s.misses = append(s.misses, fmt.Sprintf("calls through an io_uring are not seen entirely: no tracepoint %s: %v", name, err))
			continue
		}
		s.links = append(s.links, l)
		s.hooked = append(s.hooked, hooked{name: h.program, prog: p, link: l, second: coll == s.more})
		if coll == s.coll {
			s.progs = append(s.progs, p)
		}
	}
}

// tailPrograms are the programs by their slot, the values of control.want.
var tailPrograms = map[int]string{
	wantPlain: "call_plain", wantFile: "call_file", wantSocket: "call_socket",
	wantClone: "call_clone", wantExec: "call_exec", wantMMsg: "call_mmsg",
	wantRare: "call_rare", wantAIO: "call_aio",
}

// clockStep is how far the clocks must be apart before the programs are told: reading two clocks takes
// some time, and times that wander by that would put events out of order.
const clockStep = uint64(time.Millisecond)

// clockRests is after how many rests without a sleep the clocks are compared.
const clockRests = 256

// syncClock tells the programs how far the boot clock is from the epoch, if that has changed.
func (s *Source) syncClock() {
	var real, boot unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_REALTIME, &real)
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot)
	now, was := uint64(real.Nano()-boot.Nano()), s.ctl.BootEpoch
	if now-was > clockStep && was-now > clockStep {
		atomic.StoreUint64(&s.ctl.BootEpoch, now)
	}
}

func (s *Source) now() uint64 {
	var boot unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot)
	return uint64(boot.Nano()) + s.ctl.BootEpoch
}

// slack is how long a program may need between taking its time stamp and reserving its place in
// the ring. Events younger than that wait for the next look, so that one of another processor with
// an earlier time comes first.
const slack = 30 * time.Microsecond

// How long the source rests when it finds nothing new. While events flow it looks again after a
// pause, since a wake-up costs as much as reading hundreds of events: a short one if the newest batch
// was large, so that the rings do not fill. When a look finds nothing it sleeps until the kernel
// wakes it. The pause bounds an alert's delay.
const (
	pollPause  = 3 * time.Millisecond
	floodPause = 200 * time.Microsecond
	floodBatch = 256 << 10 // bytes
	sleepMax   = 250 * time.Millisecond
)

// Next delivers the snapshot, then live events in the order of their times.
func (s *Source) Next(ev *event.Event) error {
	for {
		rec := s.take()
		if rec == nil {
			if s.stopped && s.empty() {
				return io.EOF
			}
			s.rest()
			return source.ErrIdle
		}
		if err := ev.Decode(rec); err != nil {
			// The programs do not write such records; if one does, the others still count.
			s.malformed.Add(1)
			continue
		}
		s.num++
		s.events.Store(s.num)
		ev.Num = s.num
		return nil
	}
}

// take returns the next record, nil if none may be delivered now. What it returned before goes back
// to the kernel.
func (s *Source) take() []byte {
	if rec := s.snapshot.next(); rec != nil {
		return rec
	}
	if s.current != nil {
		s.current.advance()
		s.current = nil
	}
	r := s.pick()
	if r == nil {
		for _, r := range s.rings {
			r.release()
		}
		if !s.look() {
			return nil
		}
		if r = s.pick(); r == nil {
			return nil
		}
	}
	s.batch += uint64(len(r.head))
	s.current = r
	return r.head
}

// setBack is how far behind the horizon a record cannot lie: if it does, the machine's clock was set back
// since it was written. It must not wait, nor keep others waiting, until the clock is there again.
const setBack = uint64(time.Second)

// pick returns the ring with the earliest record that may be delivered, nil if none may.
func (s *Source) pick() *ring {
	var first *ring
	for _, r := range s.rings {
		if r.head == nil && !r.next() {
			continue
		}
		if ahead := int64(r.ts - s.horizon); ahead > 0 && ahead < int64(setBack) {
			continue
		}
		if first == nil || r.ts < first.ts {
			first = r
		}
	}
	return first
}

// look notes what the rings hold by now. The clock is read first: what is written later than that
// is not delivered before the next look.
func (s *Source) look() bool {
	s.horizon = s.now() - uint64(slack)
	if s.stopped {
		s.horizon = 1<<63 - 1
	}
	found := false
	for _, r := range s.rings {
		r.look()
		found = found || r.read < r.end
	}
	return found
}

func (s *Source) empty() bool {
	for _, r := range s.rings {
		if r.fill() > 0 {
			return false
		}
	}
	return true
}

// rest waits for events: by a pause while look after look finds some, asleep when they come singly.
func (s *Source) rest() {
	if s.rests++; s.rests%clockRests == 0 {
		s.syncClock()
	}
	if !s.empty() && s.batch == 0 {
		// Something waits behind the horizon.
		nap(2 * slack)
		return
	}
	batch := s.batch
	s.batch = 0
	switch {
	case batch > floodBatch:
		nap(floodPause)
		return
	case batch == 0:
		s.streak = 0
	default:
		s.streak++
	}
	if s.streak > 1 {
		nap(pollPause)
		return
	}
	atomic.StoreUint32(&s.ctl.ReaderSleeps, 1)
	woken := 0
	if s.empty() {
		var evs [8]unix.EpollEvent
		woken, _ = unix.EpollWait(s.epoll, evs[:], int(sleepMax/time.Millisecond))
	}
	atomic.StoreUint32(&s.ctl.ReaderSleeps, 0)
	s.syncClock()
	if woken > 0 {
		// An event seldom comes alone: one look for all of them.
		nap(pollPause)
	}
}

// nap pauses the thread. With a second processor for the other goroutines it sleeps without telling
// the scheduler, which halves what a pause costs (docs/performance.md); the scheduler's own signal
// ends the sleep when it needs the processor.
func nap(d time.Duration) {
	if runtime.GOMAXPROCS(0) == 1 {
		time.Sleep(d)
		return
	}
	ts := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// Stop detaches the programs; what the rings hold can still be read.
func (s *Source) Stop() error {
	if s.stopped {
		return nil
	}
	var errs []error
	s.hookMu.Lock()
	for _, l := range s.links {
		errs = append(errs, l.Close())
	}
	s.hookMu.Unlock()
	s.links = nil
	errs = append(errs, s.selected.stopTraces())
	s.stopped = true
	return errors.Join(errs...)
}

// Close detaches and unloads everything. The counters keep their last values.
func (s *Source) Close() error {
	if s.closed {
		return nil
	}
	err := s.Stop()
	if s.coll != nil {
		s.final = s.Stats()
	}
	s.closed = true
	for _, r := range s.rings {
		r.close()
	}
	s.rings, s.current = nil, nil
	s.selected.close()
	if s.ctlBytes != nil {
		_ = unix.Munmap(s.ctlBytes)
		s.ctlBytes, s.ctl = nil, nil
	}
	if s.epoll >= 0 {
		_ = unix.Close(s.epoll)
	}
	unload(s.resolving...)
	unload(s.more, s.coll)
	return err
}
