// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/gyrfalcon/gyrfalcon/internal/event"

var exitReaper = index(event.ProcExit, "reaper_tid")

// onExit notes that a thread has exited. Its entry goes after the rules.
func (s *State) onExit(ev *event.Event, t *Thread) {
	if !t.Fake && t.snapshot >= s.ts {
		return
	}
	comm := t.Comm
	if t.Fake {
		comm = "" // "<NA>"
	}
	s.exits.add(t.TID, s.ts, comm)
	s.endThread(t)
	s.after.thread = t
	s.after.reaper = intOf(ev, exitReaper, 0)
}
