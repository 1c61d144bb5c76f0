// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"strings"
	"unicode/utf8"
)

// lexer reads tokens at a cursor. The grammar has no token classes of its own: what may follow
// depends on the place, so the parser asks for what it expects there.
type lexer struct {
	text string
	pos  Pos
	// token is the last token read; error messages name it.
	token string
}

// rest is what has not been read yet.
func (l *lexer) rest() string { return l.text[l.pos.Offset:] }

// advance moves the cursor over n bytes. Carriage returns and line feeds each start a line.
func (l *lexer) advance(n int) {
	for _, c := range []byte(l.text[l.pos.Offset : l.pos.Offset+n]) {
		if c == '\n' || c == '\r' {
			l.pos.Line++
			l.pos.Col = 0
		}
		l.pos.Col++
	}
	l.pos.Offset += n
}

// take makes the next n bytes the current token; it reports false for n = 0.
func (l *lexer) take(n int) bool {
	if n == 0 {
		return false
	}
	l.token = l.text[l.pos.Offset : l.pos.Offset+n]
	l.advance(n)
	return true
}

// blank skips blanks and reports whether there were any.
func (l *lexer) blank() bool {
	n := 0
	for rest := l.rest(); n < len(rest) && isBlank(rest[n]); n++ {
	}
	l.advance(n)
	return n > 0
}

// literal reads exactly s.
func (l *lexer) literal(s string) bool {
	if !strings.HasPrefix(l.rest(), s) {
		return false
	}
	return l.take(len(s))
}

// word reads the word s and the blanks that must follow it; without them it reads nothing.
func (l *lexer) word(s string) bool {
	rest := l.rest()
	if !strings.HasPrefix(rest, s) || len(rest) == len(s) || !isBlank(rest[len(s)]) {
		return false
	}
	l.take(len(s))
	l.blank()
	return true
}

// not reads one "not" with the white space behind it.
func (l *lexer) not() bool {
	rest := l.rest()
	if !strings.HasPrefix(rest, "not") {
		return false
	}
	n := len("not")
	for n < len(rest) && isSpace(rest[n]) {
		n++
	}
	return n > len("not") && l.take(n)
}

// identifier reads a macro's or list's name.
func (l *lexer) identifier() bool { return l.take(identifierLen(l.rest())) }

// fieldName reads identifiers joined by dots, at least two.
func (l *lexer) fieldName() bool { return l.take(fieldNameLen(l.rest())) }

// number reads a hexadecimal or decimal number.
func (l *lexer) number() bool {
	if n := hexLen(l.rest()); n > 0 {
		return l.take(n)
	}
	return l.take(decimalLen(l.rest()))
}

// bare reads an unquoted text.
func (l *lexer) bare() bool { return l.take(runLen(l.rest(), "()\"'=,")) }

// bareArg reads an unquoted field argument.
func (l *lexer) bareArg() bool { return l.take(runLen(l.rest(), "[]\"'")) }

// quoted reads a quoted text; the token is what it stands for. A text without a closing quote is
// not read. A quote closes the text unless a backslash stands before it, be that backslash
// escaped or not.
func (l *lexer) quoted() (bool, error) {
	rest := l.rest()
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return false, nil
	}
	for i := 1; i < len(rest) && rest[i] != 0; i++ {
		if rest[i] != rest[0] || rest[i-1] == '\\' {
			continue
		}
		l.advance(i + 1)
		text, err := unescape(rest[1:i], rest[0])
		if err != nil {
			return false, &Error{Pos: l.pos, Msg: err.Error()}
		}
		l.token = text
		return true, nil
	}
	return false, nil
}

// identifierLen is the length of the identifier at the start of s, 0 if there is none.
func identifierLen(s string) int {
	if s == "" || !isLetter(s[0]) {
		return 0
	}
	n := 1
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n]) || s[n] == '_') {
		n++
	}
	return n
}

// fieldNameLen is the length of the field name at the start of s, 0 if there is none.
func fieldNameLen(s string) int {
	n := identifierLen(s)
	dots := 0
	for n > 0 && n < len(s) && s[n] == '.' {
		m := identifierLen(s[n+1:])
		if m == 0 {
			break
		}
		n += 1 + m
		dots++
	}
	if dots == 0 {
		return 0
	}
	return n
}

// hexLen is the length of the hexadecimal number at the start of s, 0 if there is none.
func hexLen(s string) int {
	if len(s) < 3 || s[0] != '0' || s[1] != 'x' && s[1] != 'X' {
		return 0
	}
	n := 2
	for n < len(s) && hexValue(s[n]) >= 0 {
		n++
	}
	if n == 2 {
		return 0
	}
	return n
}

// decimalLen is the length of the decimal number at the start of s, 0 if there is none. An
// exponent needs a sign.
func decimalLen(s string) int {
	n := 0
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	first := n
	n += digits(s[n:])
	if n == first {
		return 0
	}
	if n < len(s) && s[n] == '.' {
		n++
		n += digits(s[n:])
	}
	if n+2 < len(s) && (s[n] == 'e' || s[n] == 'E') && (s[n+1] == '+' || s[n+1] == '-') {
		if d := digits(s[n+2:]); d > 0 {
			n += 2 + d
		}
	}
	return n
}

// digits counts the decimal digits at the start of s.
func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// runLen is the length of the valid UTF-8 text at the start of s without white space and without
// the characters of stop.
func runLen(s, stop string) int {
	n := 0
	for n < len(s) {
		c := s[n]
		if c < utf8.RuneSelf {
			if c == 0 || isSpace(c) || strings.IndexByte(stop, c) >= 0 {
				break
			}
			n++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

// isBlank reports whether c may stand between two tokens.
func isBlank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\b'
}

// isSpace reports whether c is white space of POSIX, which ends an unquoted text.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// isLetter reports whether c is a letter of ASCII.
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isDigit reports whether c is a decimal digit.
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// hexValue is the value of the hexadecimal digit c, -1 if it is none.
func hexValue(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
