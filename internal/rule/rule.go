// SPDX-License-Identifier: Apache-2.0

// Package rule turns rules files into resolved rules: lists, exceptions, macros, appends and
// overrides worked in, every problem reported with its place.
package rule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
	"github.com/gyrfalcon/gyrfalcon/internal/format"
)

// Source is one rules file.
type Source struct {
	Name    string
	Content []byte
	Err     error // why the file could not be read, nil if it could
}

// Options say how rules are loaded. The zero value loads rules of the source "syscall" against
// the built-in fields.
type Options struct {
	// Catalogue has the fields that conditions and outputs may name; nil means all built-in ones.
	Catalogue *field.Catalogue
	// Check checks a resolved condition; the error is a *filter.Error. nil means with
	// a filter.Compiler of its own over the catalogue.
	Check func(n syntax.Node, source string) ([]filter.Warning, error)
	// Sources are the event sources that exist; rules of others are left out. nil means "syscall".
	Sources []string
	// Plugins satisfy required_plugin_versions; nil means those that are built in.
	Plugins []Plugin
	// MinPriority leaves out rules of less weight; nil leaves out none.
	MinPriority *alert.Priority
	// Selection switches rules on and off, in order, whatever the files say.
	Selection []Selection
	// Append adds to the outputs of rules (append_output).
	Append []Addition
}

// Addition is one entry of append_output. Source, Tags and Rule restrict it to rules that have
// that source, all those tags and that name; empty ones do not restrict.
type Addition struct {
	Source string
	Tags   []string
	Rule   string

	Output    string       // added behind the output
	Fields    []FieldAdded // added to the JSON fields
	Suggested bool         // adds the fields that suggest themselves
}

// FieldAdded is an entry of the JSON fields: a field, or a key with a template for its text.
type FieldAdded struct {
	Key    string
	Format string // "" means that Key is a field, whose value keeps its type
}

// Set is what the rules files say.
type Set struct {
	// Rules are in the order of evaluation, those that are switched off included.
	Rules  []*Rule
	Macros []*Macro
	Lists  []*List
	// Problems are the problems of all files, each once.
	Problems []diag.Problem
	// IdleSelection and IdleAppend are the entries of Options.Selection and Options.Append that are
	// about no rule at all.
	IdleSelection, IdleAppend []int
	// Files are the results of the files in their order, as the reference reports them: the
	// problems of all rules loaded so far.
	Files []FileResult
	// Fatal says which plugin is missing; it outranks the problems. "" if none is.
	Fatal string
	// Engine is the highest version of the language that a file requires, "" if none does.
	Engine  string
	Plugins []Requirement
}

// FileResult is what was found while loading one file.
type FileResult struct {
	Name     string
	OK       bool
	Problems []Finding
	// Schema is what does not fit the published schema; it is only advice.
	Schema     []string
	SchemaRead bool // the file could be compared with the schema
}

// Rule is a rule ready for use.
type Rule struct {
	Name          string
	Desc          string
	Output        string // as written, appends included
	ConditionText string // as written, appends included; what CEL means in the rules language
	CEL           string // the condition as written in CEL, "" if it is not
	// Condition has lists, exceptions and macros resolved. Parts of it may be shared with other
	// rules; it must not be changed.
	Condition syntax.Node
	// OutputText is the output with what append_output adds; Template is the same, parsed.
	OutputText string
	Template   *format.Template
	// Fields are JSON fields that append_output adds.
	Fields []Field

	Priority        alert.Priority
	Source          string
	Tags            []string // sorted
	Enabled         bool
	Types           filter.EventSet
	Syscalls        filter.SyscallSet
	Capture         bool
	CaptureDuration uint32 // milliseconds; 0 means the configured default
	File            string
	Line            int // 1-based

	tree          syntax.Node // the condition with its macros by name
	exceptions    []*exception
	macros, lists []string // named by the condition
	// What the exceptions consist of, sorted.
	exceptionNames, exceptionFields, exceptionOperators []string
	lint                                                lintInfo
}

// Field is a JSON field that append_output adds: either a text made by a template, or the typed
// value of a field.
type Field struct {
	Key      string
	Template *format.Template
	Typed    bool // the template is a single field, whose value keeps its type
}

// Macro is a macro ready for use.
type Macro struct {
	Name          string
	ConditionText string
	CEL           string      // the condition as written in CEL, "" if it is not
	Condition     syntax.Node // resolved
	Used          bool
	File          string
	Line          int

	tree          syntax.Node // the condition with macros by name
	macros, lists []string
}

// List is a list ready for use.
type List struct {
	Name     string
	Items    []string // as written
	Compiled []string // names of lists replaced by their items
	Used     bool
	File     string
	Line     int

	lists []string
}

// builtinPlugins are the plugins whose fields are built in.
func (o *Options) builtinPlugins() []Plugin {
	plugins := []Plugin{{"container", "0.7.1"}}
	if o.Catalogue != nil && o.Catalogue.Lookup("k8smeta.pod.name") != nil {
		plugins = append(plugins, Plugin{"k8smeta", "0.4.1"})
	}
	return plugins
}

// knows reports whether an event source exists.
func (o *Options) knows(source string) bool { return slices.Contains(o.Sources, source) }

// complete fills in the defaults.
func (o *Options) complete() {
	if o.Catalogue == nil {
		o.Catalogue = field.Default()
	}
	if o.Sources == nil {
		o.Sources = []string{defaultSource}
	}
	if o.Plugins == nil {
		o.Plugins = o.builtinPlugins()
	}
	if o.Check == nil {
		compiler := filter.NewCompiler(o.Catalogue)
		o.Check = func(n syntax.Node, source string) ([]filter.Warning, error) {
			_, warnings, err := compiler.Compile(n, source)
			return warnings, err
		}
	}
}

// unknownField returns the field within an operand's text that does not exist, "" if all do. The
// text itself is returned if it is no operand.
func (o *Options) unknownField(text, source string) string {
	op, n, err := syntax.ParseOperand(text)
	if err != nil || n != len(text) {
		return text
	}
	unknown := ""
	syntax.WalkOperands(&syntax.Exists{Left: op}, func(op syntax.Operand) bool {
		if f, ok := op.(*syntax.Field); ok && unknown == "" {
			def, _, err := o.Catalogue.Resolve(f.Name, f.Arg, f.HasArg)
			if err != nil || def.Sources != "" && def.Sources != source {
				unknown = f.Name
			}
		}
		return true
	})
	return unknown
}

// suggestField finds the field that was probably meant.
func (o *Options) suggestField(name string) string {
	return diag.DidYouMean(name, names(o.Catalogue.All(), func(f *field.Field) string { return f.Name }))
}

// Load reads rules files, in order, and resolves them. It never panics; what is wrong stands in
// the result, which holds the rules that are right.
func Load(sources []Source, o Options) *Set {
	o.complete()
	c := newCollector(&o)
	set := &Set{}
	p := newPass(c)
	for _, src := range sources {
		f := newFile(src.Name, string(src.Content))
		r := &report{}
		result := FileResult{Name: src.Name}
		if src.Err != nil {
			r.fail(&fault{code: ErrFileRead, message: src.Err.Error(), place: f.root()})
		} else {
			c.read(f, r)
			result.Schema, result.SchemaRead = f.checkSchema()
		}
		if !r.failed {
			p.run(r)
		}
		result.OK, result.Problems = !r.failed, r.problems
		set.Files = append(set.Files, result)
	}
	set.fill(p)
	set.requirements(c)
	set.sumUp()
	applySelection(set, o.Selection)
	applyIdle(set, o.Append)
	return set
}

// fill takes over what the last pass made.
func (s *Set) fill(p *pass) {
	s.Rules = p.rules
	for _, m := range p.macros {
		s.Macros = append(s.Macros, &Macro{
			Name: m.name, ConditionText: m.cond.display(), CEL: m.cond.cel, Condition: m.tree, Used: m.used, File: m.place.file.name,
			Line: m.place.last().Line + 1, tree: m.raw, macros: m.direct, lists: m.lists,
		})
	}
	for _, l := range p.lists {
		s.Lists = append(s.Lists, &List{
			Name: l.name, Items: l.items, Compiled: l.compiled, Used: l.used, File: l.place.file.name,
			Line: l.place.last().Line + 1, lists: l.direct,
		})
	}
}

// requirements compares the plugins that the files need with those that there are.
func (s *Set) requirements(c *collector) {
	if c.hasEng {
		s.Engine = c.engine.String()
	}
	for _, r := range c.required {
		s.Plugins = append(s.Plugins, Requirement{Alternatives: r.Alternatives})
		if why := r.unmet(c.opts.Plugins); why != "" && s.Fatal == "" {
			s.Fatal = why
			f := unfit(r.place, why).finding(diag.Error, false)
			s.Problems = append(s.Problems, f.Problem)
		}
	}
}

// sumUp gathers the problems of all files. Every pass looks at all rules so far, therefore a
// problem can stand in several files' results.
func (s *Set) sumUp() {
	seen := map[string]bool{}
	for i, f := range s.Files {
		for _, p := range f.Problems {
			// What a file leaves unused may be used by a later one: the last pass knows.
			if (p.Code == WarnUnusedMacro || p.Code == WarnUnusedList) && i < len(s.Files)-1 {
				continue
			}
			key := p.String()
			if len(p.Context) > 1 {
				key += p.Context[1].ItemName
			}
			if !seen[key] {
				seen[key] = true
				s.Problems = append(s.Problems, p.Problem)
			}
		}
	}
}

// Err returns the first error of the set, nil if it can be used.
func (s *Set) Err() error {
	if s.Fatal != "" {
		return errors.New(s.Fatal)
	}
	errs := 0
	var first diag.Problem
	for _, p := range s.Problems {
		if p.Severity == diag.Error {
			if errs == 0 {
				first = p
			}
			errs++
		}
	}
	switch errs {
	case 0:
		return nil
	case 1:
		return errors.New(first.Text())
	}
	return fmt.Errorf("%s\n(and %d more errors)", first.Text(), errs-1)
}

// Rule returns the rule of that name, nil if there is none.
func (s *Set) Rule(name string) *Rule {
	i := slices.IndexFunc(s.Rules, func(r *Rule) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return s.Rules[i]
}

// fits reports whether an addition is meant for the rule of that source and name with these tags.
func (a *Addition) fits(source, name string, tags []string) bool {
	if a.Source != "" && a.Source != source || a.Rule != "" && a.Rule != name {
		return false
	}
	return !slices.ContainsFunc(a.Tags, func(tag string) bool { return !slices.Contains(tags, tag) })
}

// suggestion is what suggested_output adds for events of a source.
func (o *Options) suggestion(source string) string {
	var b strings.Builder
	for _, f := range o.Catalogue.All() {
		if f.Flags&field.FormatSuggested != 0 && (f.Sources == "" || f.Sources == source) {
			fmt.Fprintf(&b, " %s=%%%s", strings.ReplaceAll(f.Name, ".", "_"), f.Name)
		}
	}
	return b.String()
}
