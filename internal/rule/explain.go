// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// Explanation says what a rule does, for people.
type Explanation struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	File        string   `json:"file"`
	Line        int      `json:"line"`
	Priority    string   `json:"priority"`
	Source      string   `json:"source"`
	Enabled     bool     `json:"enabled"`
	Tags        []string `json:"tags"`
	CEL         string   `json:"cel,omitempty"`
	Condition   string   `json:"condition"` // resolved, on one line
	// Cost is what testing an event costs on average, in nanoseconds, if nothing is known of it from
	// other rules.
	Cost float64 `json:"estimated_cost_ns"`
	Tree *Part   `json:"tree"`
	// Events are the types that the rule is tested for; AllEvents says that it names none.
	Events    []string `json:"events"`
	AllEvents bool     `json:"all_events"`
	// Syscalls are the calls that the kernel reports for the rule. IOWatched are those of plain input
	// and output among them, which are many; IOIgnored those that are not watched by default.
	Syscalls     []string           `json:"syscalls"`
	IOWatched    []string           `json:"io_syscalls_watched"`
	IOIgnored    []string           `json:"io_syscalls_ignored"`
	Fields       []FieldNote        `json:"fields"`
	Output       string             `json:"output"`
	OutputFields []FieldNote        `json:"output_fields"`
	Exceptions   []ExceptionSummary `json:"exceptions"`
}

// Part is a part of a condition.
type Part struct {
	Kind string `json:"kind"` // all, any, not, macro, test
	// Text is the test, or the macro's name.
	Text string `json:"text,omitempty"`
	// File and Line are where the macro is defined.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Exception is the exception that the part was made of.
	Exception string  `json:"exception,omitempty"`
	Cost      float64 `json:"estimated_cost_ns"`
	// Places is in how many places of the enabled rules the same test stands, if in more than one.
	Places int  `json:"shared_by,omitempty"`
	Once   bool `json:"once_per_event,omitempty"`
	// Always is "true" or "false" if the part is constant.
	Always string  `json:"always,omitempty"`
	Parts  []*Part `json:"parts,omitempty"`
}

// FieldNote is a field that a rule uses.
type FieldNote struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Doc     string `json:"doc"`
	Missing string `json:"no_value,omitempty"` // when it has no value; "" if it always has one
}

// ExceptionSummary is an exception of a rule.
type ExceptionSummary struct {
	Name   string   `json:"name"`
	Fields []string `json:"fields"`
	Comps  []string `json:"comps"`
	Values int      `json:"values"`
}

// Explainer explains the rules of a set.
type Explainer struct {
	set      *Set
	cat      *field.Catalogue
	compiler *filter.Compiler
	macros   map[string]*Macro
	trees    map[string]*macroTree // the same, for resolving
	// IO tells which of the calls that a rule needs are plain input and output, and which of those
	// are watched by default; nil tells of none.
	IO func(calls filter.SyscallSet) (watched, ignored filter.SyscallSet)
}

// NewExplainer returns an explainer for a set that can be used. It compiles the enabled rules, so that
// costs are those of the whole.
func NewExplainer(s *Set, cat *field.Catalogue) *Explainer {
	x := &Explainer{set: s, cat: cat, compiler: filter.NewCompiler(cat), macros: map[string]*Macro{}, trees: map[string]*macroTree{}}
	for _, m := range s.Macros {
		x.macros[m.Name] = m
		x.trees[m.Name] = &macroTree{macro: &macro{name: m.Name}, tree: m.Condition, resolved: true}
	}
	for _, r := range s.Rules {
		if r.Enabled {
			x.compiler.Compile(r.Condition, r.Source) // was compiled before: it is right
		}
	}
	return x
}

// errNoTree is about a rule that loading did not make.
var errNoTree = errors.New("the rule was not loaded from a file")

// Explain explains the rule of that name.
func (x *Explainer) Explain(name string) (*Explanation, error) {
	r := x.set.Rule(name)
	if r == nil {
		return nil, fmt.Errorf("rule %q is not defined", name)
	}
	if r.tree == nil {
		return nil, errNoTree
	}
	cost, err := x.compiler.Estimate(r.Condition, r.Source)
	if err != nil {
		return nil, err
	}
	types, _, err := filter.ConditionTypes(r.Condition)
	if err != nil {
		return nil, err
	}
	e := &Explanation{
		Name: r.Name, Description: strings.TrimSpace(r.Desc), File: r.File, Line: r.Line, Priority: r.Priority.String(), Source: r.Source,
		Enabled: r.Enabled, Tags: filled(r.Tags), CEL: r.CEL, Condition: syntax.Print(r.Condition), Cost: cost.Cost,
		Tree: x.part(r.tree, r.Source), Events: eventNames(types), AllEvents: types == filter.AllEvents(),
		Syscalls: syscallNames(r.Syscalls), IOWatched: []string{}, IOIgnored: []string{},
		Fields: x.conditionFields(r), Output: r.OutputText, OutputFields: x.outputFields(r), Exceptions: []ExceptionSummary{},
	}
	if x.IO != nil && r.Source == defaultSource {
		watched, ignored := x.IO(r.Syscalls)
		e.IOWatched, e.IOIgnored = syscallNames(watched), syscallNames(ignored)
	}
	x.exceptions(r, e)
	return e, nil
}

// part explains a part of a condition.
func (x *Explainer) part(n syntax.Node, source string) *Part {
	p := &Part{}
	switch n := n.(type) {
	case *syntax.And:
		p.Kind = "all"
		p.Parts = x.parts(n.Children, source)
	case *syntax.Or:
		p.Kind = "any"
		p.Parts = x.parts(n.Children, source)
	case *syntax.Not:
		p.Kind = "not"
		p.Parts = x.parts([]syntax.Node{n.Child}, source)
	case *syntax.Ident:
		p.Kind, p.Text = "macro", n.Name
		if m := x.macros[n.Name]; m != nil {
			p.File, p.Line = m.File, m.Line
			p.Parts = x.parts([]syntax.Node{m.tree}, source)
		}
	default:
		p.Kind, p.Text = "test", shortened(syntax.Print(n))
	}
	if estimate, err := x.compiler.Estimate(x.resolved(n), source); err == nil {
		p.Cost, p.Once = estimate.Cost, estimate.Once
		if estimate.Places > 1 {
			p.Places = estimate.Places
		}
		if estimate.Constant {
			p.Always = fmt.Sprint(estimate.Value)
		}
	}
	return p
}

// parts explains several parts.
func (x *Explainer) parts(nodes []syntax.Node, source string) []*Part {
	parts := make([]*Part, len(nodes))
	for i, n := range nodes {
		parts[i] = x.part(n, source)
	}
	return parts
}

// resolved replaces macros by what they stand for.
func (x *Explainer) resolved(n syntax.Node) syntax.Node {
	r := &resolver{macros: x.trees, visible: allVisible}
	out, _ := r.resolve(n)
	return out
}

// exceptions explains the exceptions: those with values are the last parts of the condition.
func (x *Explainer) exceptions(r *Rule, e *Explanation) {
	var filledIn []string
	for _, ex := range r.exceptions {
		e.Exceptions = append(e.Exceptions, ExceptionSummary{
			Name: ex.name, Fields: filled(ex.fields.texts(nil)), Comps: filled(ex.comps.texts(nil)), Values: len(ex.values),
		})
		if len(ex.values) > 0 {
			filledIn = append(filledIn, ex.name)
		}
	}
	parts := e.Tree.Parts
	if e.Tree.Kind != "all" || len(parts) <= len(filledIn) {
		return
	}
	for i, name := range filledIn {
		if p := parts[len(parts)-len(filledIn)+i]; p.Kind == "not" {
			p.Exception = name
		}
	}
}

// maxTest is how much of a test is shown.
const maxTest = 160

// shortened cuts a long test, such as one with a long list.
func shortened(text string) string {
	if len(text) <= maxTest {
		return text
	}
	return strings.ToValidUTF8(text[:maxTest-4], "") + " …)"
}

// conditionFields describes the fields of a rule's condition.
func (x *Explainer) conditionFields(r *Rule) []FieldNote {
	notes := []FieldNote{}
	syntax.WalkOperands(r.Condition, func(o syntax.Operand) bool {
		if f, ok := o.(*syntax.Field); ok {
			name := syntax.PrintOperand(f)
			if def, _, err := x.cat.Resolve(f.Name, f.Arg, f.HasArg); err == nil {
				notes = addNote(notes, name, def)
			}
		}
		return true
	})
	slices.SortFunc(notes, func(a, b FieldNote) int { return strings.Compare(a.Name, b.Name) })
	return notes
}

// outputFields describes the fields of a rule's output, in its order.
func (x *Explainer) outputFields(r *Rule) []FieldNote {
	notes := []FieldNote{}
	if r.Template != nil {
		for _, t := range r.Template.Tokens() {
			notes = addNote(notes, t.Key, t.Field)
		}
	}
	return notes
}

// addNote adds a field once.
func addNote(notes []FieldNote, name string, f *field.Field) []FieldNote {
	if slices.ContainsFunc(notes, func(n FieldNote) bool { return n.Name == name }) {
		return notes
	}
	return append(notes, FieldNote{Name: name, Type: field.TypeName(f.Type), Doc: f.Doc, Missing: missingWhen(f)})
}

// syscallNames lists system calls by name.
func syscallNames(s filter.SyscallSet) []string {
	names := []string{}
	for code := range s.All() {
		names = append(names, event.SyscallByCode(code).Name)
	}
	slices.Sort(names)
	return names
}
