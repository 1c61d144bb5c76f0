// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// The enter events that only old captures have.
const (
	execveEnter   event.Type = 292
	execveatEnter event.Type = 330
)

// enterCall keeps a thread's newest enter event: what the call was asked to do, before another
// thread could change it in memory. It keeps its memory.
type enterCall struct {
	typ   event.Type
	dirfd int64
	flags uint32
	text  []byte // a path, or a socket address
}

var (
	enterOpenFlags     = index(event.OpenEnter, "flags")
	enterOpenAtDir     = index(event.OpenAtEnter, "dirfd")
	enterOpenAtName    = index(event.OpenAtEnter, "name")
	enterOpenAtFlags   = index(event.OpenAtEnter, "flags")
	enterConnectAddr   = index(event.ConnectEnter, "addr")
	enterExecName      = index(execveEnter, "filename")
	enterExecveatDir   = index(execveatEnter, "dirfd")
	enterExecveatName  = index(execveatEnter, "pathname")
	enterExecveatFlags = index(execveatEnter, "flags")
)

// onEnter keeps an enter event for its exit.
func (s *State) onEnter(ev *event.Event, t *Thread) {
	s.enters = true
	e := &t.enter
	e.typ, e.dirfd, e.flags = ev.Type(), atCwd, 0
	var name int
	switch e.typ {
	case event.OpenEnter:
		e.flags = uint32(uintOf(ev, enterOpenFlags, 0))
	case event.CreatEnter:
	case event.OpenAtEnter, event.OpenAt2Enter:
		name = enterOpenAtName
		e.dirfd = intOf(ev, enterOpenAtDir, atCwd)
		e.flags = uint32(uintOf(ev, enterOpenAtFlags, 0))
	case event.ConnectEnter:
		e.text = append(e.text[:0], ev.Param(enterConnectAddr)...)
		return
	case execveEnter:
		name = enterExecName
	case execveatEnter:
		name = enterExecveatName
		e.dirfd = intOf(ev, enterExecveatDir, atCwd)
		e.flags = uint32(uintOf(ev, enterExecveatFlags, 0))
	}
	v, ok := ev.Text(name)
	if !ok {
		e.typ = 0 // old captures hold enter events without values
	}
	e.text = append(e.text[:0], v...)
}

// of reports whether the kept event belongs to the exit event of that type, and forgets it.
func (e *enterCall) of(exit event.Type) bool {
	ok := e.typ != 0 && e.typ+1 == exit
	if ok {
		e.typ = 0
	}
	return ok
}

// exec returns what the kept enter event of execve or execveat asked for.
func (e *enterCall) exec() (name string, dirfd int64, flags uint32) {
	return text(e.text), e.dirfd, e.flags
}

// isExec reports whether the kept event is one of execve or execveat.
func (e *enterCall) isExec() bool { return e.typ == execveEnter || e.typ == execveatEnter }

// reset forgets the kept event.
func (e *enterCall) reset() { e.typ, e.text = 0, e.text[:0] }
