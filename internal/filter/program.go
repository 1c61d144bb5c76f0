// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// Program evaluates many filters for the events of one type at once. What several of them demand
// is tested once and guards them all, so that rules that share macros cost little more together
// than one of them; tests of the event's type are settled when the program is built.
type Program struct {
	root branch
	c    *Compiler
}

// branch is reached if everything on the way to it holds.
type branch struct {
	guard    edge
	done     []int32 // filters that hold then
	tests    []conjunction
	branches []branch
}

// conjunction is what is left to test of one filter.
type conjunction struct {
	filter int32
	edges  []edge
}

// Program builds the program for events of type t. The filters must come from this compiler; they
// are known to Match by their indices. Types that leave the same to test get the same program.
func (c *Compiler) Program(filters []*Filter, t event.Type) *Program {
	s := &specializer{c: c, typ: t, known: map[*node]edge{}}
	var left []edge
	var indices []int32
	var key []byte
	for i, f := range filters {
		e := s.edge(f.root)
		if value, constant := e.always(); constant && !value {
			continue
		}
		left, indices = append(left, e), append(indices, int32(i))
		key = fmt.Appendf(key, "%d:%d:%t ", i, e.id, e.neg)
	}
	name := digest(string(key))
	if p := c.programs[name]; p != nil {
		return p
	}
	list := make([]conjunction, len(left))
	for i, e := range left {
		list[i].filter = indices[i]
		if _, constant := e.always(); !constant {
			list[i].edges = conjuncts(nil, e)
		}
	}
	p := &Program{c: c}
	p.root.build(list)
	c.programs[name] = p
	return p
}

// conjuncts appends the edges that must all hold for e to list, those of nested conjunctions too.
func conjuncts(list []edge, e edge) []edge {
	if !e.neg || e.kids == nil {
		if slices.Contains(list, e) {
			return list
		}
		return append(list, e)
	}
	for _, kid := range e.kids {
		list = conjuncts(list, kid.not())
	}
	return list
}

// specializer simplifies conditions for events of one type.
type specializer struct {
	c     *Compiler
	typ   event.Type
	known map[*node]edge
}

// edge returns what is left of e.
func (s *specializer) edge(e edge) edge {
	if !e.typed {
		return e
	}
	out, seen := s.known[e.node]
	if !seen {
		out = s.node(e.node)
		s.known[e.node] = out
	}
	if e.neg {
		return out.not()
	}
	return out
}

// node returns what is left of n.
func (s *specializer) node(n *node) edge {
	if n.types != nil {
		if value, known := n.types.of(s.typ); known {
			return s.c.constant(value)
		}
	}
	changed := false
	kids := make([]edge, len(n.kids))
	for i, kid := range n.kids {
		kids[i] = s.edge(kid)
		if value, constant := kids[i].always(); constant && value {
			return kids[i]
		}
		changed = changed || kids[i] != kid
	}
	if !changed {
		return edge{n, false}
	}
	return s.c.any(kids)
}

// build sorts conjunctions into the branch: as long as several have a test in common, the one that
// keeps most of them from being looked at becomes the guard of a branch of its own.
func (b *branch) build(list []conjunction) {
	for {
		guard := commonest(list)
		if guard.node == nil {
			break
		}
		sub := branch{guard: guard}
		var inside, outside []conjunction
		for _, item := range list {
			if i := slices.Index(item.edges, guard); i >= 0 {
				inside = append(inside, conjunction{item.filter, slices.Delete(slices.Clone(item.edges), i, i+1)})
			} else {
				outside = append(outside, item)
			}
		}
		sub.build(inside)
		b.branches = append(b.branches, sub)
		list = outside
	}
	for _, item := range list {
		if len(item.edges) == 0 {
			b.done = append(b.done, item.filter)
			continue
		}
		item.edges = slices.Clone(item.edges)
		slices.SortStableFunc(item.edges, func(x, y edge) int {
			return cmp.Compare(x.cost/x.not().likely(), y.cost/y.not().likely())
		})
		b.tests = append(b.tests, item)
	}
}

// commonest returns the edge that as the guard of the conjunctions that have it saves most; no
// edge if none is in two of them.
func commonest(list []conjunction) edge {
	counts := map[edge]int{}
	for _, item := range list {
		for _, e := range item.edges {
			counts[e]++
		}
	}
	var best edge
	saved := 0.0
	for e, n := range counts {
		if n < 2 {
			continue
		}
		s := float64(n-1) * e.not().likely()
		if s > saved || s == saved && (e.cost < best.cost || e.cost == best.cost && e.id < best.id) {
			best, saved = e, s
		}
	}
	return best
}

// Match appends the indices of the filters that hold for the event of the context to dst, in
// ascending order. Beyond what dst lacks it does not allocate.
func (p *Program) Match(c *field.Context, dst []int32) []int32 {
	if len(c.Memo) < p.c.memo {
		c.Memo = make([]uint32, p.c.memo)
	}
	n := len(dst)
	dst = p.root.run(c, dst)
	if found := dst[n:]; len(found) > 1 {
		slices.Sort(found)
	}
	return dst
}

// run appends the filters of the branch that hold.
func (b *branch) run(c *field.Context, dst []int32) []int32 {
	dst = append(dst, b.done...)
	for i := range b.branches {
		if sub := &b.branches[i]; sub.guard.holds(c) {
			dst = sub.run(c, dst)
		}
	}
next:
	for i := range b.tests {
		for _, e := range b.tests[i].edges {
			if !e.holds(c) {
				continue next
			}
		}
		dst = append(dst, b.tests[i].filter)
	}
	return dst
}
