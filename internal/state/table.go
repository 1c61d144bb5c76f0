// SPDX-License-Identifier: Apache-2.0

package state

// addProcess returns the process with that number, made if it is unknown.
func (s *State) addProcess(pid int64) *Process {
	if p := s.procs[pid]; p != nil {
		return p
	}
	p := &Process{
		PID: pid, PPID: -1, PTID: -1, VPID: -1, SID: -1, PGID: -1, VPGID: -1,
		Root: "/", LoginUID: NoID, FDLimit: -1,
	}
	s.procs[pid] = p
	s.peakProcs = max(s.peakProcs, len(s.procs))
	s.adopt(p)
	return p
}

// addThread enters a new living thread of p. It returns nil if the table is full.
func (s *State) addThread(tid int64, p *Process) *Thread {
	if old := s.threads.get(tid); old != nil {
		s.removeThread(old)
	} else if s.threads.len() >= s.opt.MaxThreads && !s.evictThread(p) {
		s.stats.ThreadsDropped++
		s.dropEmpty(p)
		return nil
	}
	if s.procs[p.PID] != p {
		// Removing the old thread was the end of its process, which this one has to be again.
		s.revive(p)
	}
	t := &Thread{TID: tid, VTID: -1, Proc: p, UID: NoID, GID: NoID}
	s.threads.set(tid, t)
	s.peakThreads = max(s.peakThreads, s.threads.len())
	s.stats.ThreadsAdded++
	t.next = p.threads
	if p.threads != nil {
		p.threads.prev = t
	}
	p.threads = t
	p.Threads++
	if tid == p.PID {
		p.Main = t
	}
	return t
}

// revive enters a process again that went when its last entry was replaced.
func (s *State) revive(p *Process) {
	p.Gone = false
	s.procs[p.PID] = p
	if p.goneBytes > 0 {
		s.goneBytes -= p.goneBytes
		s.gone--
		p.goneBytes = 0
	}
}

// dropEmpty removes a process that was made for a thread which could not be entered.
func (s *State) dropEmpty(p *Process) {
	if p.threads == nil && s.procs[p.PID] == p {
		s.removeProcess(p)
	}
}

// endThread notes that a thread lives no more. Its entry stays.
func (s *State) endThread(t *Thread) {
	if t.Dead {
		return
	}
	t.Dead = true
	if !t.Fake {
		t.Proc.Threads--
	}
}

// removeThread takes a thread out of the table, and its process if that was its last thread.
func (s *State) removeThread(t *Thread) {
	if s.threads.get(t.TID) == t {
		s.threads.remove(t.TID)
		s.stats.ThreadsRemoved++
	}
	if t.Fake {
		s.pool.release(&t.Proc.FDs)
		return
	}
	s.endThread(t)
	p := t.Proc
	if t.prev != nil {
		t.prev.next = t.next
	} else if p.threads == t {
		p.threads = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.next, t.prev = nil, nil
	if p.threads == nil {
		s.removeProcess(p)
	}
	s.shrink()
}

// removeProcess ends a process that has no thread any more.
func (s *State) removeProcess(p *Process) {
	if s.procs[p.PID] == p {
		delete(s.procs, p.PID)
	}
	s.pool.release(&p.FDs)
	p.Threads = 0
	if s.families[p.PID] != nil {
		s.reparent(p, s.reaper(p, 0))
	}
	s.retire(p)
}

// shrink gives the memory of the tables back after a burst: Go's maps only ever grow.
func (s *State) shrink() {
	const small = 8192
	if s.peakThreads > small && s.threads.len()*8 < s.peakThreads {
		s.threads.rebuild()
		s.peakThreads = s.threads.len()
	}
	if s.peakProcs > small && len(s.procs)*8 < s.peakProcs {
		s.procs = rebuilt(s.procs)
		s.families = rebuilt(s.families)
		s.peakProcs = len(s.procs)
	}
}

// rebuilt returns a copy that has just the memory that it needs.
func rebuilt[V any](old map[int64]V) map[int64]V {
	m := make(map[int64]V, len(old))
	for k, v := range old {
		m[k] = v
	}
	return m
}

// fakeThread enters a thread of which nothing is known but its number.
func (s *State) fakeThread(tid int64) *Thread {
	t := &Thread{TID: tid, VTID: -1, Proc: unknownProcess(), Comm: na, UID: NoID, GID: NoID, Fake: true}
	if s.threads.len() >= s.opt.MaxThreads && !s.evictThread(nil) {
		s.stats.ThreadsDropped++
		return t
	}
	s.threads.set(tid, t)
	s.stats.FakeThreads++
	return t
}

// na is what names read that are not known.
const na = "<NA>"

// unknownProcess is the process of a fake thread. It is not in the table of processes.
func unknownProcess() *Process {
	return &Process{
		PID: -1, PPID: -1, PTID: -1, VPID: -1, SID: -1, PGID: -1, VPGID: -1,
		Exe: na, CmdLine: na, Cwd: "./", Root: "/", LoginUID: NoID,
	}
}
