// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"fmt"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
	"github.com/gyrfalcon/gyrfalcon/internal/format"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// evaluator evaluates conditions part by part, and says why they hold or not. It is slow beside
// the engine, and agrees with it: both use the same compiled predicates.
type evaluator struct {
	cat      *field.Catalogue
	compiler *filter.Compiler
	ctx      *field.Context
	leaves   map[syntax.Node]*leaf
	macros   map[syntax.Node]string // by the root of their conditions
}

// leaf is a predicate of a condition.
type leaf struct {
	filter *filter.Filter
	text   string
	fixed  bool // it cannot come out both ways
}

// newEvaluator returns an evaluator for the rules of a set.
func newEvaluator(set *rule.Set, cat *field.Catalogue, m *field.Machine) *evaluator {
	e := &evaluator{
		cat: cat, compiler: filter.NewCompiler(cat), ctx: field.NewContext(m),
		leaves: map[syntax.Node]*leaf{}, macros: map[syntax.Node]string{},
	}
	for _, m := range set.Macros {
		if m.Condition != nil {
			e.macros[m.Condition] = m.Name
		}
	}
	for _, r := range set.Rules {
		syntax.Walk(r.Condition, func(n syntax.Node) bool {
			switch n.(type) {
			case *syntax.Compare, *syntax.Exists:
				e.enter(n, r.Source)
			}
			return true
		})
	}
	return e
}

// enter compiles a predicate.
func (e *evaluator) enter(n syntax.Node, source string) {
	if e.leaves[n] != nil {
		return
	}
	f, _, err := e.compiler.Compile(n, source)
	if err != nil {
		return // the loader compiled it, too
	}
	l := &leaf{filter: f, text: syntax.Print(n)}
	_, l.fixed = f.Constant()
	if c, ok := n.(*syntax.Compare); ok && syntax.Equal(c, neverTrue) {
		l.fixed = true
	}
	for _, side := range []syntax.Node{n, &syntax.Not{Child: n}} {
		if types, _, err := filter.ConditionTypes(side); err == nil && types.Empty() {
			l.fixed = true
		}
	}
	e.leaves[n] = l
}

// neverTrue is the usual way to write a condition that no event fulfils: numbers begin with 1.
var neverTrue = &syntax.Compare{Left: &syntax.Field{Name: "evt.num"}, Op: "=", Right: &syntax.Value{Text: "0"}}

// holds evaluates a part of a condition from left to right, as far as needed. seen, which may be
// nil, is told how each predicate came out.
func (e *evaluator) holds(n syntax.Node, seen func(l *leaf, value bool)) bool {
	switch n := n.(type) {
	case *syntax.And:
		for _, c := range n.Children {
			if !e.holds(c, seen) {
				return false
			}
		}
		return true
	case *syntax.Or:
		for _, c := range n.Children {
			if e.holds(c, seen) {
				return true
			}
		}
		return false
	case *syntax.Not:
		return !e.holds(n.Child, seen)
	}
	l := e.leaves[n]
	if l == nil {
		return false
	}
	value := l.filter.Match(e.ctx)
	if seen != nil {
		seen(l, value)
	}
	return value
}

// failures counts the parts of a conjunction that do not hold: the fewer, the nearer the event came
// to the rule.
func (e *evaluator) failures(n syntax.Node) int {
	and, ok := n.(*syntax.And)
	if !ok {
		if e.holds(n, nil) {
			return 0
		}
		return 1
	}
	count := 0
	for _, c := range and.Children {
		count += e.failures(c)
	}
	return count
}

// explanation collects lines.
type explanation struct {
	e     *evaluator
	lines []string
}

// maxAlternatives is how many parts of one node an explanation shows.
const maxAlternatives = 6

// why says why a condition holds (or does not, whichever it is), one line a predicate, those of
// inner parts indented.
func (e *evaluator) why(n syntax.Node) []string {
	x := &explanation{e: e}
	x.node(n, e.holds(n, nil), 0)
	return x.lines
}

// say adds a line.
func (x *explanation) say(depth int, format string, args ...any) {
	x.lines = append(x.lines, strings.Repeat("  ", depth)+fmt.Sprintf(format, args...))
}

// node explains why a node has the given value.
func (x *explanation) node(n syntax.Node, value bool, depth int) {
	if name := x.e.macros[n]; name != "" {
		if _, isLeaf := x.e.leaves[n]; !isLeaf {
			x.say(depth, "%s is %t:", name, value)
			depth++
		}
	}
	switch n := n.(type) {
	case *syntax.Not:
		x.node(n.Child, !value, depth)
	case *syntax.And:
		x.children(n.Children, value, value, "all of these are true:", depth)
	case *syntax.Or:
		x.children(n.Children, value, !value, "none of these is true:", depth)
	default:
		if l := x.e.leaves[n]; l != nil {
			x.say(depth, "%s is %t%s", shorten(l.text), value, x.e.values(n))
		}
	}
}

// children explains by those parts of a node that have its value; all says that this takes them
// all together.
func (x *explanation) children(children []syntax.Node, value, all bool, title string, depth int) {
	var telling []syntax.Node
	for _, c := range children {
		if x.e.holds(c, nil) == value {
			telling = append(telling, c)
		}
	}
	if all && len(telling) > 1 && depth > 0 || all && !value {
		x.say(depth, "%s", title)
		depth++
	}
	for i, c := range telling {
		if i == maxAlternatives {
			x.say(depth, "and %d more", len(telling)-i)
			break
		}
		x.node(c, value, depth)
	}
}

// maxPredicate is how much of a predicate with a long list is shown.
const maxPredicate = 100

// shorten cuts a long text.
func shorten(s string) string {
	if len(s) <= maxPredicate {
		return s
	}
	return strings.ToValidUTF8(s[:maxPredicate-4], "") + " …)"
}

// values says which values the operands of a predicate have.
func (e *evaluator) values(n syntax.Node) string {
	var parts []string
	add := func(o syntax.Operand) {
		if text := e.value(o); text != "" {
			parts = append(parts, text)
		}
	}
	switch n := n.(type) {
	case *syntax.Exists:
		add(n.Left)
	case *syntax.Compare:
		add(n.Left)
		add(n.Right)
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// value says which value an operand has, "" for literals.
func (e *evaluator) value(o syntax.Operand) string {
	switch o := o.(type) {
	case *syntax.Field:
		name := syntax.PrintOperand(o)
		f, arg, err := e.cat.Resolve(o.Name, o.Arg, o.HasArg)
		if err != nil {
			return ""
		}
		v, ok := f.Value(e.ctx, &arg)
		if !ok {
			return name + " has no value"
		}
		text := string(v.AppendText(nil))
		if v.Kind == field.KindString || v.Kind == field.KindBytes {
			text = fmt.Sprintf("%q", text)
		}
		return name + " is " + shorten(text)
	case *syntax.Transform:
		if o.Name == "val" && len(o.Args) == 1 {
			return e.value(o.Args[0])
		}
		text := syntax.PrintOperand(o)
		t, err := format.Parse("%"+text, e.cat)
		if err != nil {
			return ""
		}
		return text + " is " + shorten(fmt.Sprintf("%q", t.AppendText(nil, e.ctx)))
	}
	return ""
}
