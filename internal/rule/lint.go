// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// The codes of lints: the rules load, and do something else than their author thinks. Loading does
// not tell them, so that its result stays that of the reference.
const (
	LintAlwaysFalse     = "GYR_ALWAYS_FALSE"
	LintAlwaysTrue      = "GYR_ALWAYS_TRUE"
	LintShadowed        = "GYR_SHADOWED"
	LintMissingField    = "GYR_MISSING_FIELD"
	LintUnusedException = "GYR_UNUSED_EXCEPTION"
)

// lintInfo is what lints need to know of a rule beyond its result.
type lintInfo struct {
	place place
	idle  []*exception // without values
}

// lintInfoOf collects it.
func lintInfoOf(d *draft) lintInfo {
	info := lintInfo{place: d.place}
	for _, e := range d.exceptions {
		if len(e.values) == 0 {
			info.idle = append(info.idle, e)
		}
	}
	return info
}

// linter looks through a set of rules.
type linter struct {
	cat      *field.Catalogue
	problems []diag.Problem
}

// Lint looks for rules that do something else than they were probably meant to. The set must have
// been loaded without errors; cat has its fields.
func (s *Set) Lint(cat *field.Catalogue) []diag.Problem {
	l := &linter{cat: cat}
	for i := range s.Files {
		for _, p := range s.Files[i].Problems {
			if p.Code == NotePrecedence {
				p.Severity = diag.Warning
				l.add(p.Problem)
			}
		}
	}
	known := make([]*facts, len(s.Rules)) // nil for conditions that never hold
	for i, r := range s.Rules {
		known[i] = l.condition(r)
		if known[i] != nil {
			l.missingField(r, known[i])
		}
		for _, e := range r.lint.idle {
			l.warn(LintUnusedException, e.place, "give it values here or in a file that is loaded later, or leave it out",
				"exception %q of rule %q has no values anywhere", e.name, r.Name)
		}
	}
	for j, later := range s.Rules {
		if known[j] == nil || !later.Enabled {
			continue
		}
		for _, earlier := range s.Rules[:j] {
			if l.shadows(earlier, later, known[j]) {
				l.warn(LintShadowed, later.lint.place, "move it before the other rule, or make the other rule's condition narrower",
					"rule %q never fires: whenever its condition holds, so does that of rule %q, which stands before it (but with rule_matching: all)",
					later.Name, earlier.Name)
				break
			}
		}
	}
	slices.SortStableFunc(l.problems, func(a, b diag.Problem) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	return l.problems
}

// warn notes a finding.
func (l *linter) warn(code string, at place, hint, format string, args ...any) {
	f := (&fault{code: code, place: at, hint: hint, message: fmt.Sprintf(format, args...)}).finding(diag.Warning, true)
	l.add(f.Problem)
}

// add notes a finding once.
func (l *linter) add(p diag.Problem) {
	if !slices.ContainsFunc(l.problems, func(o diag.Problem) bool { return o.String() == p.String() }) {
		l.problems = append(l.problems, p)
	}
}

// condition looks whether a condition is constant. It returns what is known where it holds, nil if
// it never does.
func (l *linter) condition(r *Rule) *facts {
	if types, _, err := filter.ConditionTypes(r.Condition); err == nil && types.Empty() && r.Source == defaultSource {
		l.warn(LintAlwaysFalse, r.lint.place, "", "the condition of rule %q can never hold: there is no type of event that it allows", r.Name)
		return nil
	}
	holds := newFacts(l.cat)
	if !holds.assume(r.Condition, true) || !holds.settle(splitDepth) {
		l.warn(LintAlwaysFalse, r.lint.place, "", "the condition of rule %q can never hold: %s", r.Name, holds.conflict)
		return nil
	}
	fails := newFacts(l.cat)
	if !fails.assume(r.Condition, false) || !fails.settle(splitDepth) {
		l.warn(LintAlwaysTrue, r.lint.place, "", "the condition of rule %q holds for every event", r.Name)
	}
	return holds
}

// shadows reports whether earlier holds whenever later does.
func (l *linter) shadows(earlier, later *Rule, known *facts) bool {
	if !earlier.Enabled || earlier.Source != later.Source || !later.Types.Minus(earlier.Types).Empty() {
		return false
	}
	return known.implies(earlier.Condition)
}

// missingField looks for "not field …" where nothing else makes sure that the event has the field:
// the test then holds for all events that have not.
func (l *linter) missingField(r *Rule, known *facts) {
	if r.Source != defaultSource {
		return
	}
	and, ok := r.Condition.(*syntax.And)
	if !ok {
		return
	}
	for _, c := range conjuncts(nil, and) {
		not, ok := c.(*syntax.Not)
		if !ok {
			continue
		}
		cmp, ok := not.Child.(*syntax.Compare)
		if !ok {
			continue
		}
		name, lacks := l.often(cmp.Left)
		if lacks == nil || tested(r.Condition, cmp.Left) {
			continue
		}
		if lacking := without(r.Types, lacks); lacking != "" {
			l.warn(LintMissingField, r.lint.place, "add a test that the field is there, such as "+name+" exists",
				"\"not %s\" of rule %q holds for events without %s, too, such as %s", brief(syntax.Print(cmp)), r.Name, name, lacking)
			return
		}
	}
}

// maxBrief is how much of a comparison messages show.
const maxBrief = 60

// brief cuts a long text.
func brief(text string) string {
	if len(text) <= maxBrief {
		return text
	}
	return strings.ToValidUTF8(text[:maxBrief], "") + "…"
}

// conjuncts appends the parts of nested conjunctions.
func conjuncts(list []syntax.Node, n syntax.Node) []syntax.Node {
	if and, ok := n.(*syntax.And); ok {
		for _, c := range and.Children {
			list = conjuncts(list, c)
		}
		return list
	}
	return append(list, n)
}

// often returns the field of an operand that many events lack, and which do; nil for the others.
func (l *linter) often(o syntax.Operand) (name string, lacks func(*event.Info) bool) {
	if t, ok := o.(*syntax.Transform); ok && len(t.Args) == 1 {
		return l.often(t.Args[0])
	}
	f, ok := o.(*syntax.Field)
	if !ok {
		return "", nil
	}
	name = syntax.PrintOperand(f)
	switch {
	case strings.HasPrefix(f.Name, "fd."):
		return name, func(i *event.Info) bool { return i.Flags&(event.CreatesFD|event.UsesFD) == 0 }
	case strings.HasPrefix(f.Name, "fs.path."):
		return name, func(i *event.Info) bool {
			return !slices.ContainsFunc(i.Params, func(p event.Param) bool { return p.Type == event.FSPath || p.Type == event.FSRelPath })
		}
	}
	def, arg, err := l.cat.Resolve(f.Name, f.Arg, f.HasArg)
	if err != nil || def.Name != "evt.arg" && def.Name != "evt.rawarg" || arg.Index >= 0 {
		return "", nil
	}
	return name, func(i *event.Info) bool { return i.ParamIndex(arg.Text) < 0 }
}

// tested reports whether a condition tests a field of the same family otherwise than negated: for
// descriptors and paths any of theirs.
func tested(n syntax.Node, o syntax.Operand) bool {
	found := false
	var walk func(n syntax.Node, value bool)
	walk = func(n syntax.Node, value bool) {
		switch n := n.(type) {
		case *syntax.And:
			for _, c := range n.Children {
				walk(c, value)
			}
		case *syntax.Or:
			for _, c := range n.Children {
				walk(c, value)
			}
		case *syntax.Not:
			walk(n.Child, !value)
		case *syntax.Compare:
			found = found || value && family(n.Left) == family(o)
		case *syntax.Exists:
			found = found || family(n.Left) == family(o)
		}
	}
	walk(n, true)
	return found
}

// family is what an operand's field shares with others that are there when it is.
func family(o syntax.Operand) string {
	switch o := o.(type) {
	case *syntax.Transform:
		if len(o.Args) > 0 {
			return family(o.Args[0])
		}
	case *syntax.Field:
		for _, prefix := range []string{"fd.", "fs.path."} {
			if strings.HasPrefix(o.Name, prefix) {
				return prefix
			}
		}
		return strings.Replace(syntax.PrintOperand(o), "rawarg", "arg", 1)
	}
	return ""
}

// without names an event of the set that lacks something, "" if none does.
func without(types filter.EventSet, lacks func(*event.Info) bool) string {
	for t := range types.All() {
		info := event.Lookup(t)
		if t <= event.Generic || t == event.AsyncEvent || info == nil || t.IsEnter() || !info.IsSyscall() ||
			info.Flags&(event.Unused|event.OldVersion) != 0 {
			continue
		}
		if lacks(info) {
			return info.Name
		}
	}
	return ""
}
