// SPDX-License-Identifier: Apache-2.0

package state

// SessionLeader returns the process that leads the session of t's process; nil if none is known.
func (s *State) SessionLeader(t *Thread) *Process {
	return s.leader(t, t.Proc.SID, func(p *Process) int64 { return p.SID }, false)
}

// GroupLeader returns the process that leads the process group of t's process by the host's
// numbers; nil if none is known.
func (s *State) GroupLeader(t *Thread) *Process {
	return s.leader(t, t.Proc.PGID, func(p *Process) int64 { return p.PGID }, true)
}

// VGroupLeader returns the process that leads the process group of t's process by the numbers of
// its own pid namespace; nil if none is known.
func (s *State) VGroupLeader(t *Thread) *Process {
	return s.leader(t, t.Proc.VPGID, func(p *Process) int64 { return p.VPGID }, false)
}

// leader finds the process with that number or, where the number may be one of a child pid
// namespace or nobody has it, the oldest in the line of ancestors that has the same one.
func (s *State) leader(t *Thread, id int64, of func(*Process) int64, host bool) *Process {
	if id < 0 || t.Fake {
		return nil
	}
	p := t.Proc
	if host || t.VTID == t.TID && p.VPID == p.PID {
		if l := s.threads.known(id); l != nil {
			return l.Proc
		}
	}
	var last *Process
	for a, n := p, 0; a != nil && n < maxDepth && of(a) == id; a, n = a.up(), n+1 {
		last = a
	}
	if last == p {
		return nil
	}
	return last
}
