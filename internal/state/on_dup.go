// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// Published fcntl commands.
const (
	fcntlDupFD          = 1
	fcntlSetFD          = 3
	fcntlDupFDCloseExec = 26
)

var (
	dup3Flags = index(event.Dup3, "flags")
	fcntlCmd  = index(event.Fcntl, "cmd")
	fcntlArg  = index(event.Fcntl, "arg")
)

// onDup applies dup and dup2, whose copies survive an exec.
func (s *State) onDup(ev *event.Event, t *Thread) { s.dup(ev, t, false) }

// onDup3 applies dup3, which may mark the copy for the next exec.
func (s *State) onDup3(ev *event.Event, t *Thread) {
	s.dup(ev, t, uintOf(ev, dup3Flags, 0)&openCloseExec != 0)
}

// dup makes the descriptor that the call returned a copy of the one it was given. What stood under
// the new number was closed by the call.
func (s *State) dup(ev *event.Event, t *Thread, closeExec bool) {
	num, ok := ev.Int(0)
	if !ok || num < 0 {
		return
	}
	old := s.fd
	if num == s.num {
		return
	}
	if old == nil {
		s.num, s.fd = num, nil
		if !s.held(t.Proc, num) {
			s.pool.remove(&t.Proc.FDs, num)
		}
		return
	}
	f := s.pool.get()
	f.copyFrom(old)
	f.Num = num
	f.Flags &^= FDCloseOnExec
	if closeExec {
		f.Flags |= FDCloseOnExec
	}
	s.enterFD(t, f)
}

// onFcntl applies the commands that copy a descriptor or change what becomes of it in an exec.
func (s *State) onFcntl(ev *event.Event, t *Thread) {
	if !succeeded(ev) {
		return
	}
	switch cmd, _ := ev.Uint(fcntlCmd); cmd {
	case fcntlDupFD:
		s.dup(ev, t, false)
	case fcntlDupFDCloseExec:
		s.dup(ev, t, true)
	case fcntlSetFD:
		arg, ok := ev.Uint(fcntlArg)
		if !ok || s.fd == nil || s.held(t.Proc, s.num) {
			return
		}
		s.fd = s.pool.own(&t.Proc.FDs, s.fd)
		s.fd.Flags &^= FDCloseOnExec
		if arg&1 != 0 {
			s.fd.Flags |= FDCloseOnExec
		}
	}
}
