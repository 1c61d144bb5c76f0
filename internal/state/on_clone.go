// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// Published clone flags.
const (
	cloneFiles        = 1
	cloneNewPID       = 64
	cloneParent       = 256
	cloneThread       = 8192
	cloneNewUser      = 1048576
	cloneVFork        = 134217728
	cloneChildInPIDNS = 536870912
)

// cloneParams are the positions of the parameters that all of the clone family share.
var cloneParams = struct {
	exe, args, tid, pid, ptid, cwd, fdlimit, pfMajor, pfMinor, vmSize, vmRSS, vmSwap, comm, cgroups, flags,
	uid, gid, vtid, vpid, pidnsStart, sid, caller, start int
}{
	index(event.Clone, "exe"), index(event.Clone, "args"), index(event.Clone, "tid"),
	index(event.Clone, "pid"), index(event.Clone, "ptid"), index(event.Clone, "cwd"),
	index(event.Clone, "fdlimit"), index(event.Clone, "pgft_maj"), index(event.Clone, "pgft_min"),
	index(event.Clone, "vm_size"), index(event.Clone, "vm_rss"), index(event.Clone, "vm_swap"),
	index(event.Clone, "comm"), index(event.Clone, "cgroups"), index(event.Clone, "flags"),
	index(event.Clone, "uid"), index(event.Clone, "gid"), index(event.Clone, "vtid"),
	index(event.Clone, "vpid"), index(event.Clone, "pidns_init_start_ts"),
	optional(event.Clone, "sid"), optional(event.Clone, "caller"), optional(event.Clone, "start_time"),
}

// onClone applies both sides of clone, clone3, fork and vfork: the parent's, whose result is the
// child's number, and the child's, whose result is 0.
func (s *State) onClone(ev *event.Event, t *Thread) {
	switch res, ok := ev.Int(0); {
	case !ok || res < 0:
	case res == 0:
		s.cloneChild(ev)
	default:
		s.cloneParent(ev, t, res)
	}
}

// cloneChild applies the event that the child causes.
func (s *State) cloneChild(ev *event.Event) {
	tid := ev.TID()
	start := uintOf(ev, cloneParams.start, 0)
	if old := s.threads.known(tid); old != nil {
		if old.snapshot >= s.ts {
			return
		}
		if s.sameTask(old, start) && !old.byParent {
			return
		}
		if s.sameTask(old, start) && intOf(ev, cloneParams.pid, old.Proc.PID) == old.Proc.PID {
			s.refreshChild(ev, old, start)
			return
		}
		s.discard(old)
	}
	flags := uint32(uintOf(ev, cloneParams.flags, 0))
	pid := intOf(ev, cloneParams.pid, tid)
	ptid := intOf(ev, cloneParams.ptid, -1)
	var maker *Thread
	if flags&cloneThread != 0 {
		maker = s.known(pid)
	} else {
		maker = s.known(ptid)
	}
	if t := s.makeChild(ev, tid, pid, ptid, flags, maker); t != nil {
		t.VTID = intOf(ev, cloneParams.vtid, tid)
		if flags&cloneThread == 0 || t.Proc.VPID < 0 {
			t.Proc.VPID = intOf(ev, cloneParams.vpid, pid)
		}
		if flags&cloneThread != 0 && maker == nil && t.Proc.Main == nil {
			s.addLeader(t)
		}
		s.refreshChild(ev, t, start)
		s.th = t
	}
}

// addLeader enters the leader of a process that is known by another thread of it alone, as that thread
// tells of it.
func (s *State) addLeader(t *Thread) {
	p := t.Proc
	leader := s.addThread(p.PID, p)
	if leader == nil {
		return
	}
	leader.VTID, leader.Comm = p.VPID, t.Comm
	leader.VM, leader.seen = t.VM, s.ts
	p.FDLimit = -1
}

// sameTask reports whether the child of a clone is the thread that stands in the table already.
func (s *State) sameTask(old *Thread, start uint64) bool {
	if old.Dead {
		return false
	}
	if start != 0 && old.start != 0 {
		return start == old.start
	}
	return old.CloneTS+cloneStale > s.ts
}

// refreshChild takes from a child's own event what the parent's does not tell.
func (s *State) refreshChild(ev *event.Event, t *Thread, start uint64) {
	p := t.Proc
	t.byParent = false
	t.VTID = intOf(ev, cloneParams.vtid, t.VTID)
	if start != 0 {
		t.start = start
	}
	if t.TID == p.PID {
		p.VPID = intOf(ev, cloneParams.vpid, p.VPID)
		if start != 0 {
			p.StartTime = start
		}
	}
}

// known returns the thread with that number, looked up if need be; nil if nothing is known of it.
func (s *State) known(tid int64) *Thread {
	if tid <= 0 {
		return nil
	}
	if t := s.threads.known(tid); t != nil {
		return t
	}
	return s.lookup(tid)
}

// cloneParent applies the event that the parent causes.
func (s *State) cloneParent(ev *event.Event, t *Thread, child int64) {
	if t.Fake {
		if t = s.callerFromEvent(ev); t == nil {
			return
		}
		s.th = t
	}
	flags := uint32(uintOf(ev, cloneParams.flags, 0))
	if ev.Type() == event.VFork || flags&(cloneVFork|cloneParent|cloneNewPID|cloneChildInPIDNS) != 0 {
		return
	}
	// The result is a number in the caller's pid namespace: only in the host's is it the child's.
	if intOf(ev, cloneParams.vtid, t.TID) != t.TID || intOf(ev, cloneParams.vpid, t.Proc.PID) != t.Proc.PID {
		return
	}
	if exit := s.exits.at(child); exit != 0 && exit+cloneStale > s.ts {
		return
	}
	if old := s.threads.known(child); old != nil {
		if old.snapshot >= s.ts || old.start != 0 && ev.NumParams() > ev.Info().Published || s.sameTask(old, 0) {
			return
		}
		s.discard(old)
	}
	pid := child
	if flags&cloneThread != 0 {
		pid = t.Proc.PID
	}
	if c := s.makeChild(ev, child, pid, t.TID, flags, t); c != nil {
		c.VTID, c.byParent = child, true
		if flags&cloneThread == 0 {
			c.Proc.VPID = child
		}
	}
}

// callerFromEvent enters the caller of a clone, of which nothing was known, as its event tells it.
func (s *State) callerFromEvent(ev *event.Event) *Thread {
	tid := ev.TID()
	pid := intOf(ev, cloneParams.pid, tid)
	p := s.addProcess(pid)
	fresh := p.threads == nil
	t := s.addThread(tid, p)
	if t == nil {
		return nil
	}
	s.describe(ev, t, fresh)
	if fresh {
		s.linkParent(p, intOf(ev, cloneParams.ptid, -1))
		p.VPID = intOf(ev, cloneParams.vpid, -1)
	}
	t.VTID = intOf(ev, cloneParams.vtid, -1)
	t.seen = s.ts
	return t
}

// linkParent makes the process of the thread ptid the parent and lineage of p.
func (s *State) linkParent(p *Process, ptid int64) {
	if t := s.threads.known(ptid); t != nil {
		s.setParent(p, t.Proc.PID)
		p.PTID = ptid
		if p.Lineage == nil {
			s.setLineage(p, t.Proc)
		}
		return
	}
	s.setParent(p, ptid)
}

// makeChild enters a new thread, or process, as a copy of the one that made it.
func (s *State) makeChild(ev *event.Event, tid, pid, ptid int64, flags uint32, maker *Thread) *Thread {
	p := s.addProcess(pid)
	fresh := p.threads == nil
	t := s.addThread(tid, p)
	if t == nil {
		return nil
	}
	t.CloneTS, t.seen, t.Flags = s.ts, s.ts, flags
	if maker != nil {
		t.Comm, t.UID, t.GID, t.Caps = maker.Comm, maker.UID, maker.GID, maker.Caps
	}
	if !fresh {
		s.describe(ev, t, false)
		return t
	}
	p.CloneTS = s.ts
	if maker != nil {
		s.inherit(p, maker.Proc, flags)
	}
	s.describe(ev, t, true)
	s.linkParent(p, ptid)
	if caller, ok := ev.Int(cloneParams.caller); ok {
		if c := s.known(caller); c != nil {
			s.setLineage(p, c.Proc)
		}
	}
	return t
}

// inherit copies what a child has from the process that made it.
func (s *State) inherit(p, from *Process, flags uint32) {
	p.SID, p.PGID, p.VPGID = from.SID, from.PGID, from.VPGID
	p.Exe, p.ExePath, p.Exec = from.Exe, from.ExePath, from.Exec
	p.Args, p.Env, p.ArgLine, p.CmdLine = from.Args, from.Env, from.ArgLine, from.CmdLine
	p.ArgsLen, p.EnvLen, p.ArgsTail, p.Stdio = from.ArgsLen, from.EnvLen, from.ArgsTail, from.Stdio
	p.Cwd, p.Root = from.Cwd, from.Root
	p.Cgroups, p.Container = from.Cgroups, from.Container
	p.LoginUID, p.TTY, p.FDLimit = from.LoginUID, from.TTY, from.FDLimit
	p.PIDNSStartTS = from.PIDNSStartTS
	if flags&cloneFiles != 0 {
		s.pool.share(&p.FDs, &from.FDs)
		p.fdsFrom, p.fdsTo = from.fdsFrom, from.fdsTo
	} else {
		s.pool.fork(&p.FDs, from.FDs)
	}
}

// describe takes from an event of the clone family what it tells of the thread, and of its process
// if that is new.
func (s *State) describe(ev *event.Event, t *Thread, fresh bool) {
	c := &cloneParams
	if comm := ev.Param(c.comm); len(comm) > 1 {
		t.Comm = s.names.str(comm[:len(comm)-1])
	}
	t.UID = uint32(uintOf(ev, c.uid, uint64(t.UID)))
	t.GID = uint32(uintOf(ev, c.gid, uint64(t.GID)))
	t.PFMajor, t.PFMinor = uintOf(ev, c.pfMajor, 0), uintOf(ev, c.pfMinor, 0)
	t.VM = VM{uint32(uintOf(ev, c.vmSize, 0)), uint32(uintOf(ev, c.vmRSS, 0)), uint32(uintOf(ev, c.vmSwap, 0))}
	if !fresh {
		return
	}
	p := t.Proc
	if exe := ev.Param(c.exe); len(exe) > 1 {
		p.Exe = s.names.str(exe[:len(exe)-1])
		s.setArgs(p, t.Comm, ev.Param(c.args))
	}
	if cwd, ok := ev.Text(c.cwd); ok && cwd != "" && cwd[0] == '/' {
		s.setCwd(p, cwd)
	}
	p.FDLimit = intOf(ev, c.fdlimit, p.FDLimit)
	if vpid, ok := ev.Int(c.vpid); ok && vpid != p.PID { // of the machine's own namespace it is no news
		p.PIDNSStartTS = uintOf(ev, c.pidnsStart, p.PIDNSStartTS)
	}
	if sid, ok := ev.Int(c.sid); ok {
		p.SID = sid
	}
	if b := ev.Param(c.cgroups); len(b) > 0 {
		s.setCgroups(p, b)
	}
}

// discard removes an entry whose number another task has now. Its end was missed.
func (s *State) discard(old *Thread) {
	s.stats.Stale++
	p := old.Proc
	if old.Fake || old.TID != p.PID {
		s.removeThread(old)
		return
	}
	for t := p.threads; t != nil; {
		next := t.next
		if t != old {
			s.removeThread(t)
		}
		t = next
	}
	s.removeThread(old)
}
