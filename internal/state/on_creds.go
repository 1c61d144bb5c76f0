// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// allCaps is the full capability set.
const allCaps = 1<<41 - 1

// Published prctl options.
const (
	prSetSubreaper = 36
	prGetSubreaper = 37
)

// rlimitNoFile is the published number of the limit on descriptors.
const rlimitNoFile = 7

// credParams holds the index of the effective identifier in the parameters of the calls that set it.
var credParams = map[event.Type]int{
	event.SetUID:    index(event.SetUID, "uid"),
	event.SetGID:    index(event.SetGID, "gid"),
	event.SetREUID:  index(event.SetREUID, "euid"),
	event.SetREGID:  index(event.SetREGID, "egid"),
	event.SetResUID: index(event.SetResUID, "euid"),
	event.SetResGID: index(event.SetResGID, "egid"),
}

var (
	capsetInh   = index(event.Capset, "cap_inheritable")
	capsetPrm   = index(event.Capset, "cap_permitted")
	capsetEff   = index(event.Capset, "cap_effective")
	unshareFlag = index(event.Unshare, "flags")
	setnsFlag   = index(event.SetNS, "nstype")
	prctlOption = index(event.Prctl, "option")
	prctlArg    = index(event.Prctl, "arg2_int")

	rlimitCur      = index(event.SetRLimit, "cur")
	rlimitResource = index(event.SetRLimit, "resource")
	prlimitNew     = index(event.PRLimit, "newcur")
	prlimitGiven   = optional(event.PRLimit, "new_limit")
	prlimitOld     = index(event.PRLimit, "oldcur")
	prlimitPID     = index(event.PRLimit, "pid")
	prlimitRes     = index(event.PRLimit, "resource")
)

// onSetUID sets the thread's effective user.
func (s *State) onSetUID(ev *event.Event, t *Thread) {
	if id, ok := s.newID(ev); ok {
		t.UID = id
	}
}

// onSetGID sets the thread's effective group.
func (s *State) onSetGID(ev *event.Event, t *Thread) {
	if id, ok := s.newID(ev); ok {
		t.GID = id
	}
}

// newID is the effective identifier that a call has set; ok is false if it keeps the old one.
func (s *State) newID(ev *event.Event) (id uint32, ok bool) {
	if res, ok := ev.Int(0); !ok || res != 0 || s.holdT {
		return 0, false
	}
	v, ok := ev.Uint(credParams[ev.Type()])
	return uint32(v), ok && uint32(v) != NoID
}

// onCapset sets the thread's capabilities.
func (s *State) onCapset(ev *event.Event, t *Thread) {
	if res, ok := ev.Int(0); !ok || res != 0 || s.holdT {
		return
	}
	t.Caps = Caps{
		Inheritable: uintOf(ev, capsetInh, t.Caps.Inheritable),
		Permitted:   uintOf(ev, capsetPrm, t.Caps.Permitted),
		Effective:   uintOf(ev, capsetEff, t.Caps.Effective),
	}
}

// onUnshare applies new namespaces, and the end of a shared descriptor table.
func (s *State) onUnshare(ev *event.Event, t *Thread) {
	s.newNamespaces(ev, t, uintOf(ev, unshareFlag, 0))
}

// onSetNS applies the entering of namespaces.
func (s *State) onSetNS(ev *event.Event, t *Thread) {
	s.newNamespaces(ev, t, uintOf(ev, setnsFlag, 0))
}

// newNamespaces applies the change of namespaces: whoever enters a user namespace has all
// capabilities there, and what is shared no more is copied.
func (s *State) newNamespaces(ev *event.Event, t *Thread, flags uint64) {
	if res, ok := ev.Int(0); !ok || res != 0 || s.holdT {
		return
	}
	if flags&cloneNewUser != 0 {
		t.Caps = Caps{Permitted: allCaps, Effective: allCaps} // the kernel empties the inheritable set
	}
	if flags&cloneFiles != 0 && ev.Type() == event.Unshare && t.Proc.Threads <= 1 {
		s.pool.unshare(&t.Proc.FDs)
	}
	t.Proc.userNS = nil
}

// onSetSID makes the result the session of the process.
func (s *State) onSetSID(ev *event.Event, t *Thread) {
	if sid, ok := ev.Int(0); ok && sid >= 0 && !s.holdP {
		t.Proc.SID = sid
	}
}

// onPrctl takes whether the process reaps its descendants; nothing else of prctl is state.
func (s *State) onPrctl(ev *event.Event, t *Thread) {
	if !succeeded(ev) || s.holdP {
		return
	}
	switch option, _ := ev.Uint(prctlOption); option {
	case prSetSubreaper, prGetSubreaper:
		t.Proc.Reaper = intOf(ev, prctlArg, 0) != 0
	}
}

// onRLimit takes the limit on descriptors that getrlimit tells or setrlimit sets.
func (s *State) onRLimit(ev *event.Event, t *Thread) {
	if res, ok := ev.Int(0); !ok || res != 0 || s.holdP {
		return
	}
	if resource, ok := ev.Uint(rlimitResource); ok && resource == rlimitNoFile {
		t.Proc.FDLimit = intOf(ev, rlimitCur, t.Proc.FDLimit)
	}
}

// onPRLimit takes the limit on descriptors of this or another process.
func (s *State) onPRLimit(ev *event.Event, t *Thread) {
	if res, ok := ev.Int(0); !ok || res != 0 || s.holdP {
		return
	}
	if resource, ok := ev.Uint(prlimitRes); !ok || resource != rlimitNoFile {
		return
	}
	p := t.Proc
	if pid := intOf(ev, prlimitPID, 0); pid > 0 {
		if p = s.procs[pid]; p == nil {
			return
		}
	}
	// Drivers write 0 for the new limits of a call that only asks. In captures of others it is taken for what
	// it says, as users of the field know it; ours tell whether new limits were given.
	limit := intOf(ev, prlimitNew, -1)
	given, told := ev.Uint(prlimitGiven)
	if limit == -1 || told && given == 0 {
		limit = intOf(ev, prlimitOld, -1)
	}
	if limit != -1 {
		p.FDLimit = limit
	}
}
