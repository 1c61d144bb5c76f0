// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// pick returns the problems of a severity: those that the reference reports, or those beyond.
func (f *FileResult) pick(severity diag.Severity, beyond bool) []*Finding {
	var out []*Finding
	for i := range f.Problems {
		if p := &f.Problems[i]; p.Severity == severity && p.Beyond == beyond {
			out = append(out, p)
		}
	}
	return out
}

// AppendReportJSON appends the published result of a validation as one line of JSON. Problems
// that the reference, which stops at the first error, would not report stand under keys of ours.
func (s *Set) AppendReportJSON(dst []byte) []byte {
	return append(s.appendResults(append(dst, '{')), '}')
}

// AppendReportAndDescription is AppendReportJSON with the description of a rule, or of all with an
// empty name.
func (s *Set) AppendReportAndDescription(dst []byte, name string) ([]byte, error) {
	dst = append(dst, `{"falco_describe_results":`...)
	dst, err := s.AppendDescription(dst, name)
	if err != nil {
		return dst, err
	}
	return append(s.appendResults(append(dst, ',')), '}'), nil
}

// appendResults appends the results of all files.
func (s *Set) appendResults(dst []byte) []byte {
	dst = append(dst, `"falco_load_results":[`...)
	for i := range s.Files {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.Files[i].appendJSON(dst)
	}
	return append(dst, ']')
}

// appendJSON appends the result of one file.
func (f *FileResult) appendJSON(dst []byte) []byte {
	dst = appendFindings(append(dst, `{"errors":`...), f.pick(diag.Error, false))
	if more := f.pick(diag.Error, true); len(more) > 0 {
		dst = appendFindings(append(dst, `,"gyr:more_errors":`...), more)
	}
	dst = append(dst, `,"name":`...)
	dst = alert.AppendString(dst, f.Name)
	if f.SchemaRead {
		dst = append(dst, `,"schema_valid":`...)
		dst = strconv.AppendBool(dst, len(f.Schema) == 0)
		dst = append(dst, `,"schema_warnings":`...)
		dst = appendStrings(dst, f.Schema)
	}
	dst = append(dst, `,"successful":`...)
	dst = strconv.AppendBool(dst, f.OK)
	dst = append(dst, `,"warnings":`...)
	return append(appendFindings(dst, f.pick(diag.Warning, false)), '}')
}

// appendFindings appends a list of problems.
func appendFindings(dst []byte, all []*Finding) []byte {
	dst = append(dst, '[')
	for i, p := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = p.appendJSON(dst)
	}
	return append(dst, ']')
}

// appendJSON appends a problem.
func (p *Finding) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"code":`...)
	dst = alert.AppendString(dst, p.Code)
	dst = append(dst, `,"codedesc":`...)
	dst = alert.AppendString(dst, describe(p.Code))
	dst = append(dst, `,"context":{"locations":[`...)
	for i, l := range p.Context {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"item_name":`...)
		dst = alert.AppendString(dst, l.ItemName)
		dst = append(dst, `,"item_type":`...)
		dst = alert.AppendString(dst, l.ItemType)
		dst = fmt.Appendf(dst, `,"position":{"column":%d,"line":%d,"name":`, l.Col, l.Line)
		dst = alert.AppendString(dst, l.Name)
		dst = fmt.Appendf(dst, `,"offset":%d}}`, l.Offset)
	}
	dst = append(dst, `],"snippet":`...)
	dst = alert.AppendString(dst, p.Excerpt)
	dst = append(dst, '}')
	if p.Field != "" {
		dst = append(dst, `,"deprecated_field":`...)
		dst = alert.AppendString(dst, p.Field)
	}
	if p.Hint != "" {
		dst = append(dst, `,"gyr:hint":`...)
		dst = alert.AppendString(dst, p.Hint)
	}
	dst = append(dst, `,"message":`...)
	return append(alert.AppendString(dst, p.Message), '}')
}

// appendStrings appends a list of texts.
func appendStrings(dst []byte, texts []string) []byte {
	dst = append(dst, '[')
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = alert.AppendString(dst, text)
	}
	return append(dst, ']')
}

// AppendReport appends the result of a validation as text. verbose shows the problems, each with
// the way to it and the line; otherwise the files are only called good or bad.
func (s *Set) AppendReport(dst []byte, verbose bool) []byte {
	for i := range s.Files {
		dst = s.Files[i].appendText(dst, verbose)
	}
	if s.Fatal != "" {
		dst = fmt.Appendf(dst, "%s\n", s.Fatal)
	}
	return dst
}

// appendText appends the result of one file.
func (f *FileResult) appendText(dst []byte, verbose bool) []byte {
	warnings := f.pick(diag.Warning, false)
	state := "Ok"
	switch {
	case !f.OK:
		state = "Invalid"
	case len(warnings) > 0:
		state = "Ok, with warnings"
	}
	dst = fmt.Appendf(dst, "%s: %s\n", f.Name, state)
	if !verbose {
		return dst
	}
	errs := append(f.pick(diag.Error, false), f.pick(diag.Error, true)...)
	dst = appendBlock(dst, "Errors", errs)
	dst = appendBlock(dst, "Warnings", warnings)
	return appendBlock(dst, "Notes", f.pick(diag.Note, true))
}

// appendBlock appends problems of one severity.
func appendBlock(dst []byte, title string, all []*Finding) []byte {
	if len(all) == 0 {
		return dst
	}
	dst = fmt.Appendf(dst, "%d %s:\n", len(all), title)
	for _, p := range all {
		lead := "In "
		for _, l := range p.Context {
			dst = append(append(dst, lead...), l.ItemType...)
			if l.ItemName != "" {
				dst = fmt.Appendf(dst, " '%s'", l.ItemName)
			}
			dst = fmt.Appendf(dst, ": (%s:%d:%d)\n", l.Name, l.Line, l.Col)
			lead = "    "
		}
		dst = fmt.Appendf(dst, "------\n%s------\n%s (%s): %s\n", p.Excerpt, p.Code, describe(p.Code), p.Message)
		if p.Hint != "" {
			dst = fmt.Appendf(dst, "hint: %s\n", p.Hint)
		}
	}
	return dst
}

// Summary is the result of a set in one line for logs: how many of what, from where.
func (s *Set) Summary() string {
	on := 0
	for _, r := range s.Rules {
		if r.Enabled {
			on++
		}
	}
	var files []string
	for _, f := range s.Files {
		files = append(files, f.Name)
	}
	return fmt.Sprintf("%d rules (%d enabled), %d macros, %d lists from %s", len(s.Rules), on, len(s.Macros), len(s.Lists), strings.Join(files, ", "))
}
