// SPDX-License-Identifier: Apache-2.0

// Package cel reads and prints conditions written in the Common Expression Language. An expression
// is parsed and type-checked against the field catalogue by cel-go and becomes a tree of the rules
// language, so that all that follows (event types, compiling, explaining) knows no difference. Only
// loading uses this package.
package cel

import (
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// Error is a mistake in an expression.
type Error struct {
	Pos  syntax.Pos
	Msg  string
	Hint string // what to do about it; "" if nothing is known
}

// Error returns the message without position and hint.
func (e *Error) Error() string { return e.Msg }

// Condition is what an expression means.
type Condition struct {
	// Node is the condition. Macros and lists stand in it by name, and fields that do not exist as
	// they were written: who resolves the condition reports them. Positions are those in the
	// expression.
	Node syntax.Node
	// Lists are the names of lists in Node, which are literals there as they are in the rules
	// language.
	Lists []*syntax.Value
}

// Parse reads an expression. The error is of type *Error.
func Parse(text string, cat *field.Catalogue) (c *Condition, err error) {
	defer func() {
		if r := recover(); r != nil { // a library reads what users write
			c, err = nil, &Error{Pos: syntax.Pos{Line: 1, Col: 1}, Msg: fmt.Sprintf("the expression cannot be read: %v", r)}
		}
	}()
	src := newSource(text)
	raw, err := src.parse(false)
	if err != nil {
		return nil, err
	}
	if err := src.check(raw, cat); err != nil {
		return nil, err
	}
	t := &translator{source: src, info: raw.SourceInfo(), cat: cat}
	n, err := t.condition(raw.Expr())
	if err != nil {
		return nil, err
	}
	return &Condition{Node: n, Lists: t.lists}, nil
}

// translator turns a parsed expression into a condition.
type translator struct {
	*source
	info  *ast.SourceInfo
	cat   *field.Catalogue
	scope []*binding // variables of exists, all and exists_one, the innermost last
	lists []*syntax.Value
}

// errorf returns an error at an expression.
func (t *translator) errorf(e ast.Expr, format string, args ...any) *Error {
	return &Error{Pos: t.pos(e), Msg: fmt.Sprintf(format, args...)}
}

// hinted is errorf with a hint.
func (t *translator) hinted(e ast.Expr, hint, format string, args ...any) *Error {
	err := t.errorf(e, format, args...)
	err.Hint = hint
	return err
}

// pos is the place at which an expression begins.
func (t *translator) pos(e ast.Expr) syntax.Pos {
	return t.position(start(e, t.info))
}

// start is the code point at which an expression begins: the library notes the operator of a
// binary expression and the parenthesis of a call.
func start(e ast.Expr, info *ast.SourceInfo) int32 {
	at := int32(1<<31 - 1)
	if r, ok := info.GetOffsetRange(e.ID()); ok {
		at = r.Start
	}
	switch e.Kind() {
	case ast.SelectKind:
		at = min(at, start(e.AsSelect().Operand(), info))
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			return min(at, start(call.Target(), info))
		}
		if name := call.FunctionName(); isName(name) {
			return at - int32(len(name))
		}
		if args := call.Args(); len(args) > 0 {
			at = min(at, start(args[0], info))
		}
	}
	return at
}

// isName reports whether a function is called by its name: operators are not.
func isName(function string) bool {
	c := function[0] | 0x20
	return c >= 'a' && c <= 'z'
}
