// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// Events of ours that make descriptors.
var (
	openTreeDir    = index(event.OpenTree, "dirfd")
	openTreePath   = index(event.OpenTree, "path")
	openTreeFlags  = index(event.OpenTree, "flags")
	fsMountFlags   = index(event.FSMount, "flags")
	secretFlags    = index(event.MemFDSecret, "flags")
	fsOpenFlags    = index(event.FSOpen, "flags")
	fsPickFlags    = index(event.FSPick, "flags")
	perfEventFlags = index(event.PerfEventOpen, "flags")
	fanotifyFlags  = index(event.FanotifyInit, "flags")
)

// Flags of these calls that close the descriptor at an exec, as the kernel has them.
const (
	fsCloseExec      = 1       // FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC, FSPICK_CLOEXEC, FAN_CLOEXEC
	perfCloseExec    = 8       // PERF_FLAG_FD_CLOEXEC
	kernelOCloseExec = 0x80000 // O_CLOEXEC of memfd_secret
)

// onFSOpen, onFSPick, onFanotify, onPerfEvent and onLandlock enter descriptors that have neither name
// nor published type: /proc calls them anonymous inodes, too.
func (s *State) onFSOpen(ev *event.Event, t *Thread)   { s.unnamed(ev, t, fsOpenFlags, fsCloseExec) }
func (s *State) onFSPick(ev *event.Event, t *Thread)   { s.unnamed(ev, t, fsPickFlags, fsCloseExec) }
func (s *State) onFanotify(ev *event.Event, t *Thread) { s.unnamed(ev, t, fanotifyFlags, fsCloseExec) }
func (s *State) onPerfEvent(ev *event.Event, t *Thread) {
	s.unnamed(ev, t, perfEventFlags, perfCloseExec)
}
func (s *State) onLandlock(ev *event.Event, t *Thread) { s.typed(ev, t, FDUnsupported, true) }

// unnamed enters such a descriptor; mask is the flag that closes it at an exec.
func (s *State) unnamed(ev *event.Event, t *Thread, flags int, mask uint64) {
	s.typed(ev, t, FDUnsupported, uintOf(ev, flags, 0)&mask != 0)
}

// onMemFDSecret enters a memory file that only its process can read.
func (s *State) onMemFDSecret(ev *event.Event, t *Thread) {
	f := s.typed(ev, t, FDMemFD, uintOf(ev, secretFlags, 0)&kernelOCloseExec != 0)
	if f != nil {
		s.scratch = append(s.scratch[:0], "/secretmem"...)
		s.rename(f, s.scratch)
	}
}

// onFSMount enters the root of a mount that stands nowhere in the tree yet.
func (s *State) onFSMount(ev *event.Event, t *Thread) {
	f := s.typed(ev, t, FDDirectory, uintOf(ev, fsMountFlags, 0)&fsCloseExec != 0)
	if f != nil {
		s.scratch = append(s.scratch[:0], '/')
		s.rename(f, s.scratch)
	}
}

// onOpenTree enters the descriptor of a place in the tree of mounts, or of a copy of it.
func (s *State) onOpenTree(ev *event.Event, t *Thread) {
	f := s.typed(ev, t, FDDirectory, uintOf(ev, openTreeFlags, 0)&kernelOCloseExec != 0)
	name, ok := ev.Text(openTreePath)
	if f == nil || !ok {
		return
	}
	dir := s.dirName(t.Proc, intOf(ev, openTreeDir, atCwd))
	if dir == unknownDir && (name == "" || name[0] != '/') {
		s.scratch = appendUnknown(s.scratch[:0], name)
	} else {
		s.scratch = appendPath(s.scratch[:0], dir, name)
	}
	s.rename(f, s.scratch)
}
