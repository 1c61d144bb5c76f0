// SPDX-License-Identifier: Apache-2.0

package state

import (
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// Published open flags.
const (
	openDirectory = 1024
	openCloseExec = 4096
	openCreated   = 16384
	openUpper     = 32768
	openLower     = 65536

	creatUpper = 1
	creatLower = 2
)

// unreadable is what drivers write for a text that they could not read.
const unreadable = "(NULL)"

// openParams are the positions of the parameters of one call of the open family.
type openParams struct{ dirfd, name, flags, dev, ino, real, nlink, mount int }

// openIndexes finds the parameters of one call of the open family.
func openIndexes(t event.Type) openParams {
	return openParams{
		dirfd: optional(t, "dirfd"), name: optional(t, "name"), flags: optional(t, "flags"),
		dev: index(t, "dev"), ino: index(t, "ino"),
		real: optional(t, "real_path"), nlink: optional(t, "nlink"), mount: optional(t, "mnt_id"),
	}
}

var (
	paramsOpen     = openIndexes(event.Open)
	paramsOpenAt   = openIndexes(event.OpenAt)
	paramsOpenAt2  = openIndexes(event.OpenAt2)
	paramsCreat    = openIndexes(event.Creat)
	paramsByHandle = openIndexes(event.OpenByHandleAt)
	creatFlags     = index(event.Creat, "creat_flags")
	byHandlePath   = index(event.OpenByHandleAt, "path")
)

// The calls of the open family differ in where their parameters lie.
func (s *State) onOpen(ev *event.Event, t *Thread)    { s.open(ev, t, &paramsOpen) }
func (s *State) onOpenAt(ev *event.Event, t *Thread)  { s.open(ev, t, &paramsOpenAt) }
func (s *State) onOpenAt2(ev *event.Event, t *Thread) { s.open(ev, t, &paramsOpenAt2) }
func (s *State) onCreat(ev *event.Event, t *Thread)   { s.open(ev, t, &paramsCreat) }

// open enters the descriptor of a file that was opened by a path.
func (s *State) open(ev *event.Event, t *Thread, c *openParams) {
	asked := t.enter.of(ev.Type())
	num, ok := ev.Int(0)
	if !ok || num < 0 {
		s.num = -1
		return
	}
	name, _ := ev.Text(c.name)
	flags := uint32(uintOf(ev, c.flags, 0))
	if ev.Type() == event.Creat {
		flags = layers(uint32(uintOf(ev, creatFlags, 0)))
	}
	if asked {
		// What the call was asked for cannot have been changed since by another thread. The
		// flags that the kernel added are only in the exit event.
		if v := text(t.enter.text); v != na && v != unreadable {
			name = v
		}
		if ev.Type() != event.Creat {
			flags = t.enter.flags | flags&^(openCreated-1)
		}
	}
	f := s.pool.get()
	f.Num, f.Type, f.Open = num, FDFileV2, flags
	dir := s.dirName(t.Proc, intOf(ev, c.dirfd, atCwd))
	if dir == unknownDir && (len(name) == 0 || name[0] != '/') {
		f.setNameBuf(appendUnknown(f.buf[:0], name))
	} else {
		f.setNameBuf(appendPath(f.buf[:0], dir, name))
	}
	s.entered(ev, t, f, c, name)
}

// appendUnknown appends a path below a directory that is not known.
func appendUnknown(dst []byte, name string) []byte {
	dst = append(dst, unknownDir...)
	dst = append(dst, '/')
	return appendParts(dst, len(dst), name)
}

// appendCollapsed appends path with one slash where it has several in a row.
func appendCollapsed(dst []byte, path string) []byte {
	for i := range len(path) {
		if path[i] != '/' || i == 0 || path[i-1] != '/' {
			dst = append(dst, path[i])
		}
	}
	return dst
}

// entered completes the descriptor of an opened file and puts it into the table.
func (s *State) entered(ev *event.Event, t *Thread, f *FD, c *openParams, name string) {
	if strings.Contains(name, "//") {
		s.scratch = appendCollapsed(s.scratch[:0], name)
		name = text(s.scratch)
	}
	f.SetRawName(name)
	if v, ok := ev.Text(c.real); ok {
		f.SetRealPath(v)
	}
	f.Dev = uint32(uintOf(ev, c.dev, 0))
	f.Ino = uintOf(ev, c.ino, 0)
	f.NLink = uint32(uintOf(ev, c.nlink, 0))
	f.MountID = uint32(uintOf(ev, c.mount, 0))
	if f.Open&openDirectory != 0 {
		f.Type = FDDirectory
	}
	if f.Open&openCloseExec != 0 {
		f.Flags |= FDCloseOnExec
	}
	if f.Open&openUpper != 0 {
		f.Flags |= FDUpperLayer
	}
	if f.Open&openLower != 0 {
		f.Flags |= FDLowerLayer
	}
	s.enterFD(t, f)
	s.markChanged(s.fd.name.len > 0)
}

// layers turns the layer flags of creat into those of open.
func layers(creat uint32) (open uint32) {
	if creat&creatUpper != 0 {
		open |= openUpper
	}
	if creat&creatLower != 0 {
		open |= openLower
	}
	return open
}

// onOpenByHandle enters the descriptor of a file that was opened by a handle.
func (s *State) onOpenByHandle(ev *event.Event, t *Thread) {
	num, ok := ev.Int(0)
	if !ok || num < 0 {
		s.num = -1
		return
	}
	name, _ := ev.Text(byHandlePath)
	f := s.pool.get()
	f.Num, f.Type, f.Open = num, FDFileV2, uint32(uintOf(ev, paramsByHandle.flags, 0))
	if name == na {
		f.SetName(na)
	} else {
		f.setNameBuf(appendPath(f.buf[:0], "/", name))
	}
	s.entered(ev, t, f, &paramsByHandle, name)
}

// enterFD puts f, which came from the pool, into the table of t's process and makes it the event's
// descriptor. Where a snapshot already tells of a later time, or the process is unknown, only the
// rules see it.
func (s *State) enterFD(t *Thread, f *FD) {
	s.num = f.Num
	if t != &s.ghost && !s.held(t.Proc, f.Num) {
		if s.fd = s.pool.put(&t.Proc.FDs, f); s.fd != nil {
			return
		}
	}
	s.loose.copyFrom(f)
	s.pool.recycle(f)
	s.fd = &s.loose
}

// held reports whether a snapshot tells of a later time than the event what the number stands for.
// The rules see the event all the same.
func (s *State) held(p *Process, num int64) bool {
	if s.ts > p.fdsTo {
		return false
	}
	if f := p.FDs.Get(num); f != nil {
		return f.since >= s.ts
	}
	return s.ts <= p.fdsFrom
}

// markChanged says that this event gave its descriptor another name.
func (s *State) markChanged(changed bool) {
	if changed && s.fd != nil {
		s.fd.Flags |= FDNameChanged
		s.changed = s.fd
	}
}
