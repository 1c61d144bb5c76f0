// SPDX-License-Identifier: Apache-2.0

package state

// afterwards is what an event changes once the rules have seen it.
type afterwards struct {
	thread      *Thread // has exited
	reaper      int64   // who takes its children, 0 if the kernel did not say
	closing     *Process
	first, last int64
}

// flush does what was put off. It is called by After, and by Apply for callers without After.
func (s *State) flush() {
	if p := s.after.closing; p != nil {
		s.after.closing = nil
		if !p.Gone {
			s.closeRange(p, s.after.first, s.after.last)
		}
	}
	if t := s.after.thread; t != nil {
		s.after.thread = nil
		s.finish(t, s.after.reaper)
	}
}

// closeRange removes the descriptors from first to last.
func (s *State) closeRange(p *Process, first, last int64) {
	if first == last {
		s.pool.remove(&p.FDs, first)
		return
	}
	for _, num := range s.numbers(p, first, last) {
		s.pool.remove(&p.FDs, num)
	}
}

// numbers returns the numbers of the descriptors from first to last that the event can be about.
func (s *State) numbers(p *Process, first, last int64) []int64 {
	nums := s.nums[:0]
	p.FDs.Each(func(f *FD) bool {
		if f.Num >= first && f.Num <= last && f.since < s.ts {
			nums = append(nums, f.Num)
		}
		return true
	})
	s.nums = nums
	return nums
}

// finish removes a thread that has exited. A leader stays until its last thread has gone.
func (s *State) finish(t *Thread, reaper int64) {
	if s.threads.get(t.TID) != t {
		return
	}
	p := t.Proc
	if t.Fake {
		s.removeThread(t)
		return
	}
	if p.Threads > 0 && t == p.Main {
		return
	}
	if p.Threads == 0 {
		s.reparent(p, s.reaper(p, reaper))
		if p.Main != nil && p.Main != t && p.Main.Dead {
			s.removeThread(p.Main)
		}
	}
	s.removeThread(t)
}

// recentExits remembers for a while which threads have exited, in two generations.
type recentExits struct {
	now, before map[int64]exitMark
	since       uint64
}

// exitMark is what is remembered of a thread that has exited: when, and its name.
type exitMark struct {
	ts   uint64
	comm string
}

const (
	exitMemory = 10e9 // ns that a generation lasts
	maxExits   = 16384
)

// cloneStale is the time in ns after which a thread that is known is not taken for the child of a clone any more, of
// which the other side tells: it must be another task of that number.
const cloneStale = 2e9

// newRecentExits returns an empty memory.
func newRecentExits() recentExits {
	return recentExits{now: map[int64]exitMark{}, before: map[int64]exitMark{}}
}

// add remembers an exit, and forgets the older generation once this one is full or old.
func (r *recentExits) add(tid int64, ts uint64, comm string) {
	if len(r.now) >= maxExits || ts > r.since+exitMemory {
		r.now, r.before = r.before, r.now
		clear(r.now)
		r.since = ts
	}
	r.now[tid] = exitMark{ts, comm}
}

// get returns what is remembered of a thread's exit, the zero mark if nothing is.
func (r *recentExits) get(tid int64) exitMark {
	if m := r.now[tid]; m.ts != 0 {
		return m
	}
	return r.before[tid]
}

// at returns when the thread exited, 0 if that is not remembered.
func (r *recentExits) at(tid int64) uint64 { return r.get(tid).ts }

// ExitedComm returns the name of a thread that exited a moment ago, "" if that is not remembered. Who is
// killed can be gone before the killer's call returns, and the event of the call comes with its return:
// it would be about nobody, which whoever runs at a low priority could arrange.
func (s *State) ExitedComm(tid int64) string {
	if m := s.exits.get(tid); m.ts+exitMemory > s.ts {
		return m.comm
	}
	return ""
}
