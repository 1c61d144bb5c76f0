// SPDX-License-Identifier: Apache-2.0

package state

// Ancestor returns the n-th ancestor of p: 0 is p itself, 1 its parent. Where the kernel's parent is
// not known it goes by the lineage. It returns nil where the chain ends, or turns into a loop.
func (p *Process) Ancestor(n int) *Process {
	for ; n > 0 && p != nil; n-- {
		p = p.up()
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
