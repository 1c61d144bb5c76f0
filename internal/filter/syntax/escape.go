// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"errors"
	"fmt"
	"strings"
)

// Escape returns text as Falco prints a value of a condition: as it is, or in double quotes where
// it has blanks, quotes, backslashes or an equals sign. The result may read differently when
// parsed (an empty text, parentheses); Print takes care of those.
func Escape(text string) string {
	if !strings.ContainsAny(text, "\b\f\n\r\t =\\\"'\x00") {
		return text
	}
	return string(appendQuoted(nil, text, false))
}

// appendQuoted appends text in double quotes, its special characters escaped. exact also escapes
// what Falco leaves alone although it cannot be read again: NUL, and a backslash at the end.
func appendQuoted(dst []byte, text string, exact bool) []byte {
	dst = append(dst, '"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\\', '"':
			if exact && c == '\\' && i == len(text)-1 {
				dst = append(dst, `\x5c`...) // a quote behind a backslash would not close
				break
			}
			dst = append(dst, '\\', c)
		case 0:
			if exact {
				dst = append(dst, `\x00`...)
				break
			}
			dst = append(dst, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// Unescape returns what a quoted text (with its quotes) stands for.
func Unescape(quoted string) (string, error) {
	if len(quoted) < 2 || quoted[0] != quoted[len(quoted)-1] || quoted[0] != '"' && quoted[0] != '\'' {
		return "", fmt.Errorf("%q is not a quoted string", quoted)
	}
	return unescape(quoted[1:len(quoted)-1], quoted[0])
}

// unescape resolves the escapes of a text that stood between two quotes.
func unescape(text string, quote byte) (string, error) {
	next := strings.IndexByte(text, '\\')
	if next < 0 {
		return text, nil
	}
	var b strings.Builder
	b.Grow(len(text))
	for {
		b.WriteString(text[:next])
		text = text[next+1:]
		if text == "" {
			return b.String(), nil // a single backslash at the end stands for nothing
		}
		c, n, err := escaped(text, quote)
		if err != nil {
			return "", err
		}
		b.WriteByte(c)
		text = text[n:]
		if next = strings.IndexByte(text, '\\'); next < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
	}
}

// escaped returns the byte that the escape at the start of text stands for, and its length; the
// backslash has been read.
func escaped(text string, quote byte) (c byte, n int, err error) {
	switch c := text[0]; c {
	case 'b':
		return '\b', 1, nil
	case 'f':
		return '\f', 1, nil
	case 'n':
		return '\n', 1, nil
	case 'r':
		return '\r', 1, nil
	case 't':
		return '\t', 1, nil
	case '\\', ' ': // "\ " is a mistake of old rules that still has to load
		return '\\', 1, nil
	case '/':
		return '/', 1, nil
	case '"', '\'':
		if c != quote {
			return 0, 0, fmt.Errorf(`invalid \%c escape in %c-quoted string`, c, quote)
		}
		return c, 1, nil
	case 'x':
		if len(text) < 3 {
			return 0, 0, errors.New("truncated hex char escape sequence")
		}
		high, low := hexValue(text[1]), hexValue(text[2])
		if high < 0 || low < 0 {
			return 0, 0, fmt.Errorf("invalid hex char escape sequence: %s", text[1:3])
		}
		return byte(high<<4 | low), 3, nil
	default:
		return 0, 0, fmt.Errorf(`unsupported string escape sequence: \%s`, text[:1])
	}
}
