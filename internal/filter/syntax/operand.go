// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"slices"
	"strings"
)

// The operators. Of two with the same beginning the longer one stands first.
var (
	numberOps = []string{"<=", "<", ">=", ">"}
	symbolOps = []string{"==", "=", "!="}
	// wordOps need a blank behind them.
	wordOps = []string{"glob", "iglob", "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "regex"}
	// listOps need none.
	listOps   = []string{"intersects", "in", "pmatch"}
	modifiers = []Modifier{ModOneOf, ModAnyOf, ModAllOf}
)

// transformers are the names before a parenthesis that transform what stands in it; val, which
// stands only on the right side of a comparison, is apart.
var transformers = []string{"tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"}

// Operators returns the names of all operators, in the order of the manual.
func Operators() []string {
	return slices.Concat([]string{"exists"}, numberOps, symbolOps, wordOps, listOps)
}

// Transformers returns the names of all transformers, in the order of the manual.
func Transformers() []string { return append([]string{"val"}, transformers...) }

// names are words as error messages list them.
func names(words []string) string { return "'" + strings.Join(words, "', '") + "'" }

var (
	operatorNames    = names(Operators())
	transformerNames = names(Transformers())
)

// transformer reads a transformer's name and its opening parenthesis.
func (p *parser) transformer() bool {
	for _, name := range transformers {
		if rest := p.rest(); strings.HasPrefix(rest, name) && len(rest) > len(name) && rest[len(name)] == '(' {
			return p.take(len(name) + 1)
		}
	}
	return false
}

// name is the transformer's name that has just been read, without the parenthesis.
func (p *parser) name() string {
	p.token = strings.TrimSuffix(p.token, "(")
	return p.token
}

// field reads the argument of a field whose name has just been read.
func (p *parser) field(pos Pos) (Operand, error) {
	f := &Field{Pos: pos, Name: p.token}
	var err error
	f.Arg, f.HasArg, err = p.argument()
	if err != nil {
		return nil, err
	}
	return f, nil
}

// argument reads an argument in brackets, if there is one.
func (p *parser) argument() (arg string, has bool, err error) {
	if !p.literal("[") {
		return "", false, nil
	}
	quoted, err := p.quoted()
	if err != nil {
		return "", false, err
	}
	if !quoted && !p.bareArg() {
		return "", false, p.errorf("expected a valid field argument: a quoted string or a bare string")
	}
	arg = p.token
	if !p.literal("]") {
		return "", false, p.errorf("expected a ']' token")
	}
	return arg, true, nil
}

// transform reads the arguments of a transformer whose name has been read, and what follows in
// brackets.
func (p *parser) transform(name string, pos Pos) (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	t := &Transform{Pos: pos, Name: name}
	for {
		p.blank()
		arg, err := p.transformArg()
		if err != nil {
			return nil, err
		}
		t.Args = append(t.Args, arg)
		p.blank()
		if !p.literal(",") {
			break
		}
	}
	return p.closeTransform(t)
}

// closeTransform reads the end of a transformer.
func (p *parser) closeTransform(t *Transform) (Operand, error) {
	p.blank()
	if !p.literal(")") {
		return nil, p.errorf("expected a ')' token closing the transformer")
	}
	var err error
	t.Arg, t.HasArg, err = p.argument()
	if err != nil {
		return nil, err
	}
	return t, nil
}

// transformArg reads one argument of a transformer.
func (p *parser) transformArg() (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	pos := p.pos
	if p.number() {
		return &Value{Pos: pos, Text: p.token}, nil
	}
	quoted, err := p.quoted()
	switch {
	case err != nil:
		return nil, err
	case quoted:
		return &Value{Pos: pos, Text: p.token, Quoted: true}, nil
	case p.literal("("):
		return p.transformList(pos)
	case p.transformer():
		return p.transform(p.name(), pos)
	case p.fieldName():
		return p.field(pos)
	}
	return nil, p.errorf("expected field transformer argument: field, transformer, quoted string, number, or transformer list")
}

// transformList reads the rest of a list that is an argument of a transformer.
func (p *parser) transformList(pos Pos) (Operand, error) {
	list := &List{Pos: pos}
	p.blank()
	if p.literal(")") {
		return list, nil
	}
	for {
		item, err := p.transformItem()
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, item)
		p.blank()
		if !p.literal(",") {
			break
		}
		p.blank()
	}
	if !p.literal(")") {
		return nil, p.errorf("expected ')'")
	}
	return list, nil
}

// transformItem reads one item of such a list.
func (p *parser) transformItem() (Operand, error) {
	pos := p.pos
	switch {
	case p.fieldName():
		return p.field(pos)
	case p.transformer():
		return p.transform(p.name(), pos)
	}
	quoted, err := p.quoted()
	switch {
	case err != nil:
		return nil, err
	case quoted:
		return &Value{Pos: pos, Text: p.token, Quoted: true}, nil
	case p.number():
		return &Value{Pos: pos, Text: p.token}, nil
	}
	return nil, p.errorf("expected transformer list argument: field, transformer, quoted string, or number")
}

// comparison reads an operator and its right side.
func (p *parser) comparison(left Operand, pos Pos) (Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	if p.literal("exists") {
		return &Exists{Pos: pos, Left: left}, nil
	}
	c := &Compare{Pos: pos, Left: left}
	var err error
	switch {
	case p.operator(numberOps, p.literal):
		c.Op = p.token
		c.Right, err = p.numberValue()
	case p.operator(symbolOps, p.literal):
		c.Op = p.token
		c.Right, err = p.textValue(c, p.blank())
	case p.operator(wordOps, p.word):
		c.Op = p.token
		c.Right, err = p.textValue(c, true)
	case p.operator(listOps, p.literal):
		c.Op = p.token
		c.Right, err = p.listValue()
	default:
		err = p.errorf("expected a valid check operator: one of %s", operatorNames)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// operator reads the first of ops that read accepts.
func (p *parser) operator(ops []string, read func(string) bool) bool {
	return slices.ContainsFunc(ops, read)
}

// textValue reads the right side of an operator on texts; a modifier needs a blank before it and
// a list, or a list's name, behind it.
func (p *parser) textValue(c *Compare, afterBlank bool) (Operand, error) {
	saved := p.lexer
	if afterBlank {
		for _, mod := range modifiers {
			if p.word(string(mod)) && p.listFollows() {
				c.Mod = mod
				return p.modifiedList()
			}
			p.lexer = saved
		}
	}
	return p.value()
}

// listFollows reports whether what comes next can be a list or its name.
func (p *parser) listFollows() bool {
	rest := p.rest()
	if strings.HasPrefix(rest, "(") {
		return true
	}
	for _, keyword := range []string{"and", "or", "not"} {
		if after, found := strings.CutPrefix(rest, keyword); found && (after == "" || !isLetter(after[0]) && !isDigit(after[0])) {
			return false
		}
	}
	return identifierLen(rest) > 0
}

// modifiedList reads the list, or the name of a list, behind a modifier.
func (p *parser) modifiedList() (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	pos := p.pos
	if p.literal("(") {
		return p.list(pos)
	}
	p.identifier()
	return &Value{Pos: pos, Text: p.token}, nil
}

// numberValue reads the right side of an operator on numbers.
func (p *parser) numberValue() (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	pos := p.pos
	if op, err := p.rightTransform(); op != nil || err != nil {
		return op, err
	}
	if p.number() {
		return &Value{Pos: pos, Text: p.token}, nil
	}
	return nil, p.errorf("expected a number value or a field with a valid transformer: %s", transformerNames)
}

// value reads a literal or a transformer.
func (p *parser) value() (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	if op, err := p.rightTransform(); op != nil || err != nil {
		return op, err
	}
	v, err := p.literalText()
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, p.errorf("expected a string value or a field with a valid transformer: %s", transformerNames)
	}
	return v, nil
}

// literalText reads a quoted or bare text; it returns nil if there is none.
func (p *parser) literalText() (*Value, error) {
	pos := p.pos
	quoted, err := p.quoted()
	if err != nil || !quoted && !p.bare() {
		return nil, err
	}
	return &Value{Pos: pos, Text: p.token, Quoted: quoted}, nil
}

// listValue reads the right side of an operator on lists.
func (p *parser) listValue() (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	pos := p.pos
	if p.literal("(") {
		return p.list(pos)
	}
	if op, err := p.rightTransform(); op != nil || err != nil {
		return op, err
	}
	if p.identifier() {
		return &Value{Pos: pos, Text: p.token}, nil
	}
	return nil, p.errorf("expected a list, an identifier, or a field with a valid transformer: %s", transformerNames)
}

// list reads the rest of a list of literals, the opening parenthesis having been read.
func (p *parser) list(pos Pos) (Operand, error) {
	list := &List{Pos: pos}
	for {
		p.blank()
		item, err := p.literalText()
		if err != nil {
			return nil, err
		}
		if item == nil {
			if len(list.Items) == 0 {
				break
			}
			return nil, p.errorf("expected a string value")
		}
		list.Items = append(list.Items, item)
		p.blank()
		if !p.literal(",") {
			break
		}
	}
	if !p.literal(")") {
		return nil, p.errorf("expected a ')' token")
	}
	return list, nil
}

// rightTransform reads a transformer or val on the right side; it returns nil if there is none.
func (p *parser) rightTransform() (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	pos := p.pos
	if p.transformer() {
		return p.transform(p.name(), pos)
	}
	if !p.literal("val(") {
		return nil, nil
	}
	t := &Transform{Pos: pos, Name: p.name()}
	p.blank()
	fieldPos := p.pos
	if !p.fieldName() {
		return nil, p.errorf("expected a field within '%s' transformer", t.Name)
	}
	f, err := p.field(fieldPos)
	if err != nil {
		return nil, err
	}
	t.Args = []Operand{f}
	return p.closeTransform(t)
}
