// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"slices"
	"strings"
)

// Text is the explanation as people read it.
func (e *Explanation) Text() string {
	var b strings.Builder
	state := "enabled"
	if !e.Enabled {
		state = "disabled"
	}
	fmt.Fprintf(&b, "%s\n  defined in %s:%d\n  %s, source %s, %s", e.Name, e.File, e.Line, e.Priority, e.Source, state)
	if len(e.Tags) > 0 {
		fmt.Fprintf(&b, ", tags %s", strings.Join(e.Tags, " "))
	}
	b.WriteString("\n\n")
	wrapped(&b, "  ", e.Description)
	fmt.Fprintf(&b, "\nCondition: about %.0f ns for an event of its types, less if other rules asked the same before\n", e.Cost)
	e.Tree.text(&b, 1)
	b.WriteString("\nEvents")
	if e.AllEvents {
		b.WriteString(": all, which is slow; name the types: evt.type in (...)\n")
	} else {
		listed(&b, e.Events)
	}
	fmt.Fprintf(&b, "\nSystem calls that the kernel reports for it")
	if len(e.Syscalls) > manySyscalls {
		fmt.Fprintf(&b, ": %d\n", len(e.Syscalls))
	} else {
		listed(&b, e.Syscalls)
	}
	if len(e.IOWatched) > 0 {
		b.WriteString("  Of plain input and output, which is frequent; watched since the rule names them")
		listed(&b, e.IOWatched)
	}
	if len(e.IOIgnored) > 0 {
		b.WriteString("  Not watched unless base_syscalls.all is set, since they are plain input and output")
		listed(&b, e.IOIgnored)
	}
	notes(&b, "Fields of the condition", "then every comparison is false", e.Fields)
	fmt.Fprintf(&b, "\nOutput:\n")
	wrapped(&b, "  ", e.Output)
	var others []FieldNote
	for _, n := range e.OutputFields {
		if !slices.ContainsFunc(e.Fields, func(f FieldNote) bool { return f.Name == n.Name }) {
			others = append(others, n)
		}
	}
	notes(&b, "Fields of the output alone", "then it prints <NA>", others)
	if len(e.Exceptions) > 0 {
		b.WriteString("\nExceptions:\n")
	}
	for _, x := range e.Exceptions {
		fmt.Fprintf(&b, "  %s: %s", x.Name, strings.Join(x.Fields, ", "))
		if len(x.Comps) > 0 {
			fmt.Fprintf(&b, " by %s", strings.Join(x.Comps, ", "))
		}
		fmt.Fprintf(&b, "; %d values\n", x.Values)
	}
	return b.String()
}

// manySyscalls is the number of system calls that are only counted.
const manySyscalls = 100

// headings are what the parts are called.
var headings = map[string]string{"all": "all of", "any": "one of", "not": "not"}

// text writes a part and what is below it.
func (p *Part) text(b *strings.Builder, depth int) {
	line := strings.Repeat("  ", depth)
	switch p.Kind {
	case "macro":
		line += fmt.Sprintf("macro %s (%s:%d)", p.Text, p.File, p.Line)
	case "test":
		line += p.Text
	default:
		line += headings[p.Kind]
	}
	if p.Exception != "" {
		line += " (exception " + p.Exception + ")"
	}
	var remarks []string
	switch {
	case p.Always != "":
		remarks = append(remarks, "always "+p.Always)
	case p.Kind != "not":
		remarks = append(remarks, fmt.Sprintf("%.0f ns", p.Cost))
	}
	if p.Places > 0 && p.Kind != "not" {
		remarks = append(remarks, fmt.Sprintf("in %d places", p.Places))
	}
	if p.Once && p.Kind != "not" {
		remarks = append(remarks, "once an event")
	}
	if len(remarks) > 0 {
		line = fmt.Sprintf("%-72s  [%s]", line, strings.Join(remarks, ", "))
	}
	b.WriteString(line + "\n")
	for _, part := range p.Parts {
		part.text(b, depth+1)
	}
}

// notes writes a table of fields; effect is what a missing value brings about.
func notes(b *strings.Builder, title, effect string, all []FieldNote) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, n := range all {
		fmt.Fprintf(b, "  %s (%s)\n", n.Name, n.Type)
		wrapped(b, "      ", n.Doc)
		if n.Missing != "" {
			fmt.Fprintf(b, "      No value %s: %s.\n", n.Missing, effect)
		}
	}
}

// listed writes names behind a colon, or in lines of their own if they are many.
func listed(b *strings.Builder, names []string) {
	if len(names) == 0 {
		b.WriteString(": none\n")
		return
	}
	b.WriteString(":\n")
	wrapped(b, "    ", strings.Join(names, " "))
}

// maxLine is the width of wrapped text.
const maxLine = 100

// wrapped writes words in lines behind an indent.
func wrapped(b *strings.Builder, indent, text string) {
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > maxLine {
			b.WriteString(line + "\n")
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	if len(line) > len(indent) {
		b.WriteString(line + "\n")
	}
}
