// SPDX-License-Identifier: Apache-2.0

package state

// Threads whose end was missed are looked for in rounds, each of which looks at a part of the table.
const (
	purgeEvery  = 1e9 // ns between two rounds
	purgeLook   = 256 // entries looked at in a round at least
	purgeVerify = 64  // entries of which /proc is asked in a round at most
)

// purgeShare is how many entries a round looks at, so that all have their turn in an interval.
func (s *State) purgeShare() int {
	rounds := max(int(s.opt.PurgeInterval/purgeEvery), 1)
	return max(s.threads.len()/rounds, purgeLook)
}

// purge removes threads whose end was missed: of which nothing was heard for long and which /proc
// does not know. Go's maps are walked from anywhere.
func (s *State) purge() {
	s.nextPurge = s.ts + purgeEvery
	if !s.opt.ProcLookup {
		return
	}
	left, verify := s.purgeShare(), purgeVerify
	after := uint64(s.opt.PurgeTimeout)
	for _, t := range s.threads.all {
		if left--; left < 0 {
			return
		}
		if t.seen+after > s.ts || t.snapshot+after > s.ts {
			continue
		}
		if verify--; verify < 0 {
			return
		}
		if !t.Fake && s.proc.alive(t.TID) {
			t.seen = s.ts
			continue
		}
		s.stats.Purged++
		s.endThread(t)
		s.finish(t, 0)
	}
}
