// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// Options say how tests are run.
type Options struct {
	// Embedded are the rules that files test which belong to no rules file.
	Embedded []rule.Source
	// Catalogue has the fields; nil stands for all built-in ones.
	Catalogue *field.Catalogue
	// Run selects the cases whose name, or a rule that they name, it matches; nil selects all.
	Run *regexp.Regexp
	// Coverage asks for the coverage of the rules.
	Coverage bool
}

// Report is what came of files of tests.
type Report struct {
	Files    []*FileResult
	Coverage *Coverage // nil if it was not asked for
}

// FileResult is what came of one file.
type FileResult struct {
	Name string
	// Problems are mistakes in the file or in its rules; no case was run then.
	Problems []diag.Problem
	Cases    []*CaseResult
	Time     time.Duration
}

// CaseResult is what came of one case.
type CaseResult struct {
	Name     string
	Line     int
	Events   int
	Failures []Failure
	Alerts   []string // rules that fired, with their outputs
	Time     time.Duration
}

// Failure is one thing that came out otherwise than a case says.
type Failure struct {
	Message string
	Detail  []string
}

// OK reports whether everything came out as the files say.
func (r *Report) OK() bool {
	passed, failed := r.Count()
	for _, f := range r.Files {
		if len(f.Problems) > 0 {
			return false
		}
	}
	return failed == 0 && passed > 0
}

// Count returns how many cases came out as they should, and how many did not.
func (r *Report) Count() (passed, failed int) {
	for _, f := range r.Files {
		for _, c := range f.Cases {
			if len(c.Failures) == 0 {
				passed++
			} else {
				failed++
			}
		}
	}
	return passed, failed
}

// Run runs files of tests.
func Run(files []string, o Options) *Report {
	if o.Catalogue == nil {
		o.Catalogue = field.Default()
	}
	report := &Report{}
	if o.Coverage {
		report.Coverage = newCoverage()
	}
	for _, file := range files {
		begin := time.Now()
		result := &FileResult{Name: file}
		report.Files = append(report.Files, result)
		content, err := os.ReadFile(file)
		if err != nil {
			result.Problems = []diag.Problem{{File: file, Message: "cannot be read: " + err.Error()}}
			continue
		}
		suite, problems := Parse(file, content)
		if len(problems) == 0 {
			suite.run(&o, result, report.Coverage)
		} else {
			result.Problems = problems
		}
		result.Time = time.Since(begin)
	}
	return report
}

// run runs the cases of a suite.
func (s *Suite) run(o *Options, result *FileResult, coverage *Coverage) {
	s.checkFields(o.Catalogue)
	rules, problems := s.load(o)
	if len(problems) > 0 {
		result.Problems = problems
		return
	}
	r := &runner{suite: s, o: o, rules: rules, coverage: coverage, engines: map[string]*target{}}
	r.explain = newEvaluator(rules.set, o.Catalogue, s.Machine.fields())
	if coverage != nil {
		for _, x := range rules.set.Rules {
			if rules.own[x.File] {
				coverage.of(x, r.explain)
			}
		}
	}
	for _, c := range s.Cases {
		if o.Run != nil && !c.selected(o.Run) {
			continue
		}
		result.Cases = append(result.Cases, r.run(c))
	}
}

// selected reports whether a case is to be run.
func (c *Case) selected(re *regexp.Regexp) bool {
	names := append([]string{c.Name}, texts(c.Forbid)...)
	for _, e := range c.Expect {
		names = append(names, e.Rule.Text)
	}
	return slices.ContainsFunc(names, re.MatchString)
}

// fields describes the machine to the fields.
func (m *machine) fields() *field.Machine {
	return &field.Machine{Hostname: m.hostname, Addrs: map[netip.Addr]struct{}{
		netip.MustParseAddr("10.0.0.2"): {}, netip.MustParseAddr("2001:db8::2"): {}, netip.MustParseAddr("127.0.0.1"): {},
	}}
}

// runner runs the cases of a suite.
type runner struct {
	suite    *Suite
	o        *Options
	rules    *ruleSet
	coverage *Coverage
	engines  map[string]*target
	explain  *evaluator
}

// target is an engine with the rules that a case tests.
type target struct {
	engine *engine.Engine
	ctx    *field.Context
	set    *rule.Set
	alerts []*alert.Alert
	err    error
}

// happening is what one record led to.
type happening struct {
	step   *step
	what   string
	alerts []*alert.Alert
	// near tells for the rules that a case names how far the event was from them.
	near map[string]nearness
}

// nearness is how a rule saw an event.
type nearness struct {
	failures int
	typed    bool // the rule looks at events of this type
	why      []string
}

// target returns the engine for a case; cat has the fields.
func (r *runner) target(c *Case, cat *field.Catalogue, set *rule.Set) *target {
	on := map[string]bool{}
	for _, w := range append(slices.Clone(r.suite.Enable), c.Enable...) {
		on[w.Text] = true
	}
	key := strings.Join(sortedKeys(on), "\x00")
	if t := r.engines[key]; t != nil && cat == r.o.Catalogue {
		return t
	}
	enabled := *set
	enabled.Rules = slices.Clone(set.Rules)
	for i, x := range enabled.Rules {
		if on[x.Name] && !x.Enabled {
			y := *x
			y.Enabled = true
			enabled.Rules[i] = &y
		}
	}
	t := &target{set: &enabled}
	t.engine, t.err = engine.New(&enabled, cat, engine.Options{
		MatchAll: r.suite.MatchAll, MinPriority: alert.Debug, Hostname: r.suite.Machine.hostname,
		Sink: func(a *alert.Alert) { t.alerts = append(t.alerts, a) },
	})
	if cat == r.o.Catalogue {
		r.engines[key] = t
	}
	return t
}

// run runs one case.
func (r *runner) run(c *Case) *CaseResult {
	begin := time.Now()
	result := &CaseResult{Name: c.Name, Line: c.Line, Events: max(len(c.Events), 1)}
	var happened []*happening
	var t *target
	if len(c.Fields) > 0 {
		happened, t = r.playFields(c)
	} else {
		happened, t = r.play(c)
	}
	if t.err != nil {
		result.Failures = []Failure{{Message: t.err.Error()}}
		return result
	}
	for _, h := range happened {
		for _, a := range h.alerts {
			result.Alerts = append(result.Alerts, fmt.Sprintf("%s: %s", a.Rule, a.Output))
		}
	}
	v := &verdict{c: c, t: t, happened: happened}
	result.Failures = v.judge()
	result.Time = time.Since(begin)
	return result
}

// play lets the events of a case happen.
func (r *runner) play(c *Case) (happened []*happening, t *target) {
	t = r.target(c, r.o.Catalogue, r.rules.set)
	plan := c.layOut(r.suite.Machine)
	if t.err == nil && plan == nil {
		t.err = errBad
	}
	if t.err != nil {
		return nil, t
	}
	st := plan.begin()
	t.ctx = t.engine.NewContext(r.suite.Machine.fields())
	var ev event.Event
	for i := range plan.steps {
		x := &plan.steps[i]
		if err := ev.Decode(x.record); err != nil {
			t.err = fmt.Errorf("event %d: %w", x.index, err)
			return nil, t
		}
		ev.Num = uint64(i + 1)
		th, fd, num := st.Apply(&ev)
		t.alerts = nil
		t.ctx.Reset(&ev, st, th, fd, num, "syscall")
		t.engine.Process(t.ctx)
		r.explain.ctx.Reset(&ev, st, th, fd, num, "syscall")
		happened = append(happened, &happening{step: x, what: ev.Info().Name, alerts: t.alerts, near: r.observe(c, t, r.explain, &ev)})
		st.After(&ev)
		if p := st.Process(x.pid); p != nil {
			for _, f := range x.fds {
				st.EnterFD(p, f)
			}
		}
	}
	return happened, t
}

// playFields lets an event happen whose fields have the values of the case.
func (r *runner) playFields(c *Case) ([]*happening, *target) {
	s, rec := c.stubbed(r.o.Catalogue)
	cat := s.catalogue(r.o.Catalogue)
	sources, _ := r.suite.sources(r.o.Embedded)
	set := rule.Load(sources, rule.Options{Catalogue: cat})
	t := r.target(c, cat, set)
	if t.err != nil {
		return nil, t
	}
	var ev event.Event
	if t.err = ev.Decode(rec); t.err != nil {
		return nil, t
	}
	ev.Num = 1
	t.ctx = t.engine.NewContext(r.suite.Machine.fields())
	t.ctx.Reset(&ev, nil, nil, nil, -1, "syscall")
	t.engine.Process(t.ctx)
	e := newEvaluator(set, cat, r.suite.Machine.fields())
	e.ctx.Reset(&ev, nil, nil, nil, -1, "syscall")
	h := &happening{step: &step{index: 1}, what: ev.Info().Name, alerts: t.alerts, near: r.observe(c, t, e, &ev)}
	return []*happening{h}, t
}

// observe notes coverage, and how near the event came to the rules that the case expects.
func (r *runner) observe(c *Case, t *target, e *evaluator, ev *event.Event) map[string]nearness {
	if r.coverage != nil {
		for _, x := range t.set.Rules {
			if r.rules.own[x.File] {
				r.coverage.of(x, e).record(x, e)
			}
		}
	}
	near := map[string]nearness{}
	for _, expected := range c.Expect {
		x := t.set.Rule(expected.Rule.Text)
		if x == nil {
			continue
		}
		near[x.Name] = nearness{failures: e.failures(x.Condition), typed: x.Types.Has(ev.Type()), why: e.why(x.Condition)}
	}
	return near
}

// verdict compares what happened with what a case says.
type verdict struct {
	c        *Case
	t        *target
	happened []*happening
	failures []Failure
}

// judge returns what came out otherwise.
func (v *verdict) judge() []Failure {
	expected := map[string]bool{}
	for _, e := range v.c.Expect {
		expected[e.Rule.Text] = true
		v.expect(e)
	}
	for _, h := range v.happened {
		for _, a := range h.alerts {
			forbidden := slices.ContainsFunc(v.c.Forbid, func(w word) bool { return w.Text == a.Rule })
			switch {
			case forbidden:
				v.fail([]string{a.Output}, "event %d (%s): rule %q fired, which the case forbids", h.step.index, h.what, a.Rule)
			case v.c.ForbidAny && !expected[a.Rule]:
				v.fail([]string{a.Output}, "event %d (%s): rule %q fired, which the case does not expect", h.step.index, h.what, a.Rule)
			}
		}
	}
	return v.failures
}

// fail notes a failure.
func (v *verdict) fail(detail []string, format string, args ...any) {
	v.failures = append(v.failures, Failure{Message: fmt.Sprintf(format, args...), Detail: detail})
}

// expect checks one expected alert.
func (v *verdict) expect(e *Expectation) {
	fired, fit := 0, 0
	var differences []string
	for _, h := range v.happened {
		for _, a := range h.alerts {
			if a.Rule != e.Rule.Text {
				continue
			}
			fired++
			if d := e.differences(a); len(d) > 0 {
				differences = append(differences, d...)
			} else {
				fit++
			}
		}
	}
	switch {
	case e.Count < 0 && fit > 0, e.Count == fit && (fit > 0 || fired == 0):
	case fired == 0:
		v.fail(v.reason(e.Rule.Text), "rule %q did not fire", e.Rule.Text)
	case fit == 0 && e.Count != 0:
		v.fail(differences, "rule %q fired, but not with the output that the case expects", e.Rule.Text)
	default:
		v.fail(differences, "rule %q fired %d times, not %d", e.Rule.Text, fit, e.Count)
	}
}

// differences compares the output fields of an alert with those expected.
func (e *Expectation) differences(a *alert.Alert) (out []string) {
	for _, want := range e.Fields {
		i := slices.IndexFunc(a.Fields, func(f alert.Field) bool { return f.Key == want.key.Text })
		if i < 0 {
			out = append(out, fmt.Sprintf("%s is not in the output", want.key.Text))
			continue
		}
		got := plain(a.Fields[i].JSON)
		if got != want.value.Text && !(got == "null" && isNull(want.value.node)) {
			out = append(out, fmt.Sprintf("%s is %q, not %q", want.key.Text, got, want.value.Text))
		}
	}
	return out
}

// plain is the text of a JSON value: texts without quotes, lists as outputs print them.
func plain(b []byte) string {
	var s string
	if json.Unmarshal(b, &s) == nil && string(b) != "null" {
		return s
	}
	var list []string
	if json.Unmarshal(b, &list) == nil && string(b) != "null" {
		return "(" + strings.Join(list, ",") + ")"
	}
	return string(b)
}

// reason says why a rule did not fire: at the event that came nearest.
func (v *verdict) reason(name string) []string {
	x := v.t.set.Rule(name)
	if !x.Enabled {
		return []string{fmt.Sprintf("the rule is switched off (enable: [%q] in the case switches it on)", name)}
	}
	var best *happening
	for _, h := range v.happened {
		if n := h.near[name]; n.typed && (best == nil || n.failures <= best.near[name].failures) {
			best = h
		}
	}
	if best == nil {
		var types []string
		for _, h := range v.happened {
			types = append(types, h.what)
		}
		slices.Sort(types)
		return []string{fmt.Sprintf("the rule looks at other types of events than %s", strings.Join(slices.Compact(types), ", "))}
	}
	near := best.near[name]
	var lines []string
	if near.failures == 0 {
		lines = append(lines, fmt.Sprintf("its condition holds for event %d (%s), but another rule matched first (matching: all lets every rule fire)", best.step.index, best.what))
	} else {
		lines = append(lines, fmt.Sprintf("nearest was event %d (%s):", best.step.index, best.what))
		for _, l := range near.why {
			lines = append(lines, "  "+l)
		}
	}
	for _, h := range v.happened {
		for _, a := range h.alerts {
			lines = append(lines, fmt.Sprintf("instead event %d (%s) raised %q", h.step.index, h.what, a.Rule))
		}
	}
	return lines
}
