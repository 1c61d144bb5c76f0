// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// maxNodes bounds the size of a condition once its macros are replaced: macros of macros double it
// with every line of a file.
const maxNodes = 1 << 18

// macroTree is a macro while a pass resolves it.
type macroTree struct {
	*macro
	tree     syntax.Node // nil if it is broken
	raw      syntax.Node // the tree with macros by name
	nodes    int         // size of the tree
	resolved bool        // the tree names no more macros
	used     bool
	inMacros bool     // another macro names it
	lists    []string // the lists that the condition names
	direct   []string // the macros that the condition names
}

// resolver replaces the names of macros in a condition by the macros' conditions. Trees are never
// changed: what has no macro in it is shared.
type resolver struct {
	macros  map[string]*macroTree
	visible int // macros with a smaller index can be seen
	path    []string
	unknown *syntax.Ident // the first macro that does not exist
	loop    *syntax.Ident // the first reference to a macro within itself
	broken  bool          // a macro that has its own error was met
	tooBig  bool
	found   []*macroTree
}

// resolve returns the condition without macros and its size.
func (r *resolver) resolve(n syntax.Node) (syntax.Node, int) {
	switch n := n.(type) {
	case *syntax.And:
		if children, size, changed := r.resolveAll(n.Children); changed {
			return &syntax.And{Pos: n.Pos, Children: children}, size
		} else {
			return n, size
		}
	case *syntax.Or:
		if children, size, changed := r.resolveAll(n.Children); changed {
			return &syntax.Or{Pos: n.Pos, Children: children}, size
		} else {
			return n, size
		}
	case *syntax.Not:
		child, size := r.resolve(n.Child)
		if child != n.Child {
			return &syntax.Not{Pos: n.Pos, Child: child}, size + 1
		}
		return n, size + 1
	case *syntax.Ident:
		return r.macro(n)
	}
	return n, 1
}

// resolveAll resolves the children of a node.
func (r *resolver) resolveAll(children []syntax.Node) (out []syntax.Node, size int, changed bool) {
	size = 1
	out = children
	for i, child := range children {
		c, s := r.resolve(child)
		if size += s; size > maxNodes {
			r.tooBig, size = true, maxNodes
		}
		if c != child {
			if !changed {
				out, changed = slices.Clone(children), true
			}
			out[i] = c
		}
	}
	return out, size, changed
}

// macro returns what stands for a macro's name.
func (r *resolver) macro(id *syntax.Ident) (syntax.Node, int) {
	m := r.macros[id.Name]
	switch {
	case m == nil || m.index >= r.visible:
		if r.unknown == nil {
			r.unknown = id
		}
		return id, 1
	case m.tree == nil:
		r.broken = true
		return id, 1
	case slices.Contains(r.path, id.Name):
		if r.loop == nil {
			r.loop = id
		}
		return id, 1
	}
	r.found = append(r.found, m)
	if m.resolved {
		return m.tree, m.nodes
	}
	if r.tooBig {
		return id, 1
	}
	r.path = append(r.path, id.Name)
	tree, size := r.resolve(m.tree)
	r.path = r.path[:len(r.path)-1]
	return tree, size
}

// idents lists the macros that a condition names itself.
func idents(n syntax.Node) []string {
	var out []string
	syntax.Walk(n, func(n syntax.Node) bool {
		if id, ok := n.(*syntax.Ident); ok {
			out = append(out, id.Name)
		}
		return true
	})
	return sortedSet(out)
}
