// SPDX-License-Identifier: Apache-2.0

package syntax

import "fmt"

// MaxDepth is how deeply Parse lets a condition nest, in steps of the grammar: a pair of
// parentheses costs five.
const MaxDepth = 1000

// Error is a mistake in a condition's text.
type Error struct {
	Pos Pos // where reading stopped
	Msg string
}

// Error returns the message without the position.
func (e *Error) Error() string { return e.Msg }

// Parse reads a condition. The error is of type *Error.
func Parse(text string) (Node, error) { return ParseDepth(text, MaxDepth) }

// ParseDepth is Parse with another limit of nesting.
func ParseDepth(text string, limit int) (Node, error) {
	p := newParser(text, limit)
	n, err := p.condition()
	if err != nil {
		return nil, err
	}
	return n, nil
}

// ParseOperand reads a field or a transformer at the start of text, as output templates hold
// them, and returns how many bytes it took. The error is of type *Error.
func ParseOperand(text string) (Operand, int, error) {
	p := newParser(text, MaxDepth)
	pos := p.pos
	var op Operand
	var err error
	switch {
	case p.fieldName():
		op, err = p.field(pos)
	case p.transformer():
		op, err = p.transform(p.name(), pos)
	default:
		err = p.errorf("expected a field or a transformer")
	}
	if err != nil {
		return nil, 0, err
	}
	return op, p.pos.Offset, nil
}

// parser is a recursive descent parser; each method reads one production at the cursor.
type parser struct {
	lexer
	depth, limit int
}

// newParser returns a parser at the start of text.
func newParser(text string, limit int) *parser {
	return &parser{lexer: lexer{text: text, pos: Pos{Line: 1, Col: 1}}, limit: limit}
}

// errorf returns an error at the cursor.
func (p *parser) errorf(format string, args ...any) error {
	return &Error{Pos: p.pos, Msg: fmt.Sprintf(format, args...)}
}

// enter counts one step of nesting; leave takes it back.
func (p *parser) enter() error {
	p.depth++
	if p.depth >= p.limit {
		return p.errorf("exceeded max depth limit of %d", p.limit)
	}
	return nil
}

// leave takes back one step of nesting.
func (p *parser) leave() { p.depth-- }

// condition reads the whole text.
func (p *parser) condition() (Node, error) {
	if p.text == "" {
		return nil, p.errorf("filter input string is empty")
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.pos.Offset != len(p.text) {
		return nil, p.errorf("unexpected token after '%s', expecting 'or', 'and'", p.token)
	}
	return n, nil
}

// or reads alternatives.
func (p *parser) or() (Node, error) {
	children, pos, err := p.chain("or", p.and)
	if err != nil {
		return nil, err
	}
	if len(children) == 1 {
		return children[0], nil
	}
	return &Or{Pos: pos, Children: children}, nil
}

// and reads conjuncts.
func (p *parser) and() (Node, error) {
	children, pos, err := p.chain("and", p.not)
	if err != nil {
		return nil, err
	}
	if len(children) == 1 {
		return children[0], nil
	}
	return &And{Pos: pos, Children: children}, nil
}

// chain reads one or more children joined by the word op, which needs a blank or a parenthesis
// behind it.
func (p *parser) chain(op string, child func() (Node, error)) ([]Node, Pos, error) {
	if err := p.enter(); err != nil {
		return nil, Pos{}, err
	}
	defer p.leave()
	pos := p.pos
	p.blank()
	n, err := child()
	if err != nil {
		return nil, pos, err
	}
	children := []Node{n}
	p.blank()
	for p.literal(op) {
		switch {
		case p.blank():
			n, err = child()
		case p.literal("("):
			n, err = p.embedded()
		default:
			err = p.errorf("expected blank or '(' after '%s'", op)
		}
		if err != nil {
			return nil, pos, err
		}
		children = append(children, n)
		p.blank()
	}
	return children, pos, nil
}

// not reads a check behind any number of "not"; each turns it round.
func (p *parser) not() (Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	pos := p.pos
	p.blank()
	negated := false
	for p.lexer.not() {
		negated = !negated
	}
	var n Node
	var err error
	if p.literal("not(") {
		negated = !negated
		n, err = p.embedded()
	} else {
		n, err = p.check()
	}
	if err != nil || !negated {
		return n, err
	}
	return &Not{Pos: pos, Child: n}, nil
}

// embedded reads the rest of a condition in parentheses, the opening one having been read.
func (p *parser) embedded() (Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	p.blank()
	if !p.literal(")") {
		return nil, p.errorf("expected a ')' token")
	}
	return n, nil
}

// check reads a condition in parentheses, a comparison or a macro's name.
func (p *parser) check() (Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	pos := p.pos
	p.blank()
	if p.literal("(") {
		return p.embedded()
	}
	var left Operand
	var err error
	switch {
	case p.fieldName():
		left, err = p.field(pos)
	case p.transformer():
		left, err = p.transform(p.name(), pos)
	case p.identifier():
		return &Ident{Pos: pos, Name: p.token}, nil
	default:
		err = p.errorf("expected a '(' token, a field check, or an identifier")
	}
	if err != nil {
		return nil, err
	}
	return p.comparison(left, pos)
}
