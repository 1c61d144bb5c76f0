// SPDX-License-Identifier: Apache-2.0

// Package format renders output templates: text with %field tokens, and the fields that a template
// names for an alert's JSON.
package format

import (
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// Missing is what stands for a field without a value.
const Missing = "<NA>"

// The published messages.
const (
	msgLonePercent = "invalid formatting syntax: formatting cannot end with a %"
	msgUnknown     = "unknown filter: unexpected token after '"
)

// Error is a mistake in a template.
type Error struct {
	Offset int // of the token, from its percent sign
	Msg    string
	Token  string // the token, as far as it can be told
	Hint   string // what is wrong with it
	// Unknown says that the token names no field, which a rule may choose to tolerate.
	Unknown bool
}

// Error returns the message without position and hint.
func (e *Error) Error() string { return e.Msg }

// Token is a field that a template names, by itself or within transformers.
type Token struct {
	Key   string // as written: proc.aname[2]
	Field *field.Field
	Arg   field.Arg
}

// Template is a parsed output. It is never changed and may be used by many goroutines, each with
// its own context.
type Template struct {
	text   string
	pieces []piece
	tokens []Token
}

// piece is a stretch of text, or a token.
type piece struct {
	text  string
	token *operand // nil for text
	width int      // 0 means as long as the value is
}

// Parse reads a template. The error is of type *Error.
func Parse(text string, cat *field.Catalogue) (*Template, error) {
	t := &Template{text: text}
	for rest, at := text, 0; rest != ""; rest = text[at:] {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			t.pieces = append(t.pieces, piece{text: rest})
			break
		}
		if i > 0 {
			t.pieces = append(t.pieces, piece{text: rest[:i]})
		}
		p, n, err := parseToken(rest[i:], cat)
		if err != nil {
			err.Offset = at + i
			return nil, err
		}
		t.pieces = append(t.pieces, p)
		at += i + n
	}
	for i := range t.pieces {
		if t.pieces[i].token != nil {
			t.collect(t.pieces[i].token)
		}
	}
	slices.SortFunc(t.tokens, func(a, b Token) int { return strings.Compare(a.Key, b.Key) })
	return t, nil
}

// maxWidth bounds how far a value is padded; a wider one is a mistake.
const maxWidth = 1 << 16

// parseToken reads the token that text, which begins with a percent sign, begins with.
func parseToken(text string, cat *field.Catalogue) (piece, int, *Error) {
	n, width := 1, 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' && width < maxWidth {
		width = width*10 + int(text[n]-'0')
		n++
	}
	rest := text[n:]
	if rest == "" {
		return piece{}, 0, &Error{Msg: msgLonePercent, Token: text, Hint: "write the percent sign's field name behind it"}
	}
	if width >= maxWidth {
		return piece{}, 0, &Error{Msg: msgUnknown, Token: text[:n], Hint: "the width is too large"}
	}
	if transformerCall(rest) {
		node, size, err := syntax.ParseOperand(rest)
		if err != nil {
			return piece{}, 0, tokenError(rest, err, cat)
		}
		op, err := build(node, cat)
		if err != nil {
			return piece{}, 0, tokenError(rest, err, cat)
		}
		return piece{token: op, width: width}, n + size, nil
	}
	size, f, arg, err := cat.Prefix(rest)
	if err != nil {
		return piece{}, 0, tokenError(rest, err, cat)
	}
	return piece{token: &operand{key: rest[:size], field: f, arg: arg}, width: width}, n + size, nil
}

// transformerCall reports whether text begins with a transformer and its parenthesis.
func transformerCall(text string) bool {
	i := strings.IndexByte(text, '(')
	return i > 0 && text[:i] != "val" && slices.Contains(syntax.Transformers(), text[:i])
}

// tokenError explains a token that is none.
func tokenError(text string, cause error, cat *field.Catalogue) *Error {
	end := 0
	for end < len(text) && (text[end] == '.' || text[end] == '_' || text[end] == '-' || alphanumeric(text[end])) {
		end++
	}
	token := strings.TrimRight(text[:end], ".-")
	hint := cause.Error()
	all := make([]string, 0, 400)
	for _, f := range cat.All() {
		all = append(all, f.Name)
	}
	if s := diag.Suggest(token, all); s != "" && cat.Lookup(token) == nil {
		hint += " (did you mean %" + s + "?)"
	}
	return &Error{Msg: msgUnknown, Token: "%" + token, Hint: hint, Unknown: true}
}

// alphanumeric reports whether c is an ASCII letter or digit.
func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// collect notes the fields within an operand.
func (t *Template) collect(o *operand) {
	if o.field != nil {
		if !slices.ContainsFunc(t.tokens, func(have Token) bool { return have.Key == o.key }) {
			t.tokens = append(t.tokens, Token{Key: o.key, Field: o.field, Arg: o.arg})
		}
		return
	}
	for _, a := range o.args {
		t.collect(a)
	}
}

// Tokens returns the fields that the template names, each once, sorted by key: the JSON output
// fields. Transformers are left out, the fields within them are not. The result must not be
// changed.
func (t *Template) Tokens() []Token { return t.tokens }

// String returns the template as written.
func (t *Template) String() string { return t.text }

// AppendText appends the text for the event of the context. What has no value is Missing. Nothing
// is allocated but what dst needs to grow, and the context's scratch.
func (t *Template) AppendText(dst []byte, c *field.Context) []byte {
	dst, _ = t.render(dst, c, true)
	return dst
}

// AppendComplete is AppendText for those who want no text with gaps: it stops at the first token
// without a value and then reports false.
func (t *Template) AppendComplete(dst []byte, c *field.Context) ([]byte, bool) {
	return t.render(dst, c, false)
}

// render appends the text, with gaps or up to the first one.
func (t *Template) render(dst []byte, c *field.Context, gaps bool) ([]byte, bool) {
	for i := range t.pieces {
		p := &t.pieces[i]
		if p.token == nil {
			dst = append(dst, p.text...)
			continue
		}
		start := len(dst)
		out, ok := p.token.appendText(dst, c)
		switch {
		case !ok && !gaps:
			return dst, false
		case !ok:
			out = append(dst, Missing...)
		}
		dst = fit(out, start, p.width)
	}
	return dst, true
}

// AppendText appends the token's value as text; ok is false if there is none.
func (t *Token) AppendText(dst []byte, c *field.Context) (out []byte, ok bool) {
	v, ok := t.Field.Value(c, &t.Arg)
	if !ok {
		return dst, false
	}
	return v.AppendText(dst), true
}

// AppendJSON appends the token's value as JSON, null if there is none.
func (t *Token) AppendJSON(dst []byte, c *field.Context) []byte {
	v, ok := t.Field.Value(c, &t.Arg)
	if !ok {
		return append(dst, "null"...)
	}
	return v.AppendJSON(dst)
}

// fit pads or cuts what dst holds from start on to the width; 0 leaves it as it is.
func fit(dst []byte, start, width int) []byte {
	if width == 0 {
		return dst
	}
	if len(dst)-start > width {
		return dst[:start+width]
	}
	for len(dst)-start < width {
		dst = append(dst, ' ')
	}
	return dst
}
