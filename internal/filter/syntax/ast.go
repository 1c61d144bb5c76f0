// SPDX-License-Identifier: Apache-2.0

// Package syntax reads and prints conditions of the rules language: text to tree and back.
package syntax

// Pos is a place in a condition's text.
type Pos struct {
	Offset int // bytes from the start, 0-based
	Line   int // 1-based
	Col    int // 1-based
}

// Node is a boolean expression: And, Or, Not, Ident, Compare or Exists.
type Node interface {
	Position() Pos
	node()
}

// And holds if all its children hold; it has at least two.
type And struct {
	Pos      Pos
	Children []Node
}

// Or holds if one of its children holds; it has at least two.
type Or struct {
	Pos      Pos
	Children []Node
}

// Not holds if its child does not.
type Not struct {
	Pos   Pos
	Child Node
}

// Ident names a macro.
type Ident struct {
	Pos  Pos
	Name string
}

// Exists holds if its operand has a value.
type Exists struct {
	Pos  Pos
	Left Operand
}

// Modifier says how many elements of a right-hand list must satisfy the operator.
type Modifier string

// The modifiers; ModNone stands for a comparison without one.
const (
	ModNone  Modifier = ""
	ModOneOf Modifier = "oneof"
	ModAnyOf Modifier = "anyof"
	ModAllOf Modifier = "allof"
)

// Compare is "left operator right".
type Compare struct {
	Pos   Pos
	Left  Operand
	Op    string // as written: = == != < <= > >= in intersects pmatch contains …
	Mod   Modifier
	Right Operand
}

// Operand is one side of a comparison: Field, Transform, Value or List.
type Operand interface {
	Position() Pos
	operand()
}

// Field is a field with an optional argument.
type Field struct {
	Pos    Pos
	Name   string
	Arg    string
	HasArg bool
}

// Transform applies a transformer to its arguments.
type Transform struct {
	Pos    Pos
	Name   string // tolower, toupper, b64, basename, len, join, concat, getopt, val
	Args   []Operand
	Arg    string // what follows in brackets (getopt)
	HasArg bool
}

// Value is a literal: a number, a bare word or a quoted text, its escapes resolved.
type Value struct {
	Pos    Pos
	Text   string
	Quoted bool
}

// List is a list of literals in parentheses.
type List struct {
	Pos   Pos
	Items []Operand // Value; in transformers' lists also Field and Transform
}

func (n *And) Position() Pos       { return n.Pos }
func (n *Or) Position() Pos        { return n.Pos }
func (n *Not) Position() Pos       { return n.Pos }
func (n *Ident) Position() Pos     { return n.Pos }
func (n *Exists) Position() Pos    { return n.Pos }
func (n *Compare) Position() Pos   { return n.Pos }
func (o *Field) Position() Pos     { return o.Pos }
func (o *Transform) Position() Pos { return o.Pos }
func (o *Value) Position() Pos     { return o.Pos }
func (o *List) Position() Pos      { return o.Pos }

func (*And) node()          {}
func (*Or) node()           {}
func (*Not) node()          {}
func (*Ident) node()        {}
func (*Exists) node()       {}
func (*Compare) node()      {}
func (*Field) operand()     {}
func (*Transform) operand() {}
func (*Value) operand()     {}
func (*List) operand()      {}
