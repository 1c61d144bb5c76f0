// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// relations are the operators of comparisons: as the rules language writes them, turned round, and
// negated.
var relations = map[string]struct{ op, mirrored string }{
	operators.Equals:        {"=", "="},
	operators.NotEquals:     {"!=", "!="},
	operators.Less:          {"<", ">"},
	operators.LessEquals:    {"<=", ">="},
	operators.Greater:       {">", "<"},
	operators.GreaterEquals: {">=", "<="},
}

// opposites are the operators that hold exactly if others do not, for a single value.
var opposites = map[string]string{"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

// relation translates a comparison by a symbol. The constant may stand on either side.
func (t *translator) relation(e ast.Expr, name string, l, r ast.Expr) (syntax.Node, error) {
	op := relations[name].op
	if _, ok := t.literal(l); ok {
		if _, ok := t.literal(r); ok {
			return nil, t.errorf(e, "two constants are compared")
		}
		l, r, op = r, l, relations[name].mirrored
	}
	left, err := t.operand(l)
	if err != nil {
		return nil, err
	}
	right, err := t.right(r)
	if err != nil {
		return nil, err
	}
	return t.compare(e, left, op, right)
}

// in translates membership in a list of constants, in a list that a field holds, or in networks.
func (t *translator) in(e, l, r ast.Expr) (syntax.Node, error) {
	if t.isList(r) {
		list, err := t.list(r)
		if err != nil {
			return nil, err
		}
		left, err := t.operand(l)
		if err != nil {
			return nil, err
		}
		return t.compare(e, left, "in", list)
	}
	right, err := t.operand(r)
	if err != nil {
		return nil, err
	}
	if v, ok := t.literal(l); ok { // a constant among a field's values
		b := t.elements(r, right)
		if b == nil {
			return nil, t.errorf(r, "%s has a single value", syntax.PrintOperand(right.Operand))
		}
		return t.compare(e, operand{right.Operand, b}, "=", v)
	}
	left, err := t.operand(l)
	if err != nil {
		return nil, err
	}
	return t.compare(e, left, "in", value(right.Operand))
}

// compare builds a comparison. What has many values is compared one by one, in exists and all.
func (t *translator) compare(e ast.Expr, left operand, op string, right syntax.Operand) (syntax.Node, error) {
	pos := left.Position()
	if v, ok := left.Operand.(*syntax.Value); ok {
		return nil, &Error{Pos: v.Pos, Msg: "a constant is compared: one side must be a field"}
	}
	f := t.field(left.Operand)
	if left.binding == nil && op != "intersects" && t.manyValued(left.Operand) {
		name := syntax.PrintOperand(left.Operand)
		return nil, t.hinted(e, "ask whether one of them fits: "+name+".exists(x, x == \"…\")", "%s has many values", name)
	}
	if strings.ContainsAny(op, "<>") {
		n, err := t.numeric(right)
		if err != nil {
			return nil, err
		}
		right = n
	}
	list := left.binding != nil && left.list
	if left.binding == nil && f != nil && f.Flags&field.IsList != 0 && op == "=" { // one element of a list
		op, right = "in", &syntax.List{Pos: right.Position(), Items: []syntax.Operand{right}}
	}
	if !list {
		return &syntax.Compare{Pos: pos, Left: left.Operand, Op: op, Right: right}, nil
	}
	switch op {
	case "=":
		right = &syntax.List{Pos: right.Position(), Items: []syntax.Operand{right}}
	case "in":
	default:
		return nil, t.errorf(e, "elements of %s can only be compared by == and in", syntax.PrintOperand(left.Operand))
	}
	return &syntax.Compare{Pos: pos, Left: left.Operand, Op: "intersects", Right: right}, nil
}

// numeric checks the right side of an operator of order, which the rules language has for numbers
// only.
func (t *translator) numeric(o syntax.Operand) (syntax.Operand, error) {
	v, ok := o.(*syntax.Value)
	if !ok || !v.Quoted || t.marker(v) != nil {
		return o, nil
	}
	if _, err := strconv.ParseFloat(v.Text, 64); err != nil {
		return nil, &Error{Pos: v.Pos, Msg: "texts have no order: < and > compare with numbers"}
	}
	return &syntax.Value{Pos: v.Pos, Text: v.Text}, nil
}

// wholePattern turns a pattern that may be found anywhere, as CEL has it, into one of the rules
// language, which has to match the whole text.
func wholePattern(p string) string {
	inner, atStart := strings.CutPrefix(p, "^")
	plain := strings.TrimSuffix(inner, "$")
	atEnd := plain != inner && !strings.HasSuffix(plain, `\`)
	if !atEnd {
		plain = inner
	}
	if strings.Contains(plain, "|") { // alternatives may be anchored one by one
		return anything + "(" + p + ")" + anything
	}
	if !atStart {
		plain = anything + plain
	}
	if !atEnd {
		plain += anything
	}
	return plain
}

// anything is the pattern of any text.
const anything = `(.|\n)*`
