// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"maps"
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// truth is what is known of a condition.
type truth int8

// The truths.
const (
	unknown truth = iota
	no
	yes
)

// truthOf is the truth of a value.
func truthOf(value bool) truth {
	if value {
		return yes
	}
	return no
}

// not turns a truth round.
func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

// literal is a comparison, or a test of existence, with its outcome.
type literal struct {
	node  syntax.Node
	value bool
}

// choice are alternatives of which one must hold.
type choice []literal

// facts is what is known of an event once a condition is assumed to hold, or not to. What cannot be
// told is unknown; it never claims too much.
type facts struct {
	cat      *field.Catalogue
	known    map[string]bool // outcome of comparisons, by their text
	operands map[string]*subject
	choices  []choice
	conflict string // why nothing fulfils the assumptions
	budget   *int
}

const (
	splitDepth  = 1     // levels of alternatives that are tried out one by one
	splitWidth  = 16    // alternatives that are tried out
	factsBudget = 20000 // steps after which a condition is taken for satisfiable
)

// newFacts knows nothing.
func newFacts(cat *field.Catalogue) *facts {
	budget := factsBudget
	return &facts{cat: cat, known: map[string]bool{}, operands: map[string]*subject{}, budget: &budget}
}

// clone returns a copy to assume more with.
func (f *facts) clone() *facts {
	c := *f
	c.known, c.choices = maps.Clone(f.known), slices.Clone(f.choices)
	c.operands = make(map[string]*subject, len(f.operands))
	for k, s := range f.operands {
		copied := *s
		copied.tests = slices.Clone(s.tests)
		c.operands[k] = &copied
	}
	return &c
}

// assume adds that n has the given value. It is false if that contradicts what is known.
func (f *facts) assume(n syntax.Node, value bool) bool {
	switch n := n.(type) {
	case *syntax.Not:
		return f.assume(n.Child, !value)
	case *syntax.And:
		return f.assumeAll(n.Children, value, value)
	case *syntax.Or:
		return f.assumeAll(n.Children, value, !value)
	}
	return f.assumeLeaf(n, value)
}

// assumeAll adds that the children have a value: all of them, or one at least.
func (f *facts) assumeAll(children []syntax.Node, value, all bool) bool {
	if !all {
		c := make(choice, len(children))
		for i, n := range children {
			c[i] = literal{n, value}
		}
		f.choices = append(f.choices, c)
		return true
	}
	for _, c := range children {
		if !f.assume(c, value) {
			return false
		}
	}
	return true
}

// assumeLeaf adds the outcome of a comparison.
func (f *facts) assumeLeaf(n syntax.Node, value bool) bool {
	key := syntax.Canonical(n)
	if old, ok := f.known[key]; ok {
		if old != value {
			f.conflict = quoted(key) + " and its opposite cannot both hold"
		}
		return old == value
	}
	f.known[key] = value
	s := f.subject(n)
	if s == nil {
		return true
	}
	s.tests = append(s.tests, literal{n, value})
	if other, bad := s.contradiction(); bad {
		f.conflict = quoted(literalText(other)) + " and " + quoted(literalText(literal{n, value})) + " cannot both hold"
		return false
	}
	return true
}

// quoted is a comparison in a message.
func quoted(text string) string { return "\"" + brief(text) + "\"" }

// literalText is a literal as it would be written.
func literalText(l literal) string {
	if l.node == nil {
		return ""
	}
	if l.value {
		return syntax.Print(l.node)
	}
	return "not " + syntax.Print(l.node)
}

// subject returns what is known of the operand that n tests, nil if that may have several values at
// once.
func (f *facts) subject(n syntax.Node) *subject {
	var left syntax.Operand
	switch n := n.(type) {
	case *syntax.Compare:
		left = n.Left
	case *syntax.Exists:
		left = n.Left
	default:
		return nil
	}
	numeric, single := f.single(left)
	if !single {
		return nil
	}
	key := syntax.PrintOperand(left)
	s := f.operands[key]
	if s == nil {
		s = &subject{numeric: numeric}
		f.operands[key] = s
	}
	return s
}

// single reports whether an operand has at most one value, and whether that is a number.
func (f *facts) single(o syntax.Operand) (numeric, single bool) {
	switch o := o.(type) {
	case *syntax.Transform:
		if len(o.Args) != 1 || o.Name == "getopt" {
			return false, false
		}
		_, single = f.single(o.Args[0])
		return o.Name == "len", single
	case *syntax.Field:
		def, _, err := f.cat.Resolve(o.Name, o.Arg, o.HasArg)
		if err != nil || def.Flags&(field.IsList|field.AnyValue|field.EitherEnd|field.ByHostName) != 0 {
			return false, false
		}
		switch def.Kind {
		case field.KindInt, field.KindUint:
			return true, true
		case field.KindString, field.KindBool:
			return false, true
		}
	}
	return false, false
}

// eval tells what the facts say of a condition.
func (f *facts) eval(n syntax.Node) truth {
	*f.budget--
	switch n := n.(type) {
	case *syntax.Not:
		return f.eval(n.Child).not()
	case *syntax.And:
		return f.evalAll(n.Children, no)
	case *syntax.Or:
		return f.evalAll(n.Children, yes)
	}
	if value, ok := f.known[syntax.Canonical(n)]; ok {
		return truthOf(value)
	}
	if s := f.subject(n); s != nil {
		return s.eval(n)
	}
	return unknown
}

// evalAll evaluates a conjunction or disjunction; one child with the deciding truth settles it.
func (f *facts) evalAll(children []syntax.Node, deciding truth) truth {
	out := deciding.not()
	for _, c := range children {
		switch f.eval(c) {
		case deciding:
			return deciding
		case unknown:
			out = unknown
		}
	}
	return out
}

// of tells what the facts say of an alternative.
func (f *facts) of(l literal) truth {
	t := f.eval(l.node)
	if !l.value {
		return t.not()
	}
	return t
}

// settle draws the conclusions from alternatives: where all but one are ruled out, that one holds. It
// is false if none is left somewhere.
func (f *facts) settle(depth int) bool {
	for changed := true; changed && *f.budget > 0; {
		changed = false
		pending := f.choices
		f.choices = nil
		for _, c := range pending {
			left, done := f.narrow(c, depth)
			switch {
			case done:
				changed = true
			case len(left) == 0:
				if f.conflict == "" {
					f.conflict = "none of " + quoted(syntax.Print(c[0].node)) + " and its alternatives can hold"
				}
				return false
			case len(left) == 1:
				changed = true
				if !f.assume(left[0].node, left[0].value) {
					return false
				}
			default:
				f.choices = append(f.choices, left)
			}
		}
	}
	return true
}

// narrow leaves out the alternatives that are ruled out; done says that one holds anyway.
func (f *facts) narrow(c choice, depth int) (left choice, done bool) {
	for _, l := range c {
		switch f.of(l) {
		case yes:
			return nil, true
		case no:
			continue
		}
		if depth > 0 && len(c) <= splitWidth && *f.budget > 0 {
			try := f.clone()
			try.choices = slices.DeleteFunc(try.choices, func(o choice) bool { return &o[0] == &c[0] })
			if !try.assume(l.node, l.value) || !try.settle(depth-1) {
				f.conflict = try.conflict
				continue
			}
		}
		left = append(left, l)
	}
	if len(left) > 1 || len(left) == len(c) {
		f.conflict = ""
	}
	return left, false
}

// implies reports whether a condition holds whenever the facts do. Where one part of it cannot be
// told, the alternatives among the facts are tried one by one.
func (f *facts) implies(n syntax.Node) bool {
	budget := factsBudget
	f.budget = &budget
	parts := conjuncts(nil, n)
	var open syntax.Node
	for _, p := range parts {
		switch f.eval(p) {
		case no:
			return false
		case unknown:
			if open != nil {
				return false
			}
			open = p
		}
	}
	if open == nil {
		return true
	}
	return slices.ContainsFunc(f.choices, func(c choice) bool {
		return len(c) <= splitWidth && !slices.ContainsFunc(c, func(l literal) bool {
			try := f.clone()
			return try.assume(l.node, l.value) && try.settle(0) && try.eval(open) != yes
		})
	})
}
