// SPDX-License-Identifier: Apache-2.0

package state

import (
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// budget counts what is done in the second that has begun.
type budget struct {
	window time.Time
	used   int
}

// take takes one of the n that a second has; false if there is none left.
func (b *budget) take(n int) bool {
	now := time.Now()
	if now.Sub(b.window) >= time.Second {
		b.window, b.used = now, 0
	}
	if b.used >= n {
		return false
	}
	b.used++
	return true
}

// lookup enters a thread that no event told of, as /proc tells it or, in a replay, told then; nil if there is no such thread
// or no lookup is allowed.
func (s *State) lookup(tid int64) *Thread {
	if tid <= 0 {
		return nil
	}
	if !s.opt.ProcLookup {
		return s.toldOf(tid)
	}
	if old := s.threads.get(tid); old != nil && old.Fake && old.retry > s.ts {
		return nil
	}
	if !s.proc.allowed() {
		return nil
	}
	s.stats.Lookups++
	t := s.proc.thread(tid, true)
	if t == nil {
		s.stats.LookupsMissed++
		if old := s.threads.get(tid); old != nil && old.Fake {
			old.retry = s.ts + lookupRetry
		}
		return nil
	}
	s.proc.ancestors(t.Proc)
	s.proc.forgetTables()
	return t
}

// lookupRetry is how long a thread that /proc did not know is not looked up again.
const lookupRetry = 5e9

// ancestors looks up the parents of p that are not known.
func (f *procFS) ancestors(p *Process) {
	for range 32 {
		if p == nil || p.Parent != nil || p.PPID <= 0 || !f.allowed() {
			return
		}
		t := f.thread(p.PPID, true)
		if t == nil {
			return
		}
		p = t.Proc
	}
}

// netReads is how many times a second the socket tables of a net namespace are read for single
// descriptors: they can be large.
const netReads = 4

// relativePaths holds, for each event, the parameters with the directories of its relative paths other
// than that which fdParams names; 0 for none. Opens find theirs by dirName.
var relativePaths = makeRelativePaths()

// makeRelativePaths finds them in the event table.
func makeRelativePaths() (t [event.NumTypes][2]struct{ dir, path uint8 }) {
	infos := event.Infos()
	for code := range t {
		info, n := &infos[code], 0
		if info.Flags&(event.CreatesFD|event.OldVersion) != 0 {
			continue
		}
		for i, p := range info.Params {
			if p.Type == event.FSRelPath && int(p.DirFD) != int(fdParams[code]) && n < len(t[code]) {
				t[code][n].dir, t[code][n].path = p.DirFD, uint8(i)
				n++
			}
		}
	}
	return t
}

// learnDirs reads the directories of an event's relative paths that no event told of.
func (s *State) learnDirs(ev *event.Event, t *Thread) {
	for _, at := range relativePaths[ev.Type()] {
		if at.path == 0 {
			return
		}
		path := ev.Param(int(at.path))
		if len(path) > 0 && path[0] == '/' {
			continue
		}
		if num, ok := ev.Int(int(at.dir)); ok && t.Proc.FDs.Get(num) == nil {
			s.lookFD(t.Proc, num)
		}
	}
}

// learnable reports whether the descriptor of an event can still be asked for: the call succeeded and
// did not close it.
func learnable(ev *event.Event, t *Thread) bool {
	if t.Fake || ev.Type() == event.Close || ev.Type().IsEnter() {
		return false
	}
	res, ok := ev.Int(0)
	return ok && res >= 0
}

// lookFD reads a descriptor that no event told of from /proc, or takes what that told where a capture was made,
// and enters it; nil if that cannot be done, or does not know it either. What it finds is the descriptor of now:
// between the event and the look the process may have made another of it.
func (s *State) lookFD(p *Process, num int64) *FD {
	if p.PID <= 0 || num < 0 || num >= event.DirectFD || s.held(p, num) {
		return nil
	}
	if !s.opt.ProcLookup {
		return s.toldFD(p, num)
	}
	if !s.proc.forFDs.take(s.opt.MaxLookups) {
		s.stats.FDLookupsRefused++
		return nil
	}
	s.stats.FDLookups++
	f := s.proc.readFD(p, num)
	s.proc.forgetTables()
	if f == nil {
		s.stats.FDLookupsMissed++
		return nil
	}
	s.tellFD(p, f)
	return f
}

// guessRole finds which end of a connection is the server's: that whose port somebody listens on.
func (f *procFS) guessRole(fd *FD, socks map[uint64]sock) {
	if (fd.Type != FDIPv4Sock && fd.Type != FDIPv6Sock) || !fd.Source.IsValid() {
		return
	}
	for _, k := range socks {
		if k.remote.Port() == 0 && k.local.Port() == fd.Source.Port() && k.l4 == fd.L4 {
			f.s.serve(fd)
			return
		}
	}
	fd.role(FDRoleClient)
}

// serve makes the local end of a connection the server's.
func (s *State) serve(fd *FD) {
	e := ends{family: familyINet, src: fd.Dest, dst: fd.Source}
	if fd.Type == FDIPv6Sock {
		e.family = familyINet6
	}
	fd.setEnds(&e)
	fd.role(FDRoleServer)
	s.scratch = e.appendTuple(s.scratch[:0])
	fd.SetName(text(s.scratch))
}
