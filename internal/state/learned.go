// SPDX-License-Identifier: Apache-2.0

package state

// A capture carries what /proc told while it was made: where the live state asked /proc, that of a replay
// takes what stands at the same event.

// Held are the times up to which what /proc told of a thread and its process holds: events before them
// change it no more. ns since the epoch; 0: it is not from /proc.
type Held struct{ Thread, Process, Cwd, FDsFrom, FDsTo uint64 }

// Held returns the times of a thread.
func (t *Thread) Held() Held {
	p := t.Proc
	return Held{t.snapshot, p.snapshot, p.snapshotCwd, p.fdsFrom, p.fdsTo}
}

// Since is when /proc or a snapshot told of the descriptor, 0 if an event did.
func (f *FD) Since() uint64 { return f.since }

// maxTold bounds what is kept for one event.
const maxTold = 4096

// told is what /proc told at one event, where the capture was made.
type told struct {
	threads []toldThread
	fds     []toldFD // of no thread in the list
	begun   bool     // its event is being applied, or was
	some    bool     // the lists are not empty
}

// toldThread is a thread, and the descriptors of its process if it leads one.
type toldThread struct {
	entry *Entry
	held  Held
	fds   []toldFD
}

// toldFD is a descriptor of a process.
type toldFD struct {
	pid   int64
	since uint64
	fd    *FD
}

// turn goes on to the next event: what belonged to the one before is over.
func (l *told) turn(begins bool) {
	if l.begun {
		clear(l.threads)
		clear(l.fds)
		l.threads, l.fds = l.threads[:0], l.fds[:0]
	}
	l.some = len(l.threads)+len(l.fds) > 0
	l.begun = begins && l.some
}

// LearnThread gives the state a thread of which /proc told at the event that is applied next. It keeps e.
func (s *State) LearnThread(e *Entry, h Held) {
	s.told.turn(false)
	s.told.some = true
	if len(s.told.threads) < maxTold {
		s.told.threads = append(s.told.threads, toldThread{entry: e, held: h})
	}
}

// LearnFD gives the state a descriptor of which /proc told at the event that is applied next, by itself or,
// with ofThread, as one of the thread that LearnThread gave last. It keeps f.
func (s *State) LearnFD(pid int64, f *FD, since uint64, ofThread bool) {
	s.told.turn(false)
	s.told.some = true
	list := &s.told.fds
	if n := len(s.told.threads); ofThread && n > 0 {
		list = &s.told.threads[n-1].fds
	}
	if len(*list) < maxTold {
		*list = append(*list, toldFD{pid, since, f})
	}
}

// asks reports whether there is anybody to ask for what no event told of.
func (s *State) asks() bool { return s.opt.ProcLookup || s.told.begun }

// toldOf enters the threads of which /proc told at this event, and returns that with the number; nil if it
// is not among them.
func (s *State) toldOf(tid int64) *Thread {
	for i := range s.told.threads {
		if s.told.threads[i].entry.TID == tid {
			s.enterTold()
			if t := s.threads.known(tid); t != nil {
				return t
			}
		}
	}
	return nil
}

// enterTold enters the threads of which /proc told at this event.
func (s *State) enterTold() {
	for _, l := range s.told.threads {
		t := s.Enter(l.entry)
		if t == nil {
			continue
		}
		t.snapshot, t.seen = l.held.Thread, l.held.Thread
		if p := t.Proc; t == p.Main {
			p.snapshot, p.snapshotCwd, p.fdsFrom, p.fdsTo = l.held.Process, l.held.Cwd, l.held.FDsFrom, l.held.FDsTo
			s.pool.release(&p.FDs)
			for i := range l.fds {
				s.enterToldFD(p, &l.fds[i])
			}
		}
		s.tellThread(t)
	}
	s.told.threads = s.told.threads[:0]
}

// toldFD enters a descriptor of which /proc told at this event; nil if it did not.
func (s *State) toldFD(p *Process, num int64) *FD {
	for i := range s.told.fds {
		if d := &s.told.fds[i]; d.pid == p.PID && d.fd.Num == num {
			f := s.enterToldFD(p, d)
			s.tellFD(p, f)
			return f
		}
	}
	return nil
}

// enterToldFD enters a copy of a descriptor; nil if there is no room.
func (s *State) enterToldFD(p *Process, d *toldFD) *FD {
	f := s.pool.get()
	f.copyFrom(d.fd)
	f.since = d.since
	if s.pool.put(&p.FDs, f) == nil {
		s.pool.recycle(f)
		return nil
	}
	return f
}

// tellThread tells a recording of a thread that /proc told of.
func (s *State) tellThread(t *Thread) {
	if s.learner != nil {
		s.learner.Thread(t)
	}
}

// tellFD does the same for a descriptor.
func (s *State) tellFD(p *Process, f *FD) {
	if s.learner != nil && f != nil {
		s.learner.FD(p, f)
	}
}
