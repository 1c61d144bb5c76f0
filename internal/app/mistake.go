// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
	"github.com/gyrfalcon/gyrfalcon/internal/format"
)

// CompileFilter compiles a condition that stands in a command line, and returns its tree and the memory that a
// context needs for it. An error shows the place of the mistake.
func CompileFilter(cat *field.Catalogue, condition string) (f *filter.Filter, node syntax.Node, memo int, err error) {
	if node, err = syntax.Parse(condition); err != nil {
		return nil, nil, 0, filterMistake(condition, err)
	}
	c := filter.NewCompiler(cat)
	if f, _, err = c.Compile(node, filter.SyscallSource); err != nil {
		return nil, nil, 0, filterMistake(condition, err)
	}
	return f, node, c.MemoSize(), nil
}

// ParseFormat reads a format that stands in a command line. An error shows the place of the mistake.
func ParseFormat(text string, cat *field.Catalogue) (*format.Template, error) {
	t, err := format.Parse(text, cat)
	if err == nil {
		return t, nil
	}
	p := diag.Problem{Message: err.Error(), Snippet: text}
	var e *format.Error
	if errors.As(err, &e) {
		p.Col, p.EndCol, p.Hint = e.Offset+1, e.Offset+1+len(e.Token), e.Hint
		if e.Unknown {
			p.Message, p.Hint = e.Hint, "" // which says more than Falco's message
		}
	}
	return nil, mistake("format", p)
}

// filterMistake shows where in a condition the mistake is.
func filterMistake(condition string, err error) error {
	p := diag.Problem{Message: err.Error()}
	var (
		read  *syntax.Error
		check *filter.Error
		at    syntax.Pos
	)
	switch {
	case errors.As(err, &read):
		at = read.Pos
	case errors.As(err, &check):
		at, p.Hint = check.At, check.Hint
	default:
		return mistake("filter", p)
	}
	offset := min(max(at.Offset, 0), len(condition))
	begin := strings.LastIndexByte(condition[:offset], '\n') + 1
	p.Snippet, _, _ = strings.Cut(condition[begin:], "\n")
	p.Col = offset - begin + 1
	p.EndCol = p.Col + wordLen(condition[offset:])
	return mistake("filter", p)
}

// wordLen is the length of the field, operator or value with which text begins.
func wordLen(text string) int {
	if n := strings.IndexAny(text, " \t\r\n(),=<>!'\""); n >= 0 {
		return n
	}
	return len(text)
}

// mistake makes an error of a problem in what, a part of the command line.
func mistake(what string, p diag.Problem) error {
	return errors.New(what + ": " + strings.TrimPrefix(p.Text(), p.Severity.String()+": "))
}
