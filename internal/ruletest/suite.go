// SPDX-License-Identifier: Apache-2.0

// Package ruletest tests rules without a kernel: files of tests say what happens on a machine, and
// which alerts that must raise or must not. Every event is encoded as a record and goes through the
// real state and engine.
package ruletest

import (
	"bytes"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// Suite is one file of tests.
type Suite struct {
	File string
	// Rules are the rule files under test, as written; none means those that belong to the file.
	Rules []word
	// Embedded asks for the rules that are part of the program.
	Embedded bool
	// MatchAll lets an event raise every rule that matches instead of the first one only.
	MatchAll bool
	Enable   []word // rules that are tested although they are switched off
	Machine  *machine
	Cases    []*Case

	r *reader
}

// Case is one test: what happens, and what has to come of it.
type Case struct {
	Name   string
	Line   int
	By     []word // the processes that act where an event names none
	Enable []word
	Events []*Event
	Expect []*Expectation
	// Forbid are rules that must not fire; ForbidAny forbids all that are not expected.
	Forbid    []word
	ForbidAny bool
	// Fields are values that stand for an event whose fields are given as they are.
	Fields []fieldValue
	// Capture is a file of recorded events.
	Capture word
	node    *yaml.Node
}

// Event is one thing that happens.
type Event struct {
	Name  word
	By    []word        // the event happens once for each; none: the case's
	As    word          // of spawn: the name of the new process
	After time.Duration // since the event before
	// Program is what spawn and the exec family start.
	Program *program
	Params  []entry
	Short   word // the only parameter that was given, without its name
}

// Expectation is an alert that a case must raise.
type Expectation struct {
	Rule   word
	Count  int // exactly so many; -1: at least one
	Fields []fieldValue
}

// fieldValue is a field as written, with its argument, and the text of its value.
type fieldValue struct {
	key   word
	value word
}

// IsTest reports whether a YAML file whose name ends as those of tests do holds tests rather than
// rules: it is a mapping where rules files are lists.
func IsTest(content []byte) bool {
	for line := range bytes.Lines(content) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 || line[0] == '#' || line[0] == ' ' || bytes.HasPrefix(line, []byte("---")) {
			continue
		}
		return line[0] != '-' && line[0] != '['
	}
	return false
}

// HasTestName reports whether a file is named as files of tests are.
func HasTestName(name string) bool {
	return strings.HasSuffix(name, "_test.yaml") || strings.HasSuffix(name, "_test.yml")
}

// Parse reads a file of tests. With problems the suite is not to be used; it never panics.
func Parse(file string, content []byte) (*Suite, []diag.Problem) {
	r := &reader{file: file, content: content}
	s := &Suite{File: file, Machine: standardMachine(), r: r}
	s.Machine.r = r
	root := r.document()
	if root == nil {
		return s, r.problems
	}
	r.keys(root, "a file of tests", map[string]func(*yaml.Node){
		"rules":    func(n *yaml.Node) { s.readRules(n) },
		"matching": func(n *yaml.Node) { s.MatchAll = s.matching(n) },
		"enable":   func(n *yaml.Node) { s.Enable = r.words(n, "enable") },
		"machine":  func(n *yaml.Node) { s.Machine.read(r, n) },
		"cases": func(n *yaml.Node) {
			for _, item := range r.items(n, "cases") {
				s.Cases = append(s.Cases, s.readCase(item))
			}
		},
	})
	if len(s.Cases) == 0 && len(r.problems) == 0 {
		r.bad(root, "add cases: with a list of tests", "the file has no cases")
	}
	s.check()
	return s, r.problems
}

// readRules reads which rules are tested.
func (s *Suite) readRules(n *yaml.Node) {
	for _, w := range s.r.words(n, "rules") {
		switch w.Text {
		case "embedded":
			s.Embedded = true
		case "":
			s.r.bad(w.node, "", "the name of a rules file is empty")
		default:
			s.Rules = append(s.Rules, w)
		}
	}
}

// matching reads whether all matching rules fire.
func (s *Suite) matching(n *yaml.Node) bool {
	w := s.r.word(n, "matching")
	if w.Text != "first" && w.Text != "all" {
		s.r.bad(n, "", "matching must be first or all, not %q", w.Text)
	}
	return w.Text == "all"
}

// readCase reads one case.
func (s *Suite) readCase(n *yaml.Node) *Case {
	r, c := s.r, &Case{node: n, Line: n.Line}
	asked := false
	r.keys(n, "a case", map[string]func(*yaml.Node){
		"name":   func(n *yaml.Node) { c.Name = r.word(n, "name").Text },
		"by":     func(n *yaml.Node) { c.By = r.words(n, "by") },
		"enable": func(n *yaml.Node) { c.Enable = r.words(n, "enable") },
		"events": func(n *yaml.Node) {
			for _, item := range r.items(n, "events") {
				c.Events = append(c.Events, readEvent(r, item))
			}
		},
		"expect": func(n *yaml.Node) {
			asked = true
			c.Expect = readExpectations(r, n)
		},
		"forbid": func(n *yaml.Node) {
			asked = true
			for _, w := range r.words(n, "forbid") {
				if w.Text == "any" {
					c.ForbidAny = true
				} else {
					c.Forbid = append(c.Forbid, w)
				}
			}
		},
		"fields":  func(n *yaml.Node) { c.Fields = readFields(r, n, "fields") },
		"capture": func(n *yaml.Node) { c.Capture = r.word(n, "capture") },
	})
	if n.Kind != yaml.MappingNode {
		return c
	}
	if c.Name == "" {
		r.bad(n, "", "a case needs a name")
	}
	if !asked {
		r.bad(n, "add expect: or forbid: with names of rules", "the case expects nothing and forbids nothing")
	}
	kinds := 0
	for _, given := range []bool{len(c.Events) > 0, len(c.Fields) > 0, c.Capture.node != nil} {
		if given {
			kinds++
		}
	}
	if kinds != 1 && len(r.problems) == 0 {
		r.bad(n, "", "a case has either events, fields or a capture")
	}
	return c
}

// readExpectations reads the alerts that a case must raise: names of rules, or mappings that say
// more.
func readExpectations(r *reader, n *yaml.Node) (out []*Expectation) {
	n = r.deref(n)
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode || isNull(n) {
		nodes = r.items(n, "expect")
	}
	for _, item := range nodes {
		e := &Expectation{Count: -1}
		if item.Kind == yaml.ScalarNode {
			e.Rule = word{item.Value, item}
		} else {
			r.keys(item, "an expected alert", map[string]func(*yaml.Node){
				"rule": func(n *yaml.Node) { e.Rule = r.word(n, "rule") },
				"count": func(n *yaml.Node) {
					if e.Count = int(r.number(n, "count")); e.Count < 0 {
						r.bad(n, "", "count must not be negative")
					}
				},
				"output": func(n *yaml.Node) { e.Fields = readFields(r, n, "output") },
			})
			if e.Rule.node == nil {
				r.bad(item, "", "an expected alert needs the name of its rule")
			}
		}
		out = append(out, e)
	}
	return out
}

// readFields reads fields with their values.
func readFields(r *reader, n *yaml.Node, what string) (out []fieldValue) {
	for _, e := range r.entries(n, what) {
		v := fieldValue{key: e.key}
		if e.value.Kind == yaml.SequenceNode {
			// A list stands for its printed form.
			var texts []string
			for _, w := range r.words(e.value, what) {
				texts = append(texts, w.Text)
			}
			v.value = word{"(" + strings.Join(texts, ",") + ")", e.value}
		} else {
			v.value = r.word(e.value, "the value of "+e.key.Text)
		}
		out = append(out, v)
	}
	return out
}

// The keys of an event beside its name.
var eventKeys = []string{"by", "as", "after"}

// readEvent reads one event: its name with its parameters, and who does it when.
func readEvent(r *reader, n *yaml.Node) *Event {
	e := &Event{}
	if n.Kind == yaml.ScalarNode {
		e.Name = word{n.Value, n}
		e.readName(r, nil)
		return e
	}
	var value *yaml.Node
	for _, k := range r.entries(n, "an event") {
		switch k.key.Text {
		case "by":
			e.By = r.words(k.value, "by")
		case "as":
			e.As = r.word(k.value, "as")
		case "after":
			e.After = r.duration(k.value, "after")
		default:
			if e.Name.node != nil {
				r.bad(k.key.node, diag.DidYouMean(k.key.Text, eventKeys), "an event has one name, here are %q and %q", e.Name.Text, k.key.Text)
				continue
			}
			e.Name, value = k.key, k.value
		}
	}
	if e.Name.node == nil {
		if n.Kind == yaml.MappingNode {
			r.bad(n, "write open: {name: /etc/passwd}", "an event needs a name")
		}
		e.Name = word{"", n}
		return e
	}
	e.readName(r, value)
	return e
}

// readName reads the parameters of an event whose name is known; value may be nil.
func (e *Event) readName(r *reader, value *yaml.Node) {
	info, _ := eventOf(e.Name.Text)
	switch {
	case info == nil:
		r.unknown(e.Name, "event", eventNames())
		return
	case e.starts():
		e.Program = &program{node: e.Name.node}
		if value != nil && !isNull(value) {
			e.Program.read(r, value, e)
		}
		return
	case value == nil || isNull(value):
		return
	case value.Kind == yaml.ScalarNode:
		e.Short = word{value.Value, value}
	default:
		e.Params = r.entries(value, "the parameters of "+e.Name.Text)
	}
	checkParams(r, info, e)
}

// starts reports whether the event starts a program.
func (e *Event) starts() bool {
	return e.Name.Text == spawn || e.Name.Text == "execve" || e.Name.Text == "execveat"
}
