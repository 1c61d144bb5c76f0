// SPDX-License-Identifier: Apache-2.0

package state

const (
	purgeEvery  = 1e9   // ns between two rounds
	purgeAfter  = 300e9 // ns without an event after which an entry is doubted
	purgeLook   = 4096  // entries looked at in a round
	purgeVerify = 64    // entries of which /proc is asked in a round
)

// purge removes threads whose end was missed: of which nothing was heard for long and which /proc
// does not know. Each round looks at a part of the table; Go's maps are walked from anywhere.
func (s *State) purge() {
	s.nextPurge = s.ts + purgeEvery
	if !s.opt.ProcLookup {
		return
	}
	left, verify := purgeLook, purgeVerify
	for _, t := range s.threads {
		if left--; left < 0 {
			return
		}
		if t.seen+purgeAfter > s.ts || t.snapshot+purgeAfter > s.ts {
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
