// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// The item types of a problem's chain.
const (
	itemContent       = "rules content"
	itemEntry         = "rules content item"
	itemValue         = "value for"
	itemExceptions    = "exceptions"
	itemException     = "exception"
	itemExValues      = "exception values"
	itemExValue       = "exception value"
	itemEngineVersion = "required_engine_version"
	itemPlugins       = "required plugin versions"
	itemPlugin        = "required plugin versions entry"
	itemAlternative   = "required plugin versions alternative"
	itemList          = "list"
	itemListItem      = "list item"
	itemMacro         = "macro"
	itemMacroCond     = "macro condition"
	itemRule          = "rule"
	itemRuleCond      = "rule condition"
	itemExpression    = "condition expression"
	itemOutput        = "rule output"
	itemPriority      = "rule priority"
	itemOverride      = "overrides"
)

// file is the text of one rules file, with the tables that turn the YAML library's positions into
// byte offsets.
type file struct {
	name    string
	content string
	starts  []int // offsets of the lines as the YAML library counts them
	breaks  []int // offsets of the line feeds, which alone the reference counts

	docs   []*yaml.Node // the documents, once read
	docErr error
	read   bool
}

// newFile indexes the lines of a file. What is not valid text is replaced, as the reference does.
func newFile(name, content string) *file {
	if !utf8.ValidString(content) && !strings.HasPrefix(content, "\xff\xfe") && !strings.HasPrefix(content, "\xfe\xff") {
		content = strings.ToValidUTF8(content, "\uFFFD")
	}
	f := &file{name: name, content: content, starts: []int{0}}
	for i := 0; i < len(content); i++ {
		switch content[i] {
		case '\n':
			f.starts = append(f.starts, i+1)
			f.breaks = append(f.breaks, i)
		case '\r':
			if i+1 == len(content) || content[i+1] != '\n' {
				f.starts = append(f.starts, i+1)
			}
		case 0xc2: // NEL
			if strings.HasPrefix(content[i:], "\u0085") {
				f.starts = append(f.starts, i+2)
			}
		case 0xe2: // line and paragraph separator
			if strings.HasPrefix(content[i:], "\u2028") || strings.HasPrefix(content[i:], "\u2029") {
				f.starts = append(f.starts, i+3)
			}
		}
	}
	return f
}

// offset returns the byte at which a YAML node starts. The library counts characters in a line.
func (f *file) offset(n *yaml.Node) int {
	if n == nil || n.Line <= 0 {
		return 0
	}
	if n.Line > len(f.starts) {
		return len(f.content)
	}
	at := f.starts[n.Line-1]
	if n.Line == 1 && strings.HasPrefix(f.content, "\uFEFF") {
		at += 3
	}
	for range n.Column - 1 {
		if at >= len(f.content) {
			break
		}
		_, size := utf8.DecodeRuneInString(f.content[at:])
		at += size
	}
	return at
}

// position returns the 0-based line and column of a byte offset, as the reference counts them.
func (f *file) position(at int) (line, col int) {
	at = min(at, len(f.content))
	line, _ = slices.BinarySearch(f.breaks, at)
	if line == 0 {
		return 0, at
	}
	return line, at - 1 - f.breaks[line-1]
}

// place is where a problem lies: the chain of items that leads to it, and for people the node.
type place struct {
	file  *file
	steps []diag.Location
	at    int // offset in the file that is shown to people
}

// root is the place of a file's whole content.
func (f *file) root() place {
	return place{file: f, steps: []diag.Location{{ItemType: itemContent, Name: f.name}}}
}

// in is the place of a part of p.
func (p place) in(kind, name string, n *yaml.Node) place {
	at := p.file.offset(n)
	line, col := p.file.position(at)
	return p.step(diag.Location{ItemType: kind, ItemName: name, Name: p.file.name, Line: line, Col: col, Offset: at}, at)
}

// step adds a location to the chain; p stays as it is.
func (p place) step(l diag.Location, at int) place {
	steps := make([]diag.Location, len(p.steps), len(p.steps)+1)
	copy(steps, p.steps)
	return place{file: p.file, steps: append(steps, l), at: at}
}

// last is the innermost location.
func (p place) last() diag.Location { return p.steps[len(p.steps)-1] }

// exprName is how many bytes of a condition name it in a chain, dots for the rest included.
const exprName = 20

// expr is the place of a position within a condition: line, column and offset are added to the
// parent's, as the reference does, whatever the condition's layout in the file.
func (p place) expr(condition string, line, col, offset, at int) place {
	name := condition
	if len(name) > exprName {
		name = name[:exprName-3] + "..."
	}
	last := p.last()
	return p.step(diag.Location{
		ItemType: itemExpression,
		Name:     `"` + name + `"`,
		Line:     last.Line + line,
		Col:      last.Col + col,
		Offset:   last.Offset + offset,
	}, at)
}

// fault is a problem on its way to the report.
type fault struct {
	code    string
	message string
	hint    string
	place   place
	alt     *excerpt // the condition that holds the problem, nil if it lies in the file
	field   string   // the deprecated field that a warning is about
	len     int      // bytes to underline, 0 if unknown
}

// excerpt is a condition's text and the offset of the problem in it.
type excerpt struct {
	text string
	at   int
}

// Error makes a fault an error within this package.
func (e *fault) Error() string { return e.message }

// invalid is a fault in the shape of a file.
func invalid(p place, message string) *fault {
	return &fault{code: ErrYAMLValidate, message: message, place: p}
}

// unfit is a fault in what a file means.
func unfit(p place, message string) *fault {
	return &fault{code: ErrValidate, message: message, place: p}
}

// Finding is a problem as a file's report holds it.
type Finding struct {
	diag.Problem
	Excerpt string // the offending line with a marker below, as in the published report
	Field   string // the deprecated field that a warning is about
	// Beyond marks what is reported beyond the published behaviour, which stops at the first error.
	Beyond bool
}

// finding turns a fault into what is reported.
func (e *fault) finding(severity diag.Severity, beyond bool) Finding {
	f := Finding{Field: e.field, Beyond: beyond}
	f.Code, f.Severity, f.Message, f.Hint = e.code, severity, e.message, e.hint
	f.Context = e.place.steps
	f.File = e.place.file.name
	line, col := e.place.file.position(e.place.at)
	f.Line, f.Col = line+1, col+1
	if e.len > 0 {
		f.EndCol = f.Col + e.len
	}
	f.Snippet = e.place.file.line(e.place.at)
	if e.alt != nil {
		f.Excerpt = excerptAt(e.alt.text, e.alt.at)
	} else {
		f.Excerpt = excerptAt(e.place.file.content, e.place.last().Offset)
	}
	return f
}

// line returns the line of the file that holds an offset.
func (f *file) line(at int) string {
	at = min(at, len(f.content))
	start := strings.LastIndexByte(f.content[:at], '\n') + 1
	end := strings.IndexByte(f.content[start:], '\n')
	if end < 0 {
		end = len(f.content) - start
	}
	return strings.TrimSuffix(f.content[start:start+end], "\r")
}

// inside returns the offset in the file of a position within a scalar's value. Blanks, quotes and
// backslashes may differ between the file and the value, all else is the same.
func (f *file) inside(n *yaml.Node, value string, at int) int {
	start := f.offset(n)
	raw := f.content[start:]
	i := 0
	switch n.Style &^ yaml.TaggedStyle {
	case yaml.LiteralStyle, yaml.FoldedStyle:
		if i = strings.IndexByte(raw, '\n'); i < 0 {
			return start
		}
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		i = 1
	}
	at = min(max(at, 0), len(value))
	for k := 0; k < at; k++ {
		c := value[k]
		if strings.IndexByte(blanks, c) >= 0 {
			continue
		}
		next := strings.IndexByte(raw[min(i, len(raw)):], c)
		if next < 0 {
			return start
		}
		i += next + 1
	}
	for i < len(raw) && strings.IndexByte(blanks, raw[i]) >= 0 && (at >= len(value) || strings.IndexByte(blanks, value[at]) < 0) {
		i++
	}
	return start + min(i, len(raw))
}

// excerptWidth is how much of a line an excerpt shows.
const excerptWidth = 160

// excerptAt cuts the line around an offset and puts a marker below it.
func excerptAt(text string, at int) string {
	if text == "" {
		return "<No context available>\n"
	}
	at = min(max(at, 0), len(text)-1)
	for at > 0 && text[at] == '\n' {
		at--
	}
	start := strings.LastIndexByte(text[:at], '\n') + 1
	end := len(text)
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		end = at + i
	}
	cutStart, cutEnd := at-start > excerptWidth/2, end-at > excerptWidth/2
	if cutStart {
		start = at - excerptWidth/2
	}
	if cutEnd {
		end = at + excerptWidth/2
	}
	line := text[start:end]
	if cutStart && len(line) > 3 {
		line = "..." + line[3:]
	}
	if cutEnd && len(line) > 3 {
		line = line[:len(line)-3] + "..."
	}
	return strings.ToValidUTF8(line, "\uFFFD") + "\n" + strings.Repeat(" ", at-start) + "^\n"
}
