// SPDX-License-Identifier: Apache-2.0

// Package filter checks conditions against the field catalogue and compiles them to closures over
// typed getters, which evaluate without allocating. Equal predicates of a rule set are one node,
// evaluated at most once per event; sets, prefixes and patterns are hashed, tried or automata, so
// that the cost does not grow with their number.
package filter

import (
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// Error is a mistake in a condition: a field that does not exist, an operator that a type does
// not have, a value that cannot be read.
type Error struct {
	Pos  syntax.Pos // the comparison, which Falco reports
	At   syntax.Pos // the very part of it that is wrong
	Msg  string
	Hint string // what to do about it; "" if nothing is known
	// Unknown says that a field or an event type is unknown, which a rule may choose to tolerate.
	Unknown bool
}

// Error returns the message without position and hint.
func (e *Error) Error() string { return e.Msg }

// CodeCompile is the code of this package's warnings, as the rules loader reports it.
const CodeCompile = "LOAD_COMPILE_CONDITION"

// Warning is something that a condition may do by mistake.
type Warning struct {
	Code string
	Pos  syntax.Pos
	Msg  string
	Hint string
}

// Compiler compiles the conditions of one rule set. It is used by one goroutine, and no filter may
// be evaluated while another condition is being compiled; filters are evaluated by any number of
// goroutines, each with a context of its own.
type Compiler struct {
	// DNS is told which host names conditions compare with; evaluation asks that of
	// field.Machine. It is set before the first condition is compiled; nil tells no one.
	DNS *field.DNS

	cat      *field.Catalogue
	classes  map[string]bool // what stands before the first dot in names of fields
	nodes    map[string]*node
	sources  map[string]*source
	matchers map[string]matcher
	programs map[string]*Program
	memo     int
	looking  bool // conditions are only looked at: the places do not count
}

// NewCompiler returns a compiler for conditions over the fields of cat.
func NewCompiler(cat *field.Catalogue) *Compiler {
	c := &Compiler{
		cat: cat, classes: map[string]bool{}, nodes: map[string]*node{},
		sources: map[string]*source{}, matchers: map[string]matcher{}, programs: map[string]*Program{},
	}
	for _, f := range cat.All() {
		class, _, _ := strings.Cut(f.Name, ".")
		c.classes[class] = true
	}
	return c
}

// MemoSize is how many entries field.Context.Memo needs for the conditions compiled so far.
func (c *Compiler) MemoSize() int { return c.memo }

// Filter is a compiled condition.
type Filter struct {
	root edge
	c    *Compiler
}

// Compile checks the condition n, its macros resolved, for events of the given source and compiles
// it. The error is of type *Error.
func (c *Compiler) Compile(n syntax.Node, source string) (*Filter, []Warning, error) {
	b := &builder{Compiler: c, source: source}
	root, err := b.node(n)
	if err != nil {
		return nil, b.warnings, err
	}
	c.use(root.node)
	return &Filter{root: root, c: c}, b.warnings, nil
}

// Match reports whether the condition holds for the event of the context. It does not allocate,
// but for making Memo large enough when the context is new.
func (f *Filter) Match(c *field.Context) bool {
	if len(c.Memo) < f.c.memo {
		c.Memo = make([]uint32, f.c.memo)
	}
	return f.root.holds(c)
}

// Constant reports whether the condition is always true or always false, and which.
func (f *Filter) Constant() (value, constant bool) { return f.root.always() }

// Cost estimates what evaluating the condition for one event costs on average, in nanoseconds.
func (f *Filter) Cost() float64 { return f.root.cost }
