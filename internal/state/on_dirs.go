// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/gyrfalcon/gyrfalcon/internal/event"

var (
	chdirPath  = index(event.Chdir, "path")
	getcwdPath = index(event.GetCwd, "path")
	chrootPath = index(event.Chroot, "path")
)

// holdCwd reports whether a snapshot tells of a later working directory than the event.
func (s *State) holdCwd(t *Thread) bool {
	return t.Proc.snapshotCwd >= s.ts
}

// onChdir sets the working directory.
func (s *State) onChdir(ev *event.Event, t *Thread) {
	if path, ok := ev.Text(chdirPath); ok && succeeded(ev) && !s.holdCwd(t) {
		s.setCwd(t.Proc, path)
	}
}

// onGetCwd takes the path that the kernel returned, which mends what was missed.
func (s *State) onGetCwd(ev *event.Event, t *Thread) {
	if path, ok := ev.Text(getcwdPath); ok && succeeded(ev) && path != "" && path[0] == '/' && !s.holdCwd(t) {
		s.setCwd(t.Proc, path)
	}
}

// onFchdir sets the working directory to that of a descriptor.
func (s *State) onFchdir(ev *event.Event, t *Thread) {
	if succeeded(ev) && s.fd != nil && s.fd.name.len > 0 && !s.holdCwd(t) {
		s.setCwd(t.Proc, s.fd.Name())
	}
}

// onChroot sets the root directory. The container may show only now, so its cgroups are asked again.
func (s *State) onChroot(ev *event.Event, t *Thread) {
	path, ok := ev.Text(chrootPath)
	if !ok || !succeeded(ev) || s.holdP {
		return
	}
	p := t.Proc
	s.scratch = appendPath(s.scratch[:0], p.Cwd, path)
	p.Root = s.names.str(s.scratch)
	p.Container = s.containerOf(p.Cgroups)
}
