// SPDX-License-Identifier: Apache-2.0

// Package diag describes a mistake in a user's file: where it stands, what is wrong and what to
// do about it.
package diag

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Severity says whether a problem keeps the file from being used.
type Severity uint8

// The severities.
const (
	Error   Severity = iota // the file cannot be used as it is
	Warning                 // the file works, but perhaps not as its author thinks
	Note                    // advice
)

// String is the severity as printed before a message.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	}
	return "note"
}

// Location is one step of the way from a file to the place of a problem: the item that contains
// it, with its name and the position at which it starts.
type Location struct {
	ItemType string // rules content, rule, rule condition, condition expression …
	ItemName string
	Name     string // the file, or the beginning of a condition
	Line     int    // 0-based, as the rules loader reports it
	Col      int    // 0-based
	Offset   int    // 0-based
}

// Problem is one mistake. Line, Col and EndCol are 1-based and count bytes; zero means unknown.
type Problem struct {
	File     string
	Line     int
	Col      int
	EndCol   int // the column behind the mistake; 0 if only its start is known
	Code     string
	Severity Severity
	Message  string
	Hint     string
	Context  []Location
	Snippet  string // the line of the file that holds the mistake, without its line break
}

// maxSnippet is how much of a long line is shown around the mistake.
const maxSnippet = 160

// String is the problem on one line: file, position, severity and message.
func (p Problem) String() string { return string(p.appendHead(nil)) }

// Text is the problem for people: the line of String, then the source line with a caret under
// the mistake and the hint, each only if known. It ends without a line break.
func (p Problem) Text() string {
	b := p.appendHead(nil)
	if p.Snippet != "" {
		b = p.appendSnippet(b)
	}
	if p.Hint != "" {
		b = append(b, "\n  hint: "...)
		b = append(b, p.Hint...)
	}
	return string(b)
}

// appendHead appends "file:line:col: severity: message [code]".
func (p Problem) appendHead(b []byte) []byte {
	b = append(b, p.File...)
	if p.Line > 0 {
		if p.File != "" {
			b = append(b, ':')
		}
		b = strconv.AppendInt(b, int64(p.Line), 10)
		if p.Col > 0 {
			b = append(b, ':')
			b = strconv.AppendInt(b, int64(p.Col), 10)
		}
	}
	if len(b) > 0 {
		b = append(b, ": "...)
	}
	b = append(b, p.Severity.String()...)
	b = append(b, ": "...)
	b = append(b, p.Message...)
	if p.Code != "" {
		b = append(b, " ["...)
		b = append(b, p.Code...)
		b = append(b, ']')
	}
	return b
}

// appendSnippet appends the source line, cut around the mistake, and the line with the caret.
func (p Problem) appendSnippet(b []byte) []byte {
	line, start := strings.TrimRight(p.Snippet, "\r\n"), 0
	if p.Col > maxSnippet {
		start = p.Col - maxSnippet/2
		for start > 0 && start < len(line) && !utf8.RuneStart(line[start]) {
			start--
		}
	}
	start = min(start, len(line))
	shown := line[start:]
	if len(shown) > maxSnippet {
		shown = shown[:maxSnippet]
		for len(shown) > 0 && !utf8.ValidString(shown[max(0, len(shown)-utf8.UTFMax):]) && len(shown) > maxSnippet-utf8.UTFMax {
			shown = shown[:len(shown)-1]
		}
	}
	b = append(b, "\n  "...)
	b = appendVisible(b, shown)
	if p.Col <= 0 {
		return b
	}
	b = append(b, "\n  "...)
	before := shown[:min(max(p.Col-1-start, 0), len(shown))]
	for _, r := range before {
		if r == '\t' {
			b = append(b, '\t')
		} else {
			b = append(b, ' ')
		}
	}
	b = append(b, '^')
	end := min(p.EndCol-1-start, len(shown))
	for i := len(before) + 1; i < end; i++ {
		if utf8.RuneStart(shown[i]) {
			b = append(b, '~')
		}
	}
	return b
}

// appendVisible appends text with its control characters made harmless to a terminal.
func appendVisible(b []byte, text string) []byte {
	for _, r := range text {
		if r < ' ' && r != '\t' || r == 0x7f {
			r = '?'
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

// Line returns line number n (1-based) of content, without its line break; "" if there is none.
func Line(content []byte, n int) string {
	rest := string(content)
	for ; n > 1; n-- {
		_, after, found := strings.Cut(rest, "\n")
		if !found {
			return ""
		}
		rest = after
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSuffix(line, "\r")
}
