// SPDX-License-Identifier: Apache-2.0

package rule

import "strings"

const (
	blanks     = " \t\n\r"
	delimiters = blanks + "(),="
)

// expansion is a text in which list names are being replaced. Where it came from is tracked only
// to explain a mistake, since that costs as much memory as the text.
type expansion struct {
	text  string
	from  []int32 // of each byte of text, its offset in the original; nil if not tracked
	track bool
}

// newExpansion starts with a text.
func newExpansion(text string, track bool) *expansion {
	x := &expansion{text: text, track: track}
	if track {
		x.from = make([]int32, len(text)+1)
		for i := range x.from {
			x.from[i] = int32(i)
		}
	}
	return x
}

// origin returns the offset in the original text that an offset in the expanded text came from.
func (x *expansion) origin(at int) int {
	if len(x.from) == 0 {
		return at
	}
	return int(x.from[min(max(at, 0), len(x.from)-1)])
}

// replace puts the items of a list in the place of its name, wherever the name stands between
// delimiters, even within quotes. It reports whether the name occurred. The blanks around the
// name go, and with an empty list a comma beside it.
func (x *expansion) replace(name, items string, empty bool) bool {
	text := x.text
	search := 0
	var out []byte
	var from []int32
	pos, used := 0, false
	for {
		i := strings.Index(text[min(search, len(text)):], name)
		if i < 0 || name == "" {
			break
		}
		start := search + i
		end := start + len(name)
		if !delimited(text, out, pos, start, end) {
			search = start + 1
			continue
		}
		used = true
		out = append(out, text[pos:start]...)
		if x.track {
			from = append(from, x.from[pos:start]...)
		}
		for len(out) > 0 && strings.IndexByte(blanks, out[len(out)-1]) >= 0 {
			out = out[:len(out)-1]
		}
		for end < len(text) && strings.IndexByte(blanks, text[end]) >= 0 {
			end++
		}
		if empty {
			switch {
			case len(out) > 0 && out[len(out)-1] == ',':
				out = out[:len(out)-1]
			case end < len(text) && text[end] == ',':
				end++
			}
		}
		first := len(out) == 0
		if !first {
			out = append(out, ' ')
		}
		out = append(out, items...)
		out = append(out, ' ')
		if x.track {
			from = from[:min(len(from), len(out))]
			for len(from) < len(out) {
				from = append(from, x.from[start])
			}
		}
		pos, search = end, end
		if first {
			search++ // the reference steps over one byte more here
		}
	}
	if !used {
		return false
	}
	x.text = string(append(out, text[pos:]...))
	if x.track {
		x.from = append(from, x.from[pos:]...)
	}
	return true
}

// delimited reports whether text[start:end] stands between delimiters or the ends of the text;
// what precedes text[pos:] is out.
func delimited(text string, out []byte, pos, start, end int) bool {
	if end < len(text) && strings.IndexByte(delimiters, text[end]) < 0 {
		return false
	}
	switch {
	case start > pos:
		return strings.IndexByte(delimiters, text[start-1]) >= 0
	case len(out) > 0:
		return strings.IndexByte(delimiters, out[len(out)-1]) >= 0
	}
	return true
}

// quoteItem puts an item with a blank in quotes, unless it has its own.
func quoteItem(item string) string {
	if strings.Contains(item, " ") && item[0] != '"' && item[0] != '\'' {
		return `"` + item + `"`
	}
	return item
}

// parenItem puts an item in parentheses, unless it has its own.
func parenItem(item string) string {
	if item != "" && item[0] != '(' {
		return "(" + item + ")"
	}
	return item
}

// joinItems is the text that stands for a list.
func joinItems(items []string) string {
	var b strings.Builder
	for i, item := range items {
		if i > 0 && b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoteItem(item))
	}
	return b.String()
}
