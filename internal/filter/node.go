// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// predicate is the compiled form of a node.
type predicate func(c *field.Context) bool

// node is one predicate of a rule set, whatever the number of places that use it. Conjunctions
// are kept as negated disjunctions of negated children, so that equal parts are found whichever
// way they are written.
type node struct {
	fn     predicate // evaluates the node, or recalls its result for this event
	id     int
	cost   float64 // estimated, in nanoseconds
	chance float64 // estimated, that it holds
	uses   int     // places that refer to it
	memo   int     // its first entry in field.Context.Memo, -1 without
	text   *textLeaf
	types  *typeTest
	typed  bool   // it, or something below it, tests the event's type
	kids   []edge // of a disjunction
	value  int8   // 1: always true, -1: always false
}

// edge is a node as one place uses it: as it is, or negated.
type edge struct {
	*node
	neg bool
}

// not returns the edge turned round.
func (e edge) not() edge { return edge{e.node, !e.neg} }

// before orders edges, in no order but always the same.
func (e edge) before(o edge) bool { return e.id < o.id || e.id == o.id && !e.neg && o.neg }

// holds evaluates the edge.
func (e edge) holds(c *field.Context) bool { return e.fn(c) != e.neg }

// likely is the estimated chance that the edge holds.
func (e edge) likely() float64 {
	if e.neg {
		return 1 - e.chance
	}
	return e.chance
}

// always reports whether the edge is constant, and its value.
func (e edge) always() (value, constant bool) {
	return (e.value > 0) != e.neg, e.value != 0
}

// recalling returns the predicate that evaluates fn once per event. Two entries of the memo hold
// the epochs in which it was last found true and false, so that no epoch is ever taken for another.
func recalling(fn predicate, memo int) predicate {
	return func(c *field.Context) bool {
		entry := c.Memo[memo : memo+2 : memo+2]
		if entry[0] == c.Epoch {
			return true
		}
		if entry[1] == c.Epoch {
			return false
		}
		if fn(c) {
			entry[0] = c.Epoch
			return true
		}
		entry[1] = c.Epoch
		return false
	}
}

// Memoising costs about as much as the cheapest predicates: it must be worth it.
const (
	memoCost      = 12 // worth it for two places
	memoCheapCost = 6  // worth it for manyUses places
	manyUses      = 4
)

// use counts one more place that refers to n and gives it a memo entry once that is worth it.
func (c *Compiler) use(n *node) {
	if c.looking {
		return
	}
	n.uses++
	if n.memo >= 0 || n.value != 0 {
		return
	}
	if n.uses >= 2 && n.cost >= memoCost || n.uses >= manyUses && n.cost >= memoCheapCost {
		n.memo = c.memo
		c.memo += 2
		n.fn = recalling(n.fn, n.memo)
	}
}

// share returns the node of the given key, which identifies what it tests; build makes it if it is
// new.
func (c *Compiler) share(key string, build func() *node) *node {
	if len(key) > maxKey {
		key = digest(key)
	}
	n := c.nodes[key]
	if n == nil {
		n = build()
		n.id, n.memo = len(c.nodes), -1
		c.nodes[key] = n
	}
	return n
}

// constant returns the edge that is always value.
func (c *Compiler) constant(value bool) edge {
	n := c.share("false", func() *node {
		return &node{fn: func(*field.Context) bool { return false }, value: -1}
	})
	return edge{n, value}
}

// any returns the disjunction of edges. Tests of one subject's text are merged into one; those that
// are cheap for how often they settle the question come first.
func (c *Compiler) any(edges []edge) edge {
	edges = c.merge(edges)
	kept := make([]edge, 0, len(edges))
	seen := make(map[edge]bool, len(edges))
	for _, e := range edges {
		if value, constant := e.always(); constant {
			if value {
				return c.constant(true)
			}
			continue
		}
		if seen[e.not()] {
			return c.constant(true) // a or not a
		}
		if !seen[e] {
			seen[e] = true
			kept = append(kept, e)
		}
	}
	switch len(kept) {
	case 0:
		return c.constant(false)
	case 1:
		return kept[0]
	}
	n := c.share(disjunctionKey(kept), func() *node {
		slices.SortStableFunc(kept, func(a, b edge) int { return cmp.Compare(a.cost/a.likely(), b.cost/b.likely()) })
		n := &node{fn: disjunction(kept), kids: kept}
		misses := 1.0
		for _, e := range kept {
			c.use(e.node)
			n.typed = n.typed || e.typed
			n.cost += misses * (e.cost + 2)
			misses *= 1 - e.likely()
		}
		n.chance = min(max(1-misses, 0.02), 0.98)
		return n
	})
	return edge{n, false}
}

// all returns the conjunction of edges.
func (c *Compiler) all(edges []edge) edge {
	turned := make([]edge, len(edges))
	for i, e := range edges {
		turned[i] = e.not()
	}
	return c.any(turned).not()
}

// disjunctionKey identifies a disjunction by its children in any order.
func disjunctionKey(kids []edge) string {
	ids := make([]int, len(kids))
	for i, e := range kids {
		ids[i] = 2 * e.id
		if e.neg {
			ids[i]++
		}
	}
	slices.Sort(ids)
	var b strings.Builder
	b.WriteString("or")
	for _, id := range ids {
		b.WriteByte(' ')
		b.WriteString(strconv.Itoa(id))
	}
	return b.String()
}

// disjunction compiles the test of children one after the other.
func disjunction(kids []edge) predicate {
	switch len(kids) {
	case 2:
		a, b := kids[0], kids[1]
		return func(c *field.Context) bool { return a.holds(c) || b.holds(c) }
	case 3:
		a, b, d := kids[0], kids[1], kids[2]
		return func(c *field.Context) bool { return a.holds(c) || b.holds(c) || d.holds(c) }
	}
	return func(c *field.Context) bool {
		for i := range kids {
			if kids[i].holds(c) {
				return true
			}
		}
		return false
	}
}
