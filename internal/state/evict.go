// SPDX-License-Identifier: Apache-2.0

package state

// evictLook is how many threads are compared when one has to go from a full table. Go's maps are walked
// from anywhere, so that each time others are.
const evictLook = 32

// evictThread makes room in a full table, at the cost of what is least missed: an entry of which nothing
// is known; where /proc can tell of it again a secondary thread or, last, a process that made none of the
// others, and among those the one that has been quiet for longest. Threads of keep and of the event that
// is being applied stay. It reports whether it could.
func (s *State) evictThread(keep *Process) bool {
	var victim *Thread
	best, looked := evictNever, 0
	for _, t := range s.threads.all {
		if looked++; looked > evictLook {
			break
		}
		rank := s.evictRank(t)
		if t.Proc == keep || t == s.th || s.th != nil && t.Proc == s.th.Proc || rank == evictNever {
			continue
		}
		if rank < best || rank == best && t.seen < victim.seen {
			victim, best = t, rank
		}
	}
	if victim == nil {
		return false
	}
	s.stats.ThreadsEvicted++
	s.removeThread(victim)
	return true
}

// What an entry is worth, the least first.
const (
	evictFake = iota
	evictSecondary
	evictLeaf
	evictNever
)

// evictRank is what an entry is worth. What has exited goes by itself.
func (s *State) evictRank(t *Thread) int {
	p := t.Proc
	switch {
	case t.Fake:
		return evictFake
	case !s.opt.ProcLookup || t.Dead || s.after.thread == t || s.after.closing == p:
		return evictNever
	case t != p.Main:
		return evictSecondary
	case p.threads == t && t.next == nil && p.heirs == nil && s.families[p.PID] == nil && p.PID > 1:
		return evictLeaf
	}
	return evictNever
}
