// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// binding is a variable of exists, all or exists_one.
type binding struct {
	name string
	// of is the operand whose values the variable stands for one after the other; nil if it stands
	// for the constants of a list, which constant then marks in comparisons.
	of       syntax.Operand
	list     bool // of is a list, which has fewer operators than the many values of a field
	constant *syntax.Value
}

// bound returns the variable of that name, nil if there is none.
func (t *translator) bound(name string) *binding {
	for _, b := range slices.Backward(t.scope) {
		if b.name == name {
			return b
		}
	}
	return nil
}

// marker returns the variable that a value stands for, nil if it is a constant.
func (t *translator) marker(v *syntax.Value) *binding {
	for _, b := range t.scope {
		if b.constant == v {
			return b
		}
	}
	return nil
}

// within translates with a variable in scope.
func (t *translator) within(b *binding, translate func() (syntax.Node, error)) (syntax.Node, error) {
	t.scope = append(t.scope, b)
	defer func() { t.scope = t.scope[:len(t.scope)-1] }()
	return translate()
}

// quantified translates exists, all and exists_one, over constants or over the values of a field.
func (t *translator) quantified(e ast.Expr, call ast.CallExpr) (syntax.Node, error) {
	name, variable, body := call.FunctionName(), call.Args()[0].AsIdent(), call.Args()[1]
	if t.isList(call.Target()) {
		return t.overConstants(e, call)
	}
	over, err := t.operand(call.Target())
	if err != nil {
		return nil, err
	}
	b := t.elements(call.Target(), over)
	if b == nil {
		return nil, t.errorf(call.Target(), "%s has a single value, which needs no %s", syntax.PrintOperand(over.Operand), name)
	}
	b.name = variable
	switch name {
	case "exists":
		return t.within(b, func() (syntax.Node, error) { return t.some(body, b, false) })
	case "all":
		n, err := t.within(b, func() (syntax.Node, error) { return t.some(body, b, true) })
		if err != nil {
			return nil, err
		}
		return not(t.pos(e), n), nil
	}
	return nil, t.hinted(e, "use exists", "%s cannot count the values of a field", name)
}

// elements is the binding of a variable to the values of an operand, nil if that has only one.
func (t *translator) elements(e ast.Expr, o operand) *binding {
	if o.binding != nil {
		return nil
	}
	if !t.manyValued(o.Operand) && !t.isUnknown(o.Operand) {
		return nil
	}
	return &binding{of: o.Operand, list: t.isListValued(o.Operand)}
}

// some translates the body of exists; negated, what is translated is that it does not hold. That one
// value passes two tests cannot be said in the rules language.
func (t *translator) some(e ast.Expr, b *binding, negated bool) (syntax.Node, error) {
	if e.Kind() == ast.CallKind && !e.AsCall().IsMemberFunction() {
		args := e.AsCall().Args()
		switch name := e.AsCall().FunctionName(); {
		case name == operators.LogicalNot:
			return t.some(args[0], b, !negated)
		case name == operators.LogicalOr && !negated, name == operators.LogicalAnd && negated:
			return t.someOf(e, args, b, negated)
		case name == operators.LogicalAnd, name == operators.LogicalOr:
			return nil, t.hinted(e, "split it into one exists or all for each test", "that one value passes several tests at once cannot be tested")
		}
	}
	n, err := t.condition(e)
	if err != nil {
		return nil, err
	}
	if b.list && negated {
		return t.outside(e, n)
	}
	c, ok := n.(*syntax.Compare)
	if !ok {
		return nil, t.errorf(e, "only comparisons of %s can stand here", b.name)
	}
	if !uses(c.Left, b.of) {
		return nil, t.errorf(e, "this does not test %s", b.name)
	}
	if !negated {
		return c, nil
	}
	op, ok := opposites[c.Op]
	if !ok || c.Mod != syntax.ModNone {
		return nil, t.errorf(e, "that a value does not pass %s cannot be tested; only that none passes it (!….exists) can", c.Op)
	}
	return &syntax.Compare{Pos: c.Pos, Left: c.Left, Op: op, Right: c.Right}, nil
}

// someOf translates alternatives.
func (t *translator) someOf(e ast.Expr, args []ast.Expr, b *binding, negated bool) (syntax.Node, error) {
	var children []syntax.Node
	for _, arg := range args {
		n, err := t.some(arg, b, negated)
		if err != nil {
			return nil, err
		}
		children = append(children, n)
	}
	return &syntax.Or{Pos: t.pos(e), Children: children}, nil
}

// outside translates that an element of a list is not among constants: not all of them are.
func (t *translator) outside(e ast.Expr, n syntax.Node) (syntax.Node, error) {
	c, ok := n.(*syntax.Compare)
	if !ok || c.Op != "intersects" {
		return nil, t.errorf(e, "elements of lists can only be compared by == and in")
	}
	return &syntax.Not{Pos: c.Pos, Child: &syntax.Compare{Pos: c.Pos, Left: c.Left, Op: "in", Right: c.Right}}, nil
}

// uses reports whether an operand is another or is made of it.
func uses(o, of syntax.Operand) bool {
	found := false
	syntax.WalkOperands(&syntax.Exists{Left: o}, func(o syntax.Operand) bool {
		found = found || o == of
		return !found
	})
	return found
}

// modifiers are the quantifiers over constants.
var modifiers = map[string]syntax.Modifier{
	"exists": syntax.ModAnyOf, "all": syntax.ModAllOf, "exists_one": syntax.ModOneOf, "existsOne": syntax.ModOneOf,
}

// overConstants translates a comparison with each constant of a list.
func (t *translator) overConstants(e ast.Expr, call ast.CallExpr) (syntax.Node, error) {
	list, err := t.list(call.Target())
	if err != nil {
		return nil, err
	}
	body := call.Args()[1]
	b := &binding{name: call.Args()[0].AsIdent(), constant: &syntax.Value{Pos: t.pos(e)}}
	n, err := t.within(b, func() (syntax.Node, error) { return t.condition(body) })
	if err != nil {
		return nil, err
	}
	c, ok := n.(*syntax.Compare)
	if !ok || c.Mod != syntax.ModNone || c.Right != syntax.Operand(b.constant) {
		return nil, t.errorf(body, "over a list of constants stands one comparison with %s", b.name)
	}
	return &syntax.Compare{Pos: c.Pos, Left: c.Left, Op: c.Op, Mod: modifiers[call.FunctionName()], Right: list}, nil
}
