// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"fmt"
	"strings"
)

// Print returns the condition as text that parses back to the same tree.
func Print(n Node) string {
	p := printer{exact: true}
	p.node(n)
	return string(p.out)
}

// Mark says where in a tree the text from byte At on came from.
type Mark struct {
	At  int
	Pos Pos
}

// PrintMarked is Print for a tree that was read from another text: the marks, in ascending order, lead
// back to the positions there. Quoted texts hold none of the characters around which the names of
// lists are replaced.
func PrintMarked(n Node) (string, []Mark) {
	p := printer{exact: true, shield: true}
	p.node(n)
	return string(p.out), p.marks
}

// Canonical returns the condition as Falco prints compiled conditions. It is for people and for
// comparing: quotes that are not needed for blanks are left out, so that it may not parse back.
func Canonical(n Node) string {
	var p printer
	p.node(n)
	return string(p.out)
}

// PrintOperand returns one side of a comparison as text that parses back to the same operand.
func PrintOperand(o Operand) string {
	p := printer{exact: true}
	p.operand(o)
	return string(p.out)
}

// printer collects the text of a tree.
type printer struct {
	out    []byte
	exact  bool
	shield bool // keep marks, and delimiters out of quoted texts
	marks  []Mark
}

// mark notes where what comes next came from.
func (p *printer) mark(pos Pos) {
	if p.shield {
		p.marks = append(p.marks, Mark{len(p.out), pos})
	}
}

// quoted appends a text in quotes.
func (p *printer) quoted(text string) {
	if !p.shield {
		p.out = appendQuoted(p.out, text, true)
		return
	}
	for _, c := range appendQuoted(nil, text, true) {
		if strings.IndexByte(" (),=", c) >= 0 {
			p.out = fmt.Appendf(p.out, `\x%02x`, c)
			continue
		}
		p.out = append(p.out, c)
	}
}

// str appends s.
func (p *printer) str(s string) { p.out = append(p.out, s...) }

// node appends a condition.
func (p *printer) node(n Node) {
	p.mark(n.Position())
	switch n := n.(type) {
	case *And:
		p.nodes(n.Children, " and ")
	case *Or:
		p.nodes(n.Children, " or ")
	case *Not:
		p.str("not ")
		_, twice := n.Child.(*Not)
		if p.exact && twice { // "not not" is nothing
			p.str("(")
			p.node(n.Child)
			p.str(")")
			return
		}
		p.node(n.Child)
	case *Ident:
		if p.exact && n.Name == "not" {
			p.str("(not)")
			return
		}
		p.str(n.Name)
	case *Exists:
		p.operand(n.Left)
		p.str(" exists")
	case *Compare:
		p.operand(n.Left)
		p.str(" " + n.Op + " ")
		if n.Mod != ModNone {
			p.str(string(n.Mod) + " ")
		}
		p.operand(n.Right)
	}
}

// nodes appends conditions with the operator between them, in parentheses.
func (p *printer) nodes(children []Node, op string) {
	p.str("(")
	for i, c := range children {
		if i > 0 {
			p.str(op)
		}
		p.node(c)
	}
	p.str(")")
}

// operand appends one side of a comparison.
func (p *printer) operand(o Operand) {
	p.mark(o.Position())
	switch o := o.(type) {
	case *Field:
		p.str(o.Name)
		p.argument(o.Arg, o.HasArg)
	case *Transform:
		p.transform(o)
	case *Value:
		p.value(o)
	case *List:
		p.items(o.Items, ", ")
	}
}

// transform appends a transformer; the lists among its arguments are written without blanks.
func (p *printer) transform(t *Transform) {
	p.str(t.Name)
	p.str("(")
	for i, o := range t.Args {
		if i > 0 {
			p.str(",")
		}
		if list, ok := o.(*List); ok {
			p.items(list.Items, ",")
			continue
		}
		p.operand(o)
	}
	p.str(")")
	p.argument(t.Arg, t.HasArg)
}

// items appends a list with sep between its items.
func (p *printer) items(items []Operand, sep string) {
	p.str("(")
	for i, o := range items {
		if i > 0 {
			p.str(sep)
		}
		p.operand(o)
	}
	p.str(")")
}

// value appends a literal.
func (p *printer) value(v *Value) {
	switch {
	case !p.exact:
		p.str(Escape(v.Text))
	case v.Quoted:
		p.quoted(v.Text)
	default:
		p.str(v.Text)
	}
}

// argument appends an argument in brackets, if there is one.
func (p *printer) argument(arg string, has bool) {
	if !has {
		return
	}
	p.str("[")
	switch {
	case arg == "":
		p.str(`""`)
	case !p.exact:
		p.str(Escape(arg))
	case runLen(arg, "[]\"'") == len(arg):
		p.str(arg)
	default:
		p.quoted(arg)
	}
	p.str("]")
}
