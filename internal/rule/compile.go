// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
	"github.com/gyrfalcon/gyrfalcon/internal/format"
)

// allVisible lets a condition see every macro.
const allVisible = math.MaxInt

// compiledList is a list while a pass resolves it.
type compiledList struct {
	*list
	compiled []string
	text     string // what stands in the place of the name
	used     bool
	inLists  bool     // another list or a macro names it
	direct   []string // lists that it names
}

// pass resolves everything collected so far. The reference does so after every file, so that a
// mistake is told of the file that brought it; results are kept from pass to pass.
type pass struct {
	c      *collector
	report *report
	lists  []*compiledList
	listBy map[string]*compiledList
	// order are the places of the lists whose names are single words; odd are those of the others.
	order  map[string]int
	odd    []int
	macros []*macroTree
	byName map[string]*macroTree
	rules  []*Rule
	// parsed and checked remember by text what needs not be done again.
	parsed  map[string]parsed
	checked map[string]checked
	outputs map[string]output
	// expanded and resolved hold as long as lists and macros stay as they are.
	edits    int
	expanded map[string]expanded
	resolved map[string]resolved
}

// expanded is a text whose lists are replaced.
type expanded struct {
	text  string
	lists []string
}

// resolved is a condition whose macros are replaced.
type resolved struct {
	tree  syntax.Node
	nodes int
	found []*macroTree
	key   string // names the tree among those that were checked
}

// parsed is a condition that was parsed.
type parsed struct {
	tree syntax.Node
	err  error
}

// checked is a condition that was checked.
type checked struct {
	warnings []filter.Warning
	err      error
	types    filter.EventSet
	syscalls filter.SyscallSet
	own      int // event types of the condition alone
}

// output is an output that was parsed.
type output struct {
	template *format.Template
	err      error
}

// newPass returns a pass over what c collects.
func newPass(c *collector) *pass {
	return &pass{c: c, parsed: map[string]parsed{}, checked: map[string]checked{}, outputs: map[string]output{}}
}

// run resolves lists, macros and rules and reports to r.
func (p *pass) run(r *report) {
	p.report = r
	p.refresh()
	p.rules = nil
	for _, d := range p.c.rules {
		if d.unknownSource || p.c.opts.MinPriority != nil && d.priority > *p.c.opts.MinPriority {
			continue
		}
		rule, err := p.rule(d)
		if err != nil {
			r.fail(asFault(err, d.place))
		}
		if rule != nil {
			p.rules = append(p.rules, rule)
		}
	}
	if r.failed {
		return // what is unused cannot be told as long as rules are missing
	}
	for _, m := range p.macros {
		if !m.used {
			r.warn(&fault{code: WarnUnusedMacro, message: "Macro not referred to by any other rule/macro", place: m.place})
		}
	}
	for _, l := range p.lists {
		if !l.used {
			r.warn(&fault{code: WarnUnusedList, message: "List not referred to by any other rule/macro", place: l.place})
		}
	}
}

// refresh resolves lists and macros anew, if one was changed or is broken.
func (p *pass) refresh() {
	broken := slices.ContainsFunc(p.macros, func(m *macroTree) bool { return m.tree == nil })
	if p.edits == p.c.edits && p.expanded != nil && !broken {
		for _, l := range p.lists {
			l.used = l.inLists
		}
		for _, m := range p.macros {
			m.used = m.inMacros
		}
		return
	}
	p.edits, p.expanded, p.resolved = p.c.edits, map[string]expanded{}, map[string]resolved{}
	p.compileLists()
	p.parseMacros()
	p.resolveMacros()
	for _, l := range p.lists {
		l.inLists = l.used
	}
	for _, m := range p.macros {
		m.inMacros = m.used
	}
}

// compileLists replaces the names of lists within lists by their items, one level deep.
func (p *pass) compileLists() {
	p.lists = nil
	used := map[string]bool{}
	for _, l := range p.c.lists {
		out := &compiledList{list: l}
		for _, item := range l.items {
			if other := p.c.listBy[item]; other != nil && other.index < l.visibility {
				used[item] = true
				out.direct = append(out.direct, item)
				out.compiled = append(out.compiled, other.items...)
				continue
			}
			out.compiled = append(out.compiled, item)
		}
		out.direct = sortedSet(out.direct)
		out.text = joinItems(out.compiled)
		p.lists = append(p.lists, out)
	}
	p.listBy, p.order, p.odd = map[string]*compiledList{}, map[string]int{}, nil
	for i, l := range p.lists {
		l.used = used[l.name]
		p.listBy[l.name] = l
		if strings.ContainsAny(l.name, delimiters) {
			p.odd = append(p.odd, i)
		} else {
			p.order[l.name] = i
		}
	}
}

// expand replaces the names of lists in a condition, in the order of the lists. Only those are tried
// whose name is a word of the text, or of what a list before it brought in.
func (p *pass) expand(text string, track bool) (*expansion, []string) {
	x := newExpansion(text, track)
	var found []string
	todo := p.listsIn(slices.Clone(p.odd), text, -1)
	for len(todo) > 0 {
		at := slices.Min(todo)
		todo = slices.DeleteFunc(todo, func(i int) bool { return i == at })
		l := p.lists[at]
		if x.replace(l.name, l.text, len(l.compiled) == 0) {
			found = append(found, l.name)
			todo = p.listsIn(todo, l.text, at)
		}
	}
	return x, found
}

// listsIn adds the places of the lists behind the given one whose names are words of a text.
func (p *pass) listsIn(places []int, text string, behind int) []int {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(delimiters, r) }) {
		if i, ok := p.order[word]; ok && i > behind {
			places = append(places, i)
		}
	}
	return places
}

// expandOnce is expand for a text that may have been expanded before.
func (p *pass) expandOnce(text string) (string, []string) {
	done, ok := p.expanded[text]
	if !ok {
		x, lists := p.expand(text, false)
		done = expanded{x.text, lists}
		p.expanded[text] = done
	}
	for _, name := range done.lists {
		p.listBy[name].used = true
	}
	return done.text, done.lists
}

// parse parses a condition whose lists are replaced.
func (p *pass) parse(text string) parsed {
	if done, ok := p.parsed[text]; ok {
		return done
	}
	tree, err := syntax.Parse(text)
	done := parsed{tree, err}
	p.parsed[text] = done
	return done
}

// parseMacros parses the conditions of all macros.
func (p *pass) parseMacros() {
	p.macros, p.byName = nil, map[string]*macroTree{}
	for _, m := range p.c.macros {
		m.cond.full, m.cond.lead = m.cond.text, 0
		text, lists := p.expandOnce(m.cond.text)
		t := &macroTree{macro: m, lists: lists}
		done := p.parse(text)
		if done.err != nil {
			p.report.fail(p.syntaxFault(done.err, text, &m.cond))
		} else {
			t.tree, t.raw, t.direct = done.tree, done.tree, idents(done.tree)
			if f := p.unknownList(&m.cond, m.place); f != nil {
				p.report.fail(f)
				t.tree = nil
			}
		}
		p.macros = append(p.macros, t)
		p.byName[m.name] = t
	}
}

// resolveMacros replaces macros within macros.
func (p *pass) resolveMacros() {
	for _, m := range p.macros {
		if m.tree == nil {
			continue
		}
		done, err := p.resolve(m.tree, m.cond.text, m.visibility, m.place, &m.cond)
		if err != nil {
			p.report.fail(asFault(err, m.place))
		}
		m.tree, m.nodes, m.resolved = done.tree, done.nodes, true // nil if broken
		use(done.found)
	}
}

// resolve replaces the macros of a condition. The tree is nil, without an error, if a macro is
// broken whose error is already reported.
func (p *pass) resolve(n syntax.Node, text string, visible int, at place, cond *condition) (resolved, error) {
	r := &resolver{macros: p.byName, visible: visible}
	tree, size := r.resolve(n)
	if r.loop != nil || r.unknown != nil {
		message, id := "", r.loop
		hint := ""
		if id != nil {
			message = "reference loop in macro '" + id.Name + "'"
		} else {
			id = r.unknown
			message = "Undefined macro '" + id.Name + "' used in filter."
			hint = p.suggestMacro(id, visible, cond)
		}
		f := p.exprFault(ErrValidate, message, at, text, id.Pos, cond)
		f.hint, f.len = hint, len(id.Name)
		return resolved{}, f
	}
	switch {
	case r.broken:
		return resolved{}, nil
	case r.tooBig:
		return resolved{}, unfit(at, "condition is too large once its macros are replaced")
	}
	return resolved{tree: tree, nodes: size, found: r.found}, nil
}

// use marks macros as used.
func use(all []*macroTree) {
	for _, m := range all {
		m.used = true
	}
}

// suggestMacro explains an unknown macro.
func (p *pass) suggestMacro(id *syntax.Ident, visible int, cond *condition) string {
	if m := p.byName[id.Name]; m != nil && m.index >= visible {
		return "macro " + id.Name + " is defined further down; a macro sees only those above it"
	}
	x, _ := p.expand(cond.full, true)
	written := cond.full[min(x.origin(id.Pos.Offset), len(cond.full)):]
	written = written[:len(written)-len(strings.TrimLeftFunc(written, func(r rune) bool { return !strings.ContainsRune(delimiters, r) }))]
	if p.c.listBy[written] != nil {
		return written + " is a list, which stands in parentheses: in (" + written + ")"
	}
	return diag.DidYouMean(id.Name, names(p.macros, func(m *macroTree) string { return m.name }))
}

// exprFault is a problem at a position of an expanded condition. The text names the condition;
// the reference uses the one before lists are replaced, but for syntax errors.
func (p *pass) exprFault(code, message string, at place, text string, pos syntax.Pos, cond *condition) *fault {
	f := &fault{code: code, message: message, alt: &excerpt{text, pos.Offset}}
	f.place = at.expr(text, pos.Line, pos.Col, pos.Offset, at.at)
	f.place.file, f.place.at = p.locate(cond, pos.Offset)
	return f
}

// syntaxFault is a condition's syntax error.
func (p *pass) syntaxFault(err error, expanded string, cond *condition) *fault {
	var e *syntax.Error
	if !errors.As(err, &e) {
		e = &syntax.Error{Pos: syntax.Pos{Line: 1, Col: 1}, Msg: err.Error()}
	}
	return p.exprFault(ErrCompileCondition, e.Msg, cond.place, expanded, e.Pos, cond)
}

// locate finds the place in the file that an offset of the expanded condition came from.
func (p *pass) locate(cond *condition, offset int) (*file, int) {
	x, _ := p.expand(cond.full, true)
	at := x.origin(offset) - cond.lead
	if at < 0 || at > len(cond.text) {
		at = 0
	}
	best := cond.parts[0]
	for _, part := range cond.parts {
		if part.start <= at {
			best = part
		}
	}
	return best.file, best.file.inside(best.node, best.node.Value, best.written(at-best.start))
}

// rule resolves one rule. Without an error the result may be nil: the rule is left out.
func (p *pass) rule(d *draft) (*Rule, error) {
	output := p.baseOutput(d)
	text, err := expandExceptions(d.cond.text, d.exceptions)
	if err != nil {
		return nil, err
	}
	d.cond.full, d.cond.lead = text, 0
	if len(d.exceptions) > 0 {
		d.cond.lead = 1
	}
	inner, lists := p.expandOnce(text)
	done := p.parse(inner)
	if done.err != nil {
		return nil, p.syntaxFault(done.err, inner, &d.cond)
	}
	if f := p.unknownList(&d.cond, d.place); f != nil {
		return nil, f
	}
	whole, ok := p.resolved[inner]
	if !ok {
		if whole, err = p.resolve(done.tree, text, allVisible, d.place, &d.cond); err != nil || whole.tree == nil {
			return nil, err
		}
		whole.key = syntax.Print(whole.tree)
		p.resolved[inner] = whole
	}
	use(whole.found)
	r := &Rule{
		Name: d.name, Desc: d.desc, Output: d.output, ConditionText: d.cond.display(), CEL: d.cond.cel, Condition: whole.tree, Priority: d.priority,
		Source: d.source, Tags: d.tags, Enabled: d.enabled, Capture: d.capture, CaptureDuration: d.captureDuration,
		File: d.place.file.name, Line: d.place.last().Line + 1,
		OutputText: output, tree: done.tree, exceptions: d.exceptions, macros: idents(done.tree), lists: lists,
	}
	r.exceptionNames, r.exceptionFields, r.exceptionOperators = summarise(d.exceptions)
	r.lint = lintInfoOf(d)
	p.warnSuspects(d, whole.tree, text)
	p.notePrecedence(d)
	ok, err = p.output(d, r)
	if err != nil || !ok {
		return nil, err
	}
	ok, err = p.check(d, r, text, whole.key)
	if err != nil || !ok {
		return nil, err
	}
	return r, nil
}

// tooManyTypes is the number of event types from which a rule is slow.
const tooManyTypes = 100

// check checks a rule's condition against the fields and notes its event types. It reports false
// if the rule is to be left out.
func (p *pass) check(d *draft, r *Rule, text, key string) (bool, error) {
	done := p.checkTree(r, key)
	if done.err != nil {
		return false, p.checkFault(d, r, text, done.err)
	}
	for _, w := range done.warnings {
		f := p.exprFault(w.Code, w.Msg, d.cond.place, text, w.Pos, &d.cond)
		f.hint = w.Hint
		p.report.warn(f)
	}
	r.Types, r.Syscalls = done.types, done.syscalls
	if d.source == defaultSource && d.warnTypes && (done.own == 0 || done.own > tooManyTypes) {
		p.report.warn(&fault{
			code: WarnNoEventType, place: d.place, hint: "begin the condition with evt.type in (...)",
			message: "Rule matches too many evt.type values. This has a significant performance penalty.",
		})
	}
	return true, nil
}

// checkTree checks a resolved condition, which the key names, once.
func (p *pass) checkTree(r *Rule, key string) checked {
	key = r.Source + "\x00" + key
	if done, ok := p.checked[key]; ok {
		return done
	}
	var done checked
	if done.warnings, done.err = p.c.opts.Check(r.Condition, r.Source); done.err == nil {
		done.types, done.syscalls, done.err = filter.EventTypes(r.Condition, r.Source)
		if own, _, err := filter.ConditionTypes(r.Condition); err == nil {
			done.own = own.Len()
		}
	}
	p.checked[key] = done
	return done
}

// checkFault reports a condition that does not fit the fields. A rule may ask to be left out
// instead, if a field or an event type is unknown.
func (p *pass) checkFault(d *draft, r *Rule, text string, err error) error {
	var e *filter.Error
	if !errors.As(err, &e) {
		e = &filter.Error{Pos: syntax.Pos{Line: 1, Col: 1}, Msg: err.Error()}
	}
	f := p.exprFault(ErrCompileCondition, e.Msg, d.cond.place, text, e.Pos, &d.cond)
	f.hint = e.Hint
	if e.At.Line > 0 { // people are shown the very part that is wrong
		f.place.file, f.place.at = p.locate(&d.cond, e.At.Offset)
	}
	if m, inner := p.culprit(r.macros, r.Source, e); m != nil {
		at := inner.Pos
		if inner.At.Line > 0 {
			at = inner.At
		}
		f.place.file, f.place.at = p.locate(&m.cond, at.Offset)
		f.hint = strings.TrimPrefix(f.hint+"; it stands in macro "+m.name, "; ")
	}
	if e.Unknown && d.skipUnknown {
		f.code = WarnUnknownFilter
		p.report.warn(f)
		return nil
	}
	return f
}

// culprit finds the macro, among those that a condition names and those that they name, whose own
// condition has the mistake; nil if it is none of them.
func (p *pass) culprit(macros []string, source string, e *filter.Error) (*macroTree, *filter.Error) {
	for _, name := range macros {
		m := p.byName[name]
		if m == nil || m.tree == nil {
			continue
		}
		_, err := p.c.opts.Check(m.tree, source)
		var same *filter.Error
		if !errors.As(err, &same) || same.Msg != e.Msg || same.Pos != e.Pos {
			continue
		}
		if deeper, at := p.culprit(m.direct, source, e); deeper != nil {
			return deeper, at
		}
		return m, same
	}
	return nil, nil
}
