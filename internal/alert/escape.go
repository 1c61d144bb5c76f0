// SPDX-License-Identifier: Apache-2.0

package alert

import "unicode/utf8"

// AppendString appends text as a quoted JSON string. It escapes what the format requires and what
// steers a terminal or the order of the text, nothing else, and puts U+FFFD where text is not valid UTF-8.
func AppendString[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, text)
	return append(dst, '"')
}

const (
	hexDigits   = "0123456789abcdef"
	replacement = "\uFFFD"
)

// appendEscaped appends text as the inside of a JSON string.
func appendEscaped[T string | []byte](dst []byte, text T) []byte {
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			dst = append(dst, text[start:i]...)
			dst = appendControl(dst, c)
			i++
			start = i
			continue
		}
		n, ok := sequence(text, i)
		switch {
		case !ok:
			dst = append(dst, text[start:i]...)
			dst = append(dst, replacement...)
			start = i + n
		case hidden(text, i, n):
			dst = append(dst, text[start:i]...)
			dst = appendRune(dst, text, i, n)
			start = i + n
		}
		i += n
	}
	return append(dst, text[start:]...)
}

// appendControl appends the escape of an ASCII character.
func appendControl(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// AppendLine appends text for a line that people read: quotes and backslashes stay as they are,
// control characters (ASCII, C1, line and paragraph separators, bidirectional overrides) become
// escapes.
func AppendLine[T string | []byte](dst []byte, text T) []byte {
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				dst = append(dst, text[start:i]...)
				dst = appendControl(dst, c)
				start = i + 1
			}
			i++
			continue
		}
		n, ok := sequence(text, i)
		switch {
		case !ok:
			dst = append(dst, text[start:i]...)
			dst = append(dst, replacement...)
			start = i + n
		case hidden(text, i, n):
			dst = append(dst, text[start:i]...)
			dst = appendRune(dst, text, i, n)
			start = i + n
		}
		i += n
	}
	return append(dst, text[start:]...)
}

// hidden reports whether the valid sequence at i steers a terminal or the order of the text.
func hidden[T string | []byte](text T, i, n int) bool {
	switch {
	case n == 2:
		return text[i] == 0xc2 && text[i+1] < 0xa0 // U+0080 to U+009F
	case n == 3 && text[i] == 0xe2 && text[i+1] == 0x80:
		return text[i+2] >= 0xa8 && text[i+2] <= 0xae // U+2028 to U+202E
	case n == 3 && text[i] == 0xe2 && text[i+1] == 0x81:
		return text[i+2] >= 0xa6 && text[i+2] <= 0xa9 // U+2066 to U+2069
	}
	return false
}

// appendRune appends a sequence of two or three bytes as a \u escape.
func appendRune[T string | []byte](dst []byte, text T, i, n int) []byte {
	r := rune(text[i]&0x1f)<<6 | rune(text[i+1]&0x3f)
	if n == 3 {
		r = rune(text[i]&0x0f)<<12 | rune(text[i+1]&0x3f)<<6 | rune(text[i+2]&0x3f)
	}
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// sequence measures the UTF-8 sequence that starts at i with a byte above ASCII. Of an invalid one
// it returns the longest part that could have begun a valid one (at least a byte): that part is
// replaced as a whole, as the Unicode standard recommends and the published output does.
func sequence[T string | []byte](text T, i int) (n int, ok bool) {
	c := text[i]
	low, high := byte(0x80), byte(0xbf)
	switch {
	case c >= 0xc2 && c <= 0xdf:
		n = 2
	case c >= 0xe0 && c <= 0xef:
		n = 3
		if c == 0xe0 {
			low = 0xa0
		} else if c == 0xed {
			high = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		n = 4
		if c == 0xf0 {
			low = 0x90
		} else if c == 0xf4 {
			high = 0x8f
		}
	default:
		return 1, false
	}
	for k := 1; k < n; k++ {
		if i+k >= len(text) || text[i+k] < low || text[i+k] > high {
			return k, false
		}
		low, high = 0x80, 0xbf
	}
	return n, true
}
