// SPDX-License-Identifier: Apache-2.0

package state

import (
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state/container"
)

// Several States can share the work of a replay. Each is given every event that is Shared, and so knows
// all threads and processes as they are at any event; of the others each is given those of the processes that
// are its own, and so knows their descriptors. What belongs to a process goes from one State to another by a
// Handover.

// Shared reports whether events of a type change what other processes' events depend on. What is not shared
// concerns the descriptors, their limit and the memory figures of the event's own process alone.
func Shared(t event.Type) bool {
	if int(t) >= len(private) {
		return true
	}
	return !private[t]
}

// private holds which events are not shared.
var private [event.NumPublished]bool

// privateEvents are those among them that change anything.
var privateEvents = []event.Type{
	event.OpenEnter, event.OpenAtEnter, event.OpenAt2Enter, event.CreatEnter, event.ConnectEnter,
	event.Open, event.OpenAt, event.OpenAt2, event.Creat, event.OpenByHandleAt,
	event.Close, event.CloseRange, event.Dup, event.Dup2, event.Dup3, event.Fcntl,
	event.Socket, event.SocketPair, event.Bind, event.Connect, event.Accept, event.Accept4,
	event.Send, event.SendTo, event.SendMsg, event.SendMMsg,
	event.Recv, event.RecvFrom, event.RecvMsg, event.RecvMMsg,
	event.Pipe, event.Pipe2, event.EventFD, event.EventFD2, event.SignalFD, event.SignalFD4,
	event.TimerFDCreate, event.InotifyInit, event.InotifyInit1, event.EpollCreate, event.EpollCreate1,
	event.UserFaultFD, event.IOUringSetup, event.MemFDCreate, event.BPF, event.PidFDOpen,
	event.GetRLimit, event.SetRLimit, brk, mmap, mmap2, munmap, event.Switch,
}

// makePrivate fills the table: what has no handler changes nothing.
func makePrivate() {
	for i := range private {
		private[i] = handlers[i] == nil && hasThread(event.Lookup(event.Type(i)))
	}
	for _, t := range privateEvents {
		private[t] = true
	}
}

// NeedsProcess is the number of the process, other than the event's own, whose descriptors the event is about; 0 if
// there is none. The State owns the event's process.
func (s *State) NeedsProcess(ev *event.Event) int64 {
	if ev.Type() != event.PidFDGetFD {
		return 0
	}
	if t := s.threads.get(ev.TID()); t != nil {
		if f := t.Proc.FDs.Get(intOf(ev, getfdPIDFD, -1)); f != nil && f.Type == FDPidFD {
			return f.PID
		}
	}
	return 0
}

// NeedsTogether reports whether applying the event, which is shared, takes descriptors wherever it is applied. Those of
// its process and of NeedsProcess have to be lent to all first (Lend).
func NeedsTogether(ev *event.Event) bool {
	switch ev.Type() {
	case event.PidFDGetFD:
		return true
	case event.Execve, event.Execveat:
		return execByFD(ev)
	}
	return false
}

// execByFD reports whether it takes descriptors, or a working directory that was set by one, to tell the
// program that was executed: a script's, or in old captures that of the file or its directory.
func execByFD(ev *event.Event) bool {
	const dir = "/dev/fd/"
	if !succeeded(ev) {
		return false
	}
	if _, told := ev.Text(execParams.exepath); !told {
		return true
	}
	name, ok := ev.Text(execParams.filename)
	return ok && len(name) > len(dir) && name[:len(dir)] == dir
}

// Handover is a process on its way from one State to another. It keeps its memory from one use to the next.
type Handover struct {
	found bool
	proc  Process // of which only what Take copies is set
	fds   []FD
	n     int
	// threads are those of the process, of which only what Take copies is set.
	threads []Thread
	m       int
}

// keptFDs is for how many descriptors a Handover keeps memory.
const keptFDs = 1024

// fill copies what only the State knows whose own the process is.
func (h *Handover) fill(p *Process) {
	h.found = true
	h.proc = Process{
		Exe: p.Exe, ExePath: p.ExePath, Exec: p.Exec, Stdio: p.Stdio, Cwd: p.Cwd, Root: p.Root, FDLimit: p.FDLimit,
		fdsFrom: p.fdsFrom, fdsTo: p.fdsTo, snapshotCwd: p.snapshotCwd,
	}
	h.m = 0
	for t := p.threads; t != nil; t = t.next {
		if h.m == len(h.threads) {
			h.threads = append(h.threads, Thread{})
		}
		o := &h.threads[h.m]
		text := append(o.enter.text[:0], t.enter.text...)
		*o = Thread{TID: t.TID, VM: t.VM, PFMajor: t.PFMajor, PFMinor: t.PFMinor, LastFD: t.LastFD, enter: t.enter}
		o.enter.text = text
		h.m++
	}
	h.n = 0
	if len(h.fds) > keptFDs {
		h.fds = nil
	}
	p.FDs.Each(func(f *FD) bool {
		if h.n == len(h.fds) {
			h.fds = append(h.fds, FD{})
		}
		h.fds[h.n].copyFrom(f)
		h.n++
		return true
	})
}

// Lend fills h with the process of thread tid.
func (s *State) Lend(tid int64, h *Handover) {
	h.found, h.n = false, 0
	if t := s.threads.get(tid); t != nil && !t.Fake {
		h.fill(t.Proc)
	}
}

// Take makes the process of thread tid what h tells.
func (s *State) Take(tid int64, h *Handover) {
	t := s.threads.get(tid)
	if t == nil || t.Fake || !h.found {
		return
	}
	p, o := t.Proc, &h.proc
	p.Exe, p.ExePath, p.Exec, p.Stdio, p.Cwd, p.Root, p.FDLimit = o.Exe, o.ExePath, o.Exec, o.Stdio, o.Cwd, o.Root, o.FDLimit
	p.fdsFrom, p.fdsTo, p.snapshotCwd = o.fdsFrom, o.fdsTo, o.snapshotCwd
	for i := range h.threads[:h.m] {
		o := &h.threads[i]
		if t := s.threads.get(o.TID); t != nil && t.Proc == p {
			t.VM, t.PFMajor, t.PFMinor, t.LastFD = o.VM, o.PFMajor, o.PFMinor, o.LastFD
			text := append(t.enter.text[:0], o.enter.text...)
			t.enter = o.enter
			t.enter.text = text
		}
	}
	s.pool.release(&p.FDs)
	for i := range h.fds[:h.n] {
		f := s.pool.get()
		f.copyFrom(&h.fds[i])
		if s.pool.put(&p.FDs, f) == nil {
			s.pool.recycle(f)
		}
	}
}

// Disown forgets the descriptors of the process of thread tid, which another State owns.
func (s *State) Disown(tid int64) {
	if t := s.threads.get(tid); t != nil && !t.Fake {
		s.pool.release(&t.Proc.FDs)
	}
}

// Twin returns an empty State with the same options for another goroutine.
func (s *State) Twin() *State {
	o := s.opt
	o.Containers = container.NewMatcher() // it remembers what it was asked
	return New(o)
}

// Birth is what an event of the clone family tells of the new thread.
type Birth struct {
	// Thread is its number. An event of the parent may tell one of another pid namespace.
	Thread   int64
	ByParent bool
	// Process and Parent are the number of its process and that of the thread that made it; 0 if unknown.
	Process, Parent int64
	// Joins says that it is a thread of Process, Shares that it uses the descriptors of Parent.
	Joins, Shares bool
}

// BirthOf returns what the event tells of a new thread; ok is false if it tells of none.
func BirthOf(ev *event.Event) (b Birth, ok bool) {
	switch ev.Type() {
	case event.Clone, event.Clone3, event.Fork, event.VFork:
	default:
		return b, false
	}
	res, ok := ev.Int(0)
	if !ok || res < 0 {
		return b, false
	}
	flags := uint32(uintOf(ev, cloneParams.flags, 0))
	b.Joins, b.Shares = flags&cloneThread != 0, flags&cloneFiles != 0
	if res == 0 {
		b.Thread, b.Process, b.Parent = ev.TID(), intOf(ev, cloneParams.pid, 0), intOf(ev, cloneParams.ptid, 0)
		return b, true
	}
	if ev.Type() == event.VFork || flags&(cloneVFork|cloneParent|cloneNewPID|cloneChildInPIDNS) != 0 {
		return b, false
	}
	b.Thread, b.ByParent, b.Parent, b.Process = res, true, ev.TID(), res
	if b.Joins {
		b.Process = intOf(ev, cloneParams.pid, 0)
	}
	return b, true
}

// ExecProcess is the number of the process that an event of a successful exec is about, else 0.
func ExecProcess(ev *event.Event) int64 {
	if t := ev.Type(); t != event.Execve && t != event.Execveat || !succeeded(ev) {
		return 0
	}
	return intOf(ev, execParams.pid, 0)
}
