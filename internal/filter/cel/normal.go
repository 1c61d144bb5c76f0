// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// Normal makes equal what only is written in different ways: chains within chains of the same kind,
// double negations, "==" for "=", one value for a list of one.
func Normal(n syntax.Node) syntax.Node {
	switch n := n.(type) {
	case *syntax.And:
		var children []syntax.Node
		for _, child := range n.Children {
			if inner, ok := Normal(child).(*syntax.And); ok {
				children = append(children, inner.Children...)
			} else {
				children = append(children, Normal(child))
			}
		}
		return &syntax.And{Pos: n.Pos, Children: children}
	case *syntax.Or:
		var children []syntax.Node
		for _, child := range n.Children {
			if inner, ok := Normal(child).(*syntax.Or); ok {
				children = append(children, inner.Children...)
			} else {
				children = append(children, Normal(child))
			}
		}
		return &syntax.Or{Pos: n.Pos, Children: children}
	case *syntax.Not:
		return not(n.Pos, Normal(n.Child))
	case *syntax.Compare:
		return normalCompare(n)
	}
	return n
}

// normalCompare makes comparisons equal.
func normalCompare(c *syntax.Compare) syntax.Node {
	out := *c
	if out.Op == "==" {
		out.Op = "="
	}
	if v, ok := out.Right.(*syntax.Value); ok && takesList(c) {
		out.Right = &syntax.List{Pos: v.Pos, Items: []syntax.Operand{v}}
	}
	out.Left, out.Right = normalOperand(out.Left), normalOperand(out.Right)
	return &out
}

// normalOperand takes away val around transformers, which stand on the right side without it.
func normalOperand(o syntax.Operand) syntax.Operand {
	t, ok := o.(*syntax.Transform)
	if !ok {
		return o
	}
	if t.Name == "val" && len(t.Args) == 1 {
		if inner, ok := t.Args[0].(*syntax.Transform); ok {
			return normalOperand(inner)
		}
	}
	out := *t
	out.Args = slices.Clone(t.Args)
	for i, a := range out.Args {
		out.Args[i] = normalOperand(a)
	}
	return &out
}
