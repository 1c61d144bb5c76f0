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

// build sorts conjunctions into the branch: as long as to test something that several of them demand once for
// all is cheaper than to test each of them by itself, the test that saves most becomes the guard of a branch of
// its own.
func (b *branch) build(list []conjunction) {
	for i := range list {
		list[i].edges = slices.Clone(list[i].edges)
		slices.SortStableFunc(list[i].edges, func(x, y edge) int {
			return cmp.Compare(x.cost/x.not().likely(), y.cost/y.not().likely())
		})
	}
	for {
		guard := best(list)
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
		b.tests = append(b.tests, item)
	}
}

// best returns the edge that as the guard of the conjunctions that have it saves most; no edge if none saves
// anything. The edges of each must be in the order in which they are tested: what is demanded late is seldom
// tested at all, so that a guard before everything would cost more than it saves.
func best(list []conjunction) edge {
	type use struct {
		places int
		saved  float64 // nanoseconds an event, the guard's own cost not counted
	}
	uses := map[edge]use{}
	for _, item := range list {
		for i, saved := range savings(item.edges) {
			u := uses[item.edges[i]]
			uses[item.edges[i]] = use{u.places + 1, u.saved + saved}
		}
	}
	var best edge
	most := 0.0
	for e, u := range uses {
		if u.places < 2 {
			continue
		}
		gain := u.saved - e.cost
		if gain > most || gain == most && best.node != nil && (e.cost < best.cost || e.cost == best.cost && e.before(best)) {
			best, most = e, gain
		}
	}
	return best
}

// savings returns for each of the edges that are tested one after the other how much less their conjunction
// would cost behind a guard that tests this edge.
func savings(edges []edge) []float64 {
	saved := make([]float64, len(edges))
	rest := 0.0 // of the edges behind, once they are reached
	for i := len(edges) - 1; i >= 0; i-- {
		saved[i] = rest
		rest = edges[i].cost + edges[i].likely()*rest
	}
	whole, before, reached := rest, 0.0, 1.0
	for i, e := range edges {
		saved[i] = whole - e.likely()*(before+reached*saved[i])
		before += reached * e.cost
		reached *= e.likely()
	}
	return saved
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
