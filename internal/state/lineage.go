// SPDX-License-Identifier: Apache-2.0

package state

import "unsafe"

// Ancestor returns the n-th ancestor of p: 0 is p itself, 1 its parent. Where the kernel's parent is
// not known it goes by the lineage. It returns nil where the chain ends, or turns into a loop.
func (p *Process) Ancestor(n int) *Process {
	if n > maxDepth {
		return nil
	}
	// The slow pointer moves at half the speed: meeting it means a loop.
	slow := p
	for i := 0; i < n && p != nil; i++ {
		p = p.up()
		if i&1 == 1 {
			slow = slow.up()
		}
		if p == slow {
			return nil
		}
	}
	return p
}

// up is one step towards the root of the process tree.
func (p *Process) up() *Process {
	if p.Parent != nil {
		return p.Parent
	}
	return p.Lineage
}

// Comm is the name of the process: that of its leader. "" if the leader was never seen.
func (p *Process) Comm() string {
	if p.Main == nil {
		return ""
	}
	return p.Main.Comm
}

// setLineage makes by the process that made p.
func (s *State) setLineage(p, by *Process) {
	if p.Lineage == by || p == by {
		return
	}
	s.leaveLineage(p)
	if by == nil {
		return
	}
	p.Lineage, p.heirNext = by, by.heirs
	if by.heirs != nil {
		by.heirs.heirPrev = p
	}
	by.heirs = p
}

// leaveLineage ends that p descends from its lineage, which goes if nobody else does.
func (s *State) leaveLineage(p *Process) {
	by := p.Lineage
	if by == nil {
		return
	}
	if p.heirPrev != nil {
		p.heirPrev.heirNext = p.heirNext
	} else {
		by.heirs = p.heirNext
	}
	if p.heirNext != nil {
		p.heirNext.heirPrev = p.heirPrev
	}
	p.Lineage, p.heirNext, p.heirPrev = nil, nil, nil
	if by.Gone && by.heirs == nil {
		s.forget(by)
	}
}

// retire keeps p, whose last thread has exited, for those who descend from it.
func (s *State) retire(p *Process) {
	p.Gone = true
	s.leaveFamily(p)
	if p.heirs == nil {
		s.leaveLineage(p)
		return
	}
	// An environment is large and is only asked of processes that live.
	p.Env = nil
	p.goneBytes = goneSize(p)
	s.goneBytes += p.goneBytes
	s.gone++
	s.goneQueue = append(s.goneQueue, p)
	s.cutLineage(p)
	for s.goneBytes > s.opt.MaxLineageBytes && len(s.goneQueue) > 0 {
		s.evictGone()
	}
	s.trimGoneQueue()
}

// forget ends the accounting of a gone process that nobody descends from any more.
func (s *State) forget(p *Process) {
	for p != nil && p.goneBytes > 0 {
		s.goneBytes -= p.goneBytes
		s.gone--
		p.goneBytes = 0
		by := p.Lineage
		if by == nil {
			return
		}
		// leaveLineage without its call of forget: a long chain must not recurse.
		gone := by.Gone
		by.Gone = false
		s.leaveLineage(p)
		by.Gone = gone
		if !gone || by.heirs != nil {
			return
		}
		p = by
	}
}

// cutLineage ends the chain of gone processes above p at the allowed depth.
func (s *State) cutLineage(p *Process) {
	for range s.opt.MaxLineageDepth {
		if p == nil || !p.Gone {
			return
		}
		p = p.Lineage
	}
	if p != nil && p.Lineage != nil {
		s.leaveLineage(p)
		s.stats.LineageCut++
	}
}

// evictGone drops the process that has been gone for longest: its heirs descend from its own
// lineage then.
func (s *State) evictGone() {
	p := s.goneQueue[0]
	s.goneQueue[0] = nil
	s.goneQueue = s.goneQueue[1:]
	if p.goneBytes == 0 {
		return
	}
	s.stats.LineageEvicted++
	by := p.Lineage
	for h := p.heirs; h != nil; {
		next := h.heirNext
		h.Lineage, h.heirNext, h.heirPrev = nil, nil, nil
		s.setLineage(h, by)
		h = next
	}
	p.heirs = nil
	s.forget(p)
}

// trimGoneQueue drops the queue's entries that are forgotten, once they are the most of it.
func (s *State) trimGoneQueue() {
	if len(s.goneQueue) < 64 || len(s.goneQueue) < 2*s.gone {
		return
	}
	kept := make([]*Process, 0, s.gone+64)
	for _, p := range s.goneQueue {
		if p.goneBytes > 0 {
			kept = append(kept, p)
		}
	}
	s.goneQueue = kept
}

// goneSize estimates the memory that a gone process holds.
func goneSize(p *Process) int {
	return int(unsafe.Sizeof(*p)) + int(unsafe.Sizeof(Thread{})) + len(p.CmdLine) + len(p.ExePath) + 16*len(p.Args)
}
