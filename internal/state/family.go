// SPDX-License-Identifier: Apache-2.0

package state

// family is the list of the processes that name one number as their parent's. It exists before
// the parent is known and outlives it, so that parents and children can come in any order.
type family struct {
	ppid  int64
	first *Process
}

// setParent makes ppid the kernel's parent of p.
func (s *State) setParent(p *Process, ppid int64) {
	if p.family != nil && p.family.ppid == ppid {
		return
	}
	s.leaveFamily(p)
	p.PPID, p.PTID = ppid, ppid
	if ppid <= 0 || ppid == p.PID {
		return
	}
	f := s.families[ppid]
	if f == nil {
		f = s.newFamily(ppid)
		s.families[ppid] = f
	}
	p.family, p.sibNext = f, f.first
	if f.first != nil {
		f.first.sibPrev = p
	}
	f.first = p
	p.Parent = s.procs[ppid]
}

// leaveFamily takes p out of the list of its parent's children.
func (s *State) leaveFamily(p *Process) {
	f := p.family
	if f == nil {
		return
	}
	if p.sibPrev != nil {
		p.sibPrev.sibNext = p.sibNext
	} else {
		f.first = p.sibNext
	}
	if p.sibNext != nil {
		p.sibNext.sibPrev = p.sibPrev
	}
	p.family, p.sibNext, p.sibPrev, p.Parent = nil, nil, nil, nil
	if f.first == nil {
		delete(s.families, f.ppid)
		if len(s.spareFamilies) < maxSpareFamilies {
			s.spareFamilies = append(s.spareFamilies, f)
		}
	}
}

// maxSpareFamilies is how many lists without a child are kept for reuse.
const maxSpareFamilies = 1024

// newFamily returns an empty list, which may have served for another parent before.
func (s *State) newFamily(ppid int64) *family {
	n := len(s.spareFamilies)
	if n == 0 {
		return &family{ppid: ppid}
	}
	f := s.spareFamilies[n-1]
	s.spareFamilies = s.spareFamilies[:n-1]
	*f = family{ppid: ppid}
	return f
}

// adopt tells the processes that wait for a parent with p's number that it is there.
func (s *State) adopt(p *Process) {
	f := s.families[p.PID]
	if f == nil {
		return
	}
	for c := f.first; c != nil; c = c.sibNext {
		c.Parent = p
		if c.Lineage == nil {
			s.setLineage(c, p)
		}
	}
}

// reparent gives the children of p, which has exited, to the process with the number to; 0 means
// that nobody is known to have taken them.
func (s *State) reparent(p *Process, to int64) {
	f := s.families[p.PID]
	if f == nil {
		return
	}
	for c := f.first; c != nil; {
		next := c.sibNext
		if to == c.PID {
			to = 0
		}
		s.setParent(c, to)
		c = next
	}
}

// reaper finds who takes the children of p: the process of the thread that the kernel named, else
// the nearest living ancestor that reaps in the same pid namespace.
func (s *State) reaper(p *Process, named int64) int64 {
	if named > 0 {
		if t := s.threads.known(named); t != nil {
			return t.Proc.PID
		}
		return named
	}
	for a, n := p.Parent, 0; a != nil && n < maxDepth; a, n = a.Parent, n+1 {
		if a == p || a.Gone {
			break
		}
		if a.Threads > 0 && a.PIDNSStartTS == p.PIDNSStartTS && (a.Reaper || a.PID == 1 || a.VPID == 1) {
			return a.PID
		}
	}
	return 0
}

// maxDepth bounds walks up the process tree, which broken records could turn into loops.
const maxDepth = 1024
