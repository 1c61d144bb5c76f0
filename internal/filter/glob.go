// SPDX-License-Identifier: Apache-2.0

package filter

import "strings"

// glob matches a whole text against a pattern of fnmatch without flags: "*", "?", "[...]" and "\",
// none of them stopping at a slash or a leading dot. It works on bytes, in time proportional to
// the product of both lengths at worst.
func glob(pattern, s string, fold bool) bool {
	p, i := 0, 0
	star, mark := -1, 0 // where to go on when the text behind the last "*" does not fit
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p, i
			p++
			continue
		}
		if p < len(pattern) {
			if n, ok := globByte(pattern[p:], s[i], fold); ok {
				p += n
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark++
		p, i = star+1, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globByte matches one byte against the beginning of pattern and returns how long that was.
func globByte(pattern string, b byte, fold bool) (n int, ok bool) {
	switch c := pattern[0]; c {
	case '?':
		return 1, true
	case '[':
		if n, ok, valid := globClass(pattern, b, fold); valid {
			return n, ok
		}
		return 1, b == '['
	case '\\':
		if len(pattern) == 1 {
			return 1, false
		}
		return 2, sameByte(pattern[1], b, fold)
	default:
		return 1, sameByte(c, b, fold)
	}
}

// sameByte compares two bytes, with fold whatever their case.
func sameByte(a, b byte, fold bool) bool {
	return a == b || fold && lowerByte(a) == lowerByte(b)
}

// globClass matches a byte against the bracket expression at the beginning of pattern. valid is
// false if it does not end.
func globClass(pattern string, b byte, fold bool) (n int, ok, valid bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	for first := true; ; first = false {
		if i >= len(pattern) {
			return 0, false, false
		}
		if pattern[i] == ']' && !first {
			return i + 1, ok != negated, true
		}
		if name, size := className(pattern[i:]); size > 0 {
			ok = ok || inClass(name, b, fold)
			i += size
			continue
		}
		low, size := classByte(pattern[i:])
		i += size
		high := low
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			high, size = classByte(pattern[i+1:])
			i += 1 + size
		}
		ok = ok || inRange(low, high, b, fold)
	}
}

// classByte reads one byte of a bracket expression.
func classByte(s string) (b byte, n int) {
	if s[0] == '\\' && len(s) > 1 {
		return s[1], 2
	}
	return s[0], 1
}

// inRange reports whether b lies between low and high.
func inRange(low, high, b byte, fold bool) bool {
	if low <= b && b <= high {
		return true
	}
	if !fold {
		return false
	}
	if l := lowerByte(b); l != b {
		return low <= l && l <= high
	}
	if b >= 'a' && b <= 'z' {
		u := b &^ 0x20
		return low <= u && u <= high
	}
	return false
}

// className reads "[:name:]".
func className(s string) (name string, n int) {
	if !strings.HasPrefix(s, "[:") {
		return "", 0
	}
	end := strings.Index(s, ":]")
	if end < 2 {
		return "", 0
	}
	return s[2:end], end + 2
}

// inClass reports whether b belongs to a class of POSIX, in the C locale.
func inClass(name string, b byte, fold bool) bool {
	lower, upper := b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z'
	digit := b >= '0' && b <= '9'
	switch name {
	case "alpha":
		return lower || upper
	case "digit":
		return digit
	case "alnum":
		return lower || upper || digit
	case "lower":
		return lower || fold && upper
	case "upper":
		return upper || fold && lower
	case "space":
		return b == ' ' || b >= '\t' && b <= '\r'
	case "blank":
		return b == ' ' || b == '\t'
	case "punct":
		return b > ' ' && b < 0x7f && !lower && !upper && !digit
	case "print":
		return b >= ' ' && b < 0x7f
	case "graph":
		return b > ' ' && b < 0x7f
	case "cntrl":
		return b < ' ' || b == 0x7f
	case "xdigit":
		return digit || b|0x20 >= 'a' && b|0x20 <= 'f'
	}
	return false
}

// globSpecials are the bytes that mean something in a pattern.
const globSpecials = `*?[\`

// simpleGlob tells what a pattern comes down to if its only special characters are stars at its
// ends: an equal, beginning, ending or contained text.
func simpleGlob(pattern string) (kind textKind, text string, ok bool) {
	text = strings.TrimLeft(pattern, "*")
	front := len(text) < len(pattern)
	trimmed := strings.TrimRight(text, "*")
	back := len(trimmed) < len(text)
	if strings.ContainsAny(trimmed, globSpecials) {
		return 0, "", false
	}
	switch {
	case front && (back || trimmed == ""):
		return textContains, trimmed, true
	case front:
		return textSuffix, trimmed, true
	case back:
		return textPrefix, trimmed, true
	}
	return textEqual, trimmed, true
}
