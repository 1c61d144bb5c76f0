// SPDX-License-Identifier: Apache-2.0

// Package filter checks conditions against the field catalogue and compiles them to closures over
// typed getters, which evaluate without allocating. Equal predicates of a rule set are one node,
// evaluated at most once per event; sets, prefixes and patterns are hashed, tried or automata, so
// that the cost does not grow with their number.
package filter

import (
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

// The codes of warnings, as the rules loader reports them.
const (
	CodeCompile    = "LOAD_COMPILE_CONDITION"
	CodeUnsafeNA   = "LOAD_UNSAFE_NA_CHECK"
	CodeDeprecated = "LOAD_DEPRECATED_ITEM"
)

// Warning is something that a condition may do by mistake.
type Warning struct {
	Code string
	Pos  syntax.Pos
	Msg  string
	Hint string
	// Field is the deprecated field, for CodeDeprecated.
	Field string
}

// Compiler compiles the conditions of one rule set. It is used by one goroutine; no filter may be
// evaluated while another condition is being compiled.
type Compiler struct {
	cat *field.Catalogue
}

// NewCompiler returns a compiler for conditions over the fields of cat.
func NewCompiler(cat *field.Catalogue) *Compiler { return &Compiler{cat: cat} }

// MemoSize is how many entries field.Context.Memo needs for the conditions compiled so far.
func (c *Compiler) MemoSize() int { return 0 }

// Filter is a compiled condition.
type Filter struct {
	eval func(*field.Context) bool
}

// Compile checks the condition n, its macros resolved, for events of the given source and compiles
// it. The error is of type *Error.
func (c *Compiler) Compile(n syntax.Node, source string) (*Filter, []Warning, error) {
	return &Filter{eval: func(*field.Context) bool { return false }}, nil, nil
}

// Match reports whether the condition holds for the event of the context. It does not allocate.
func (f *Filter) Match(c *field.Context) bool { return f.eval(c) }
