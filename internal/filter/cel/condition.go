// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// condition translates an expression that is true or false.
func (t *translator) condition(e ast.Expr) (syntax.Node, error) {
	switch e.Kind() {
	case ast.LiteralKind:
		if v, ok := e.AsLiteral().(types.Bool); ok {
			return t.constant(e, bool(v)), nil
		}
		return nil, t.errorf(e, "%s is neither true nor false", t.spelled(e))
	case ast.IdentKind:
		if t.bound(e.AsIdent()) == nil {
			return &syntax.Ident{Pos: t.pos(e), Name: e.AsIdent()}, nil
		}
	case ast.CallKind:
		if n, err := t.call(e, e.AsCall()); n != nil || err != nil {
			return n, err
		}
	case ast.ListKind, ast.MapKind, ast.StructKind:
		return nil, t.errorf(e, "a list is neither true nor false")
	}
	return t.truth(e)
}

// constant is the condition that always or never holds, as the rules language has it.
func (t *translator) constant(e ast.Expr, value bool) syntax.Node {
	pos := t.pos(e)
	op := "="
	if value {
		op = ">="
	}
	return &syntax.Compare{Pos: pos, Left: &syntax.Field{Pos: pos, Name: "evt.num"}, Op: op, Right: &syntax.Value{Pos: pos, Text: "0"}}
}

// truth translates a field that is true or false by itself.
func (t *translator) truth(e ast.Expr) (syntax.Node, error) {
	left, err := t.operand(e)
	if err != nil {
		return nil, err
	}
	if f := t.field(left.Operand); f != nil && kindOf(f) != kindBool && kindOf(f) != kindAny {
		return nil, t.hinted(e, "compare it, or ask has("+syntax.PrintOperand(left.Operand)+")", "%s is neither true nor false", syntax.PrintOperand(left.Operand))
	}
	return t.compare(e, left, "=", &syntax.Value{Pos: t.pos(e), Text: "true"})
}

// call translates a call whose result is true or false; it returns nil for all others.
func (t *translator) call(e ast.Expr, call ast.CallExpr) (syntax.Node, error) {
	name, args := call.FunctionName(), call.Args()
	if call.IsMemberFunction() {
		return t.method(e, call)
	}
	switch name {
	case operators.LogicalAnd, operators.LogicalOr:
		return t.chain(e, name, args)
	case operators.LogicalNot:
		n, err := t.condition(args[0])
		if err != nil {
			return nil, err
		}
		return not(t.pos(e), n), nil
	case operators.Conditional:
		return t.choice(e, args)
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return t.relation(e, name, args[0], args[1])
	case operators.In:
		return t.in(e, args[0], args[1])
	case "has":
		o, err := t.operand(args[0])
		if err != nil {
			return nil, err
		}
		if o.binding != nil {
			return nil, t.errorf(e, "what exists and all hand out always has a value")
		}
		return &syntax.Exists{Pos: t.pos(e), Left: o.Operand}, nil
	case "macro":
		text, ok := t.literal(args[0])
		if !ok {
			return nil, t.errorf(args[0], "the name of a macro stands in quotes")
		}
		return &syntax.Ident{Pos: t.pos(e), Name: text.Text}, nil
	}
	return nil, nil
}

// chain translates operands of && or ||; chains within chains become one.
func (t *translator) chain(e ast.Expr, op string, args []ast.Expr) (syntax.Node, error) {
	var children []syntax.Node
	for _, arg := range args {
		n, err := t.condition(arg)
		if err != nil {
			return nil, err
		}
		switch inner := n.(type) {
		case *syntax.And:
			if op == operators.LogicalAnd {
				children = append(children, inner.Children...)
				continue
			}
		case *syntax.Or:
			if op == operators.LogicalOr {
				children = append(children, inner.Children...)
				continue
			}
		}
		children = append(children, n)
	}
	if op == operators.LogicalAnd {
		return &syntax.And{Pos: t.pos(e), Children: children}, nil
	}
	return &syntax.Or{Pos: t.pos(e), Children: children}, nil
}

// choice translates "if ? then : otherwise".
func (t *translator) choice(e ast.Expr, args []ast.Expr) (syntax.Node, error) {
	parts := make([]syntax.Node, 3)
	for i, arg := range args {
		n, err := t.condition(arg)
		if err != nil {
			return nil, err
		}
		parts[i] = n
	}
	pos := t.pos(e)
	return &syntax.Or{Pos: pos, Children: []syntax.Node{
		&syntax.And{Pos: pos, Children: []syntax.Node{parts[0], parts[1]}},
		&syntax.And{Pos: pos, Children: []syntax.Node{not(pos, parts[0]), parts[2]}},
	}}, nil
}

// not negates a condition; twice is not at all.
func not(pos syntax.Pos, n syntax.Node) syntax.Node {
	if inner, ok := n.(*syntax.Not); ok {
		return inner.Child
	}
	return &syntax.Not{Pos: pos, Child: n}
}

// method translates a method whose result is true or false; it returns nil for all others.
func (t *translator) method(e ast.Expr, call ast.CallExpr) (syntax.Node, error) {
	name, args := call.FunctionName(), call.Args()
	switch {
	case slices.Contains(quantifiers, name) && len(args) == 2:
		return t.quantified(e, call)
	case name == "containsIP":
		return t.containsIP(e, call)
	}
	op, ok := methods[name]
	if !ok || len(args) != 1 {
		return nil, nil
	}
	left, err := t.operand(call.Target())
	if err != nil {
		return nil, err
	}
	if _, constant := left.Operand.(*syntax.Value); constant {
		return nil, t.errorf(e, "%s() is asked of a field, not of a constant", name)
	}
	var right syntax.Operand
	if op == "pmatch" || op == "intersects" {
		right, err = t.list(args[0])
	} else {
		right, err = t.right(args[0])
	}
	if err != nil {
		return nil, err
	}
	if v, ok := right.(*syntax.Value); ok && name == "matches" && t.marker(v) == nil {
		right = &syntax.Value{Pos: v.Pos, Text: wholePattern(v.Text), Quoted: true}
	}
	return t.compare(e, left, op, right)
}

// addressNets are the fields that compare an address with networks, by the field of the address.
var addressNets = map[string]string{
	"fd.ip": "fd.net", "fd.cip": "fd.cnet", "fd.sip": "fd.snet", "fd.lip": "fd.lnet", "fd.rip": "fd.rnet",
}

// containsIP translates cidr("…").containsIP(address).
func (t *translator) containsIP(e ast.Expr, call ast.CallExpr) (syntax.Node, error) {
	net, ok := t.literal(call.Target())
	if !ok || len(call.Args()) != 1 {
		return nil, t.errorf(e, "containsIP() is asked of a network: cidr(\"10.0.0.0/8\").containsIP(fd.sip)")
	}
	left, err := t.operand(call.Args()[0])
	if err != nil {
		return nil, err
	}
	if f, ok := left.Operand.(*syntax.Field); ok && addressNets[f.Name] != "" && !f.HasArg {
		left.Operand = &syntax.Field{Pos: f.Pos, Name: addressNets[f.Name]}
	}
	return t.compare(e, left, "=", net)
}
