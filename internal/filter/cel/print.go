// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// Print writes a condition as an expression that Parse reads back to the same condition, but for the
// ways of writing that Normal makes equal. isList tells the names of lists, which the rules language
// does not tell from texts. The error says what cannot be written.
func Print(n syntax.Node, cat *field.Catalogue, isList func(name string) bool) (string, error) {
	p := &printer{cat: cat, isList: isList}
	p.node(n, 0)
	if p.err != nil {
		return "", p.err
	}
	return p.out.String(), nil
}

// PrintLines is Print with a line for each part of the outermost chain.
func PrintLines(n syntax.Node, cat *field.Catalogue, isList func(name string) bool) (string, error) {
	var children []syntax.Node
	op := ""
	switch n := n.(type) {
	case *syntax.And:
		children, op = n.Children, " &&\n"
	case *syntax.Or:
		children, op = n.Children, " ||\n"
	default:
		return Print(n, cat, isList)
	}
	p := &printer{cat: cat, isList: isList}
	for i, child := range children {
		if i > 0 {
			p.str(op)
		}
		p.node(child, precedence(n)+1)
	}
	return p.out.String(), p.err
}

// printer collects the text of an expression.
type printer struct {
	cat    *field.Catalogue
	isList func(name string) bool
	out    strings.Builder
	err    error
}

// str appends s.
func (p *printer) str(s string) { p.out.WriteString(s) }

// fail notes the first thing that cannot be written.
func (p *printer) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// How tightly conditions bind.
const (
	bindsOr = iota
	bindsAnd
	bindsCompare
	bindsNot
	bindsCall
)

// precedence is how tightly a condition binds.
func precedence(n syntax.Node) int {
	switch n := n.(type) {
	case *syntax.Or:
		return bindsOr
	case *syntax.And:
		return bindsAnd
	case *syntax.Not:
		return bindsNot
	case *syntax.Compare:
		if _, symbol := symbols[n.Op]; symbol || n.Op == "in" {
			return bindsCompare
		}
	}
	return bindsCall
}

// node writes a condition, in parentheses if it binds less tightly than wanted.
func (p *printer) node(n syntax.Node, tight int) {
	if precedence(n) < tight {
		p.str("(")
		defer p.str(")")
	}
	switch n := n.(type) {
	case *syntax.And:
		p.nodes(n.Children, " && ", bindsAnd+1)
	case *syntax.Or:
		p.nodes(n.Children, " || ", bindsOr+1)
	case *syntax.Not:
		p.str("!")
		p.node(n.Child, bindsNot)
	case *syntax.Ident:
		p.named("macro", n.Name)
	case *syntax.Exists:
		p.str("has(")
		p.operand(n.Left)
		p.str(")")
	case *syntax.Compare:
		p.compare(n, tight)
	}
}

// nodes writes conditions with an operator between them.
func (p *printer) nodes(children []syntax.Node, op string, tight int) {
	for i, child := range children {
		if i > 0 {
			p.str(op)
		}
		p.node(child, tight)
	}
}

// symbols are CEL's operators of comparison.
var symbols = map[string]string{"=": "==", "==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

// compare writes a comparison.
func (p *printer) compare(c *syntax.Compare, tight int) {
	if c.Mod != syntax.ModNone {
		p.modified(c)
		return
	}
	if manyValued(p.cat, c.Left) {
		p.quantified(c)
		return
	}
	if f := fieldOf(p.cat, c.Left); f != nil && kindOf(f) == kindBool && symbols[c.Op] == "==" && isText(c.Right, "true") {
		p.operand(c.Left)
		return
	}
	p.test(func() { p.operand(c.Left) }, c, func() { p.right(c, c.Right) })
}

// test writes a comparison of one value.
func (p *printer) test(left func(), c *syntax.Compare, right func()) {
	left()
	if symbol, ok := symbols[c.Op]; ok {
		p.str(" " + symbol + " ")
		right()
		return
	}
	if c.Op == "in" {
		p.str(" in ")
		right()
		return
	}
	for _, name := range methodNames {
		if methods[name] == c.Op {
			p.str("." + name + "(")
			right()
			p.str(")")
			return
		}
	}
	p.fail("operator %s has no equal in CEL", c.Op)
}

// methodNames are the methods that stand for operators, those that read best first.
var methodNames = []string{
	"contains", "startsWith", "endsWith", "icontains", "bcontains", "bstartsWith", "glob", "iglob", "regex", "pmatch", "intersects",
}

// quantified writes a comparison of a field that has many values.
func (p *printer) quantified(c *syntax.Compare) {
	if list := isListValued(p.cat, c.Left); list && c.Op != "in" && c.Op != "intersects" {
		p.fail("operator %s cannot be applied to the list %s", c.Op, syntax.PrintOperand(c.Left))
		return
	} else if list {
		p.listed(c)
		return
	}
	inner := innermost(c.Left)
	p.operand(inner)
	p.str(".exists(x, ")
	p.test(func() { p.wrapped(c.Left, inner) }, c, func() { p.right(c, c.Right) })
	p.str(")")
}

// listed writes a comparison of a list: all, or one, of its elements are among others.
func (p *printer) listed(c *syntax.Compare) {
	inner := innermost(c.Left)
	p.operand(inner)
	if c.Op == "in" {
		p.str(".all(x, ")
	} else {
		p.str(".exists(x, ")
	}
	p.wrapped(c.Left, inner)
	p.str(" in ")
	p.right(c, c.Right)
	p.str(")")
}

// innermost is the operand of many values within transformers of each value.
func innermost(o syntax.Operand) syntax.Operand {
	if t, ok := o.(*syntax.Transform); ok && t.Name != "getopt" {
		return innermost(t.Args[0])
	}
	return o
}

// wrapped writes an operand with the variable x in the place of its innermost part.
func (p *printer) wrapped(o, inner syntax.Operand) {
	if o == inner {
		p.str("x")
		return
	}
	t := o.(*syntax.Transform)
	p.str(functionOf[t.Name] + "(")
	p.wrapped(t.Args[0], inner)
	p.str(")")
}

// modified writes a comparison with each of several constants.
func (p *printer) modified(c *syntax.Compare) {
	p.right(c, c.Right)
	for _, name := range []string{"exists", "all", "exists_one"} {
		if modifiers[name] == c.Mod {
			p.str("." + name + "(v, ")
		}
	}
	single := &syntax.Compare{Left: c.Left, Op: c.Op, Right: c.Right}
	v := func() { p.str("v") }
	if inner := innermost(c.Left); manyValued(p.cat, c.Left) {
		p.operand(inner)
		p.str(".exists(x, ")
		p.test(func() { p.wrapped(c.Left, inner) }, single, v)
		p.str(")")
	} else {
		p.test(func() { p.operand(c.Left) }, single, v)
	}
	p.str(")")
}

// right writes the right side of a comparison.
func (p *printer) right(c *syntax.Compare, o syntax.Operand) {
	switch o := o.(type) {
	case *syntax.List:
		p.list(c, o.Items)
	case *syntax.Value:
		if takesList(c) {
			p.list(c, []syntax.Operand{o})
			return
		}
		if !o.Quoted && p.isList(o.Text) {
			p.fail("list %s stands where a single value belongs", o.Text)
		}
		p.str(p.literal(c, o.Text))
	case *syntax.Transform:
		if o.Name == "val" && len(o.Args) == 1 {
			if _, plain := o.Args[0].(*syntax.Field); plain {
				p.operand(o.Args[0])
				return
			}
		}
		p.operand(o)
	default:
		p.operand(o)
	}
}

// takesList reports whether a comparison has a list on its right side.
func takesList(c *syntax.Compare) bool {
	return c.Mod != syntax.ModNone || c.Op == "in" || c.Op == "intersects" || c.Op == "pmatch"
}

// list writes a list of constants; names of lists stand between the constants written out.
func (p *printer) list(c *syntax.Compare, items []syntax.Operand) {
	var parts []string
	var constants []string
	flush := func() {
		if len(constants) > 0 {
			parts = append(parts, "["+strings.Join(constants, ", ")+"]")
			constants = nil
		}
	}
	for _, item := range items {
		v, ok := item.(*syntax.Value)
		switch {
		case !ok:
			p.fail("a list holds %s", syntax.PrintOperand(item))
			return
		case !v.Quoted && p.isList(v.Text):
			flush()
			parts = append(parts, nameOf("list", v.Text))
		default:
			constants = append(constants, p.literal(c, v.Text))
		}
	}
	flush()
	text := strings.Join(parts, " + ")
	switch {
	case len(parts) == 0:
		text = "[]"
	case len(parts) > 1 && c.Mod != syntax.ModNone:
		text = "(" + text + ")"
	}
	p.str(text)
}

// named writes the name of a macro.
func (p *printer) named(what, name string) { p.str(nameOf(what, name)) }

var (
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	integer    = regexp.MustCompile(`^-?(0|[1-9][0-9]*|0[xX][0-9a-fA-F]+)$`)
	// reserved are the words that CEL keeps, and those that mean something else here.
	reserved = []string{
		"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
		"package", "namespace", "null", "return", "true", "var", "void", "while", "x", "v", "base64",
		"bool", "bytes", "double", "duration", "dyn", "int", "list", "map", "null_type", "string", "timestamp", "type", "uint",
	}
)

// nameOf writes the name of a macro or a list: as it is, or in quotes if CEL would take it for
// something else.
func nameOf(what, name string) string {
	if identifier.MatchString(name) && !slices.Contains(reserved, name) {
		return name
	}
	return what + "(" + quote(name) + ")"
}

// literal writes a constant in the type of what it is compared with.
func (p *printer) literal(c *syntax.Compare, text string) string {
	k := kindAny
	switch left := innermost(c.Left).(type) {
	case *syntax.Field:
		if f := fieldOf(p.cat, left); f != nil {
			k = kindOf(f)
		}
	case *syntax.Transform:
		k = kindText
	}
	if t, ok := c.Left.(*syntax.Transform); ok {
		k = kindText
		if t.Name == "len" {
			k = kindInt
		}
	}
	if _, symbol := symbols[c.Op]; !symbol && c.Op != "in" && c.Op != "intersects" {
		k = kindText // what methods look for
	}
	return literalOf(k, text, c.Op)
}

// literalOf writes a constant of a kind.
func literalOf(k kind, text, op string) string {
	switch k {
	case kindText:
		return quote(text)
	case kindInt:
		if _, err := strconv.ParseInt(text, 0, 64); err == nil && integer.MatchString(text) {
			return text
		}
	case kindBool:
		if text == "true" || text == "false" {
			return text
		}
	case kindIP:
		return "ip(" + quote(text) + ")"
	case kindNet:
		return "cidr(" + quote(text) + ")"
	default:
		if _, err := strconv.ParseInt(text, 0, 64); err == nil && integer.MatchString(text) {
			return text
		}
		if strings.ContainsAny(op, "<>") {
			return number(text)
		}
		return quote(text)
	}
	if _, err := strconv.ParseUint(text, 0, 64); err == nil && integer.MatchString(text) {
		return "dyn(" + text + "u)"
	}
	return "dyn(" + quote(text) + ")"
}

// number writes a number that is no integer.
func number(text string) string {
	if _, err := strconv.ParseFloat(text, 64); err == nil && strings.ContainsAny(text, ".") && !strings.HasPrefix(text, "+") && !strings.HasSuffix(text, ".") {
		return text
	}
	return quote(text)
}

// quote writes a text as a literal; what is no text, as bytes.
func quote(text string) string {
	var b strings.Builder
	valid := utf8.ValidString(text)
	if !valid {
		b.WriteString("dyn(b")
	}
	b.WriteByte('"')
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	b.WriteByte('"')
	if !valid {
		b.WriteByte(')')
	}
	return b.String()
}

// isText reports whether an operand is a constant of that text.
func isText(o syntax.Operand, text string) bool {
	v, ok := o.(*syntax.Value)
	return ok && v.Text == text
}
