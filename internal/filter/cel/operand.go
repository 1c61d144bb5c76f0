// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// operand is one side of a comparison; the binding is that of the variable it is made of, nil if it
// is made of none.
type operand struct {
	syntax.Operand
	*binding
}

// Position is the operand's, not the variable's.
func (o operand) Position() syntax.Pos { return o.Operand.Position() }

// operand translates a field, a transformer or a constant.
func (t *translator) operand(e ast.Expr) (operand, error) {
	if v, ok := t.literal(e); ok {
		return operand{Operand: v}, nil
	}
	switch e.Kind() {
	case ast.IdentKind, ast.SelectKind:
		return t.name(e)
	case ast.ListKind:
		items, err := t.operands(e.AsList().Elements())
		return operand{Operand: &syntax.List{Pos: t.pos(e), Items: items}}, err
	case ast.CallKind:
		return t.function(e, e.AsCall())
	}
	return operand{}, t.errorf(e, "maps and messages have no place in a condition")
}

// name translates a variable or a field.
func (t *translator) name(e ast.Expr) (operand, error) {
	name, ok := chain(e)
	if !ok {
		return operand{}, t.errorf(e, "only fields have names with dots")
	}
	first, rest, dotted := strings.Cut(name, ".")
	if b := t.bound(first); b != nil && !dotted && b.of != nil {
		return operand{b.of, b}, nil
	} else if b != nil {
		return operand{}, t.errorf(e, "%s has no member %s", first, rest)
	}
	if !dotted {
		return operand{}, t.hinted(e, t.suggest(name), "unknown field %s", name)
	}
	return operand{Operand: &syntax.Field{Pos: t.pos(e), Name: name}}, nil
}

// suggest finds the field that was probably meant by a name without a dot.
func (t *translator) suggest(name string) string {
	var names []string
	for _, f := range t.cat.All() {
		names = append(names, f.Name)
	}
	if hint := diag.DidYouMean(strings.Replace(name, "_", ".", 1), names); hint != "" {
		return hint
	}
	return "texts stand in quotes, and fields have a dot in their name"
}

// function translates a transformer or an index.
func (t *translator) function(e ast.Expr, call ast.CallExpr) (operand, error) {
	name, args := call.FunctionName(), call.Args()
	if call.IsMemberFunction() {
		if target, ok := chain(call.Target()); ok && target+"."+name == decode64 {
			name = decode64
		} else {
			args = append([]ast.Expr{call.Target()}, args...)
		}
	}
	pos := t.pos(e)
	switch {
	case name == operators.Index:
		return t.index(e, args[0], args[1])
	case name == "dyn" && len(args) == 1:
		return t.operand(args[0])
	case name == operators.Add:
		for _, term := range t.terms(e) {
			if v, ok := t.literal(term); ok && !v.Quoted {
				return operand{}, t.errorf(e, "+ joins texts and lists, it does not calculate")
			}
		}
		return t.transform(pos, "concat", t.terms(e))
	case name == "join" && call.IsMemberFunction():
		args[0], args[1] = args[1], args[0]
		return t.transform(pos, name, args)
	case name == "join" || name == "concat" || name == "getopt":
		return t.transform(pos, name, args)
	case transformers[name] != "" && len(args) == 1:
		return t.transform(pos, transformers[name], args)
	}
	if symbol, ok := operators.FindReverse(name); ok && symbol != "" {
		return operand{}, t.errorf(e, "%s has no place in a condition", symbol)
	}
	return operand{}, t.errorf(e, "%s() has no place here", name)
}

// terms are the parts of a sum of texts.
func (t *translator) terms(e ast.Expr) []ast.Expr {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Add {
		args := e.AsCall().Args()
		return append(t.terms(args[0]), args[1])
	}
	return []ast.Expr{e}
}

// transform translates the arguments of a transformer.
func (t *translator) transform(pos syntax.Pos, name string, args []ast.Expr) (operand, error) {
	out := &syntax.Transform{Pos: pos, Name: name}
	var b *binding
	for _, arg := range args {
		o, err := t.operand(arg)
		if err != nil {
			return operand{}, err
		}
		if o.binding != nil {
			b = o.binding
		}
		out.Args = append(out.Args, o.Operand)
	}
	return operand{out, b}, nil
}

// operands translates several operands.
func (t *translator) operands(all []ast.Expr) ([]syntax.Operand, error) {
	var out []syntax.Operand
	for _, e := range all {
		o, err := t.operand(e)
		if err != nil {
			return nil, err
		}
		out = append(out, o.Operand)
	}
	return out, nil
}

// index translates an argument in brackets.
func (t *translator) index(e, of, by ast.Expr) (operand, error) {
	arg, ok := t.literal(by)
	if !ok {
		return operand{}, t.errorf(by, "a constant stands in brackets")
	}
	o, err := t.operand(of)
	if err != nil {
		return operand{}, err
	}
	switch o := o.Operand.(type) {
	case *syntax.Field:
		if !o.HasArg {
			return operand{Operand: &syntax.Field{Pos: o.Pos, Name: o.Name, Arg: arg.Text, HasArg: true}}, nil
		}
	case *syntax.Transform:
		if !o.HasArg {
			return operand{Operand: &syntax.Transform{Pos: o.Pos, Name: o.Name, Args: o.Args, Arg: arg.Text, HasArg: true}}, nil
		}
	}
	return operand{}, t.errorf(e, "%s takes no argument in brackets", syntax.PrintOperand(o.Operand))
}

// right translates the right side of a comparison; a field stands there as a value.
func (t *translator) right(e ast.Expr) (syntax.Operand, error) {
	o, err := t.operand(e)
	if err != nil {
		return nil, err
	}
	return value(o.Operand), nil
}

// value makes a field the right side of a comparison.
func value(o syntax.Operand) syntax.Operand {
	if f, ok := o.(*syntax.Field); ok {
		return &syntax.Transform{Pos: f.Pos, Name: "val", Args: []syntax.Operand{f}}
	}
	return o
}

// literal returns the constant that an expression is. A variable over constants counts as one.
func (t *translator) literal(e ast.Expr) (*syntax.Value, bool) {
	switch e.Kind() {
	case ast.LiteralKind:
		return t.scalar(e)
	case ast.IdentKind:
		if b := t.bound(e.AsIdent()); b != nil && b.constant != nil {
			return b.constant, true
		}
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() || len(call.Args()) != 1 {
			return nil, false
		}
		switch call.FunctionName() {
		case "ip", "cidr", "dyn":
			return t.literal(call.Args()[0])
		case "duration":
			return t.duration(call.Args()[0])
		}
	}
	return nil, false
}

// scalar returns a constant as the rules language writes it. Numbers stay as they are spelled.
func (t *translator) scalar(e ast.Expr) (*syntax.Value, bool) {
	v := &syntax.Value{Pos: t.pos(e)}
	switch c := e.AsLiteral().(type) {
	case types.String:
		v.Text, v.Quoted = string(c), true
	case types.Bytes:
		v.Text, v.Quoted = string(c), true
	case types.Int, types.Uint:
		v.Text = strings.TrimRight(t.spelled(e), "uU")
	case types.Double:
		v.Text = t.spelled(e)
	case types.Bool:
		v.Text = strconv.FormatBool(bool(c))
	default:
		return nil, false
	}
	return v, true
}

// spelled is the text of a literal as it is written.
func (t *translator) spelled(e ast.Expr) string {
	at := t.pos(e).Offset
	end := at
	for end < len(t.text) && (isWord(t.text[end]) || isSign(t.text[end]) && (end == at || t.text[end-1]|0x20 == 'e')) {
		end++
	}
	return t.text[at:end]
}

// isSign reports whether a byte can stand before a number or its exponent.
func isSign(c byte) bool { return c == '-' || c == '+' }

// isWord reports whether a byte can be part of a number.
func isWord(c byte) bool {
	return c == '.' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// duration returns a span of time in nanoseconds.
func (t *translator) duration(e ast.Expr) (*syntax.Value, bool) {
	text, ok := t.literal(e)
	if !ok {
		return nil, false
	}
	d, err := parseDuration(text.Text)
	if err != nil {
		return nil, false
	}
	return &syntax.Value{Pos: text.Pos, Text: strconv.FormatInt(d, 10)}, true
}

// isList reports whether an expression is a list of constants: written out, named, or joined of such.
func (t *translator) isList(e ast.Expr) bool {
	switch e.Kind() {
	case ast.ListKind:
		return true
	case ast.IdentKind:
		return t.bound(e.AsIdent()) == nil
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			return false
		}
		switch call.FunctionName() {
		case "list":
			return true
		case operators.Add:
			return t.isList(call.Args()[0]) && t.isList(call.Args()[1])
		}
	}
	return false
}

// list translates a list of constants; one constant, or a field, may stand for a list.
func (t *translator) list(e ast.Expr) (syntax.Operand, error) {
	out := &syntax.List{Pos: t.pos(e)}
	if !t.isList(e) {
		right, err := t.right(e)
		if v, ok := right.(*syntax.Value); ok && err == nil {
			if t.marker(v) != nil {
				return nil, t.errorf(e, "this takes the list itself")
			}
			out.Items = append(out.Items, v)
			return out, nil
		}
		return right, err
	}
	return out, t.items(e, out)
}

// items adds the constants of a list.
func (t *translator) items(e ast.Expr, out *syntax.List) error {
	switch e.Kind() {
	case ast.IdentKind:
		t.named(e, e.AsIdent(), out)
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			v, ok := t.literal(item)
			if !ok || t.marker(v) != nil {
				return t.hinted(item, "compare with fields one by one, joined by ||", "lists hold constants only")
			}
			out.Items = append(out.Items, v)
		}
	case ast.CallKind:
		args := e.AsCall().Args()
		if e.AsCall().FunctionName() == "list" {
			name, ok := t.literal(args[0])
			if !ok {
				return t.errorf(args[0], "the name of a list stands in quotes")
			}
			t.named(e, name.Text, out)
			return nil
		}
		for _, arg := range args {
			if err := t.items(arg, out); err != nil {
				return err
			}
		}
	}
	return nil
}

// named adds a list of the rules language by its name.
func (t *translator) named(e ast.Expr, name string, out *syntax.List) {
	v := &syntax.Value{Pos: t.pos(e), Text: name}
	t.lists = append(t.lists, v)
	out.Items = append(out.Items, v)
}

// field returns the field that an operand is, nil if it is none or unknown.
func (t *translator) field(o syntax.Operand) *field.Field { return fieldOf(t.cat, o) }

// fieldOf returns the field that an operand is, nil if it is none or unknown.
func fieldOf(cat *field.Catalogue, o syntax.Operand) *field.Field {
	f, ok := o.(*syntax.Field)
	if !ok {
		return nil
	}
	def, _, _ := cat.Resolve(f.Name, f.Arg, f.HasArg)
	return def
}

// isUnknown reports whether an operand is a field that does not exist.
func (t *translator) isUnknown(o syntax.Operand) bool {
	_, ok := o.(*syntax.Field)
	return ok && t.field(o) == nil
}

// manyValued reports whether an operand has many values.
func (t *translator) manyValued(o syntax.Operand) bool { return manyValued(t.cat, o) }

// manyValued reports whether an operand has many values.
func manyValued(cat *field.Catalogue, o syntax.Operand) bool {
	switch o := o.(type) {
	case *syntax.Field:
		f := fieldOf(cat, o)
		return many(f, o.HasArg || f != nil && f.Name != o.Name && f.Flags&field.IsList == 0)
	case *syntax.Transform:
		switch o.Name {
		case "getopt":
			return !o.HasArg
		case "tolower", "toupper", "b64", "basename", "val":
			return len(o.Args) == 1 && manyValued(cat, o.Args[0])
		}
	}
	return false
}

// isListValued reports whether an operand of many values is a list.
func (t *translator) isListValued(o syntax.Operand) bool { return isListValued(t.cat, o) }

// isListValued reports whether an operand of many values is a list.
func isListValued(cat *field.Catalogue, o syntax.Operand) bool {
	if tr, ok := o.(*syntax.Transform); ok {
		return tr.Name == "getopt" || len(tr.Args) == 1 && isListValued(cat, tr.Args[0])
	}
	f := fieldOf(cat, o)
	return f != nil && f.Flags&field.IsList != 0
}

// parseDuration reads a span of time as CEL writes it, in nanoseconds.
func parseDuration(text string) (int64, error) {
	d, err := time.ParseDuration(text)
	return int64(d), err
}
