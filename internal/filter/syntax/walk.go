// SPDX-License-Identifier: Apache-2.0

package syntax

import "slices"

// Walk calls visit for n and, as long as visit returns true, for everything below it, parents
// before children and in the order of the text.
func Walk(n Node, visit func(Node) bool) {
	if !visit(n) {
		return
	}
	switch n := n.(type) {
	case *And:
		for _, c := range n.Children {
			Walk(c, visit)
		}
	case *Or:
		for _, c := range n.Children {
			Walk(c, visit)
		}
	case *Not:
		Walk(n.Child, visit)
	}
}

// WalkOperands calls visit for both sides of every comparison below n, and for the arguments of
// transformers and the items of lists as long as visit returns true for what holds them.
func WalkOperands(n Node, visit func(Operand) bool) {
	Walk(n, func(n Node) bool {
		switch n := n.(type) {
		case *Exists:
			walkOperand(n.Left, visit)
		case *Compare:
			walkOperand(n.Left, visit)
			walkOperand(n.Right, visit)
		}
		return true
	})
}

// walkOperand calls visit for o and what it holds.
func walkOperand(o Operand, visit func(Operand) bool) {
	if !visit(o) {
		return
	}
	switch o := o.(type) {
	case *Transform:
		for _, a := range o.Args {
			walkOperand(a, visit)
		}
	case *List:
		for _, i := range o.Items {
			walkOperand(i, visit)
		}
	}
}

// Equal reports whether two conditions are the same but for their positions and quotes.
func Equal(a, b Node) bool {
	switch a := a.(type) {
	case *And:
		b, ok := b.(*And)
		return ok && slices.EqualFunc(a.Children, b.Children, Equal)
	case *Or:
		b, ok := b.(*Or)
		return ok && slices.EqualFunc(a.Children, b.Children, Equal)
	case *Not:
		b, ok := b.(*Not)
		return ok && Equal(a.Child, b.Child)
	case *Ident:
		b, ok := b.(*Ident)
		return ok && a.Name == b.Name
	case *Exists:
		b, ok := b.(*Exists)
		return ok && equalOperand(a.Left, b.Left)
	case *Compare:
		b, ok := b.(*Compare)
		return ok && a.Op == b.Op && a.Mod == b.Mod && equalOperand(a.Left, b.Left) && equalOperand(a.Right, b.Right)
	}
	return false
}

// equalOperand is Equal for one side of a comparison.
func equalOperand(a, b Operand) bool {
	switch a := a.(type) {
	case *Field:
		b, ok := b.(*Field)
		return ok && a.Name == b.Name && a.Arg == b.Arg && a.HasArg == b.HasArg
	case *Transform:
		b, ok := b.(*Transform)
		return ok && a.Name == b.Name && a.Arg == b.Arg && a.HasArg == b.HasArg && slices.EqualFunc(a.Args, b.Args, equalOperand)
	case *Value:
		b, ok := b.(*Value)
		return ok && a.Text == b.Text
	case *List:
		b, ok := b.(*List)
		return ok && slices.EqualFunc(a.Items, b.Items, equalOperand)
	}
	return false
}
