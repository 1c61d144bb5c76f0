// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
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
	// Capture makes a source of a capture file, which enters into the state what runs when it
	// begins; nil: cases with captures are refused.
	Capture func(path string, st *state.State) source.Source
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
	s.checkCaptures(o)
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

// checkCaptures refuses captures where none can be read.
func (s *Suite) checkCaptures(o *Options) {
	for _, c := range s.Cases {
		if c.Capture.node != nil && o.Capture == nil {
			s.r.bad(c.Capture.node, "write the events down, or give values under fields:", "capture files cannot be read here")
		}
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
	set    *rule.Set
	alerts []*alert.Alert // of the event that happens
}

// course is what the events of a case led to.
type course struct {
	alerts []raised
	types  map[string]bool // names of the events that happened
	near   map[string]*nearness
	events int
}

// raised is an alert with the event that raised it.
type raised struct {
	*alert.Alert
	index int // of the event in the case, from 1
	what  string
}

// nearness is how near the events came to a rule that the case expects: the nearest of them.
type nearness struct {
	failures int
	index    int
	what     string
	why      []string
}

// target returns the engine for a case; cat has the fields.
func (r *runner) target(c *Case, cat *field.Catalogue, set *rule.Set) (*target, error) {
	on := map[string]bool{}
	for _, w := range append(slices.Clone(r.suite.Enable), c.Enable...) {
		on[w.Text] = true
	}
	key := strings.Join(sortedKeys(on), "\x00")
	if t := r.engines[key]; t != nil && cat == r.o.Catalogue {
		return t, nil
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
	var err error
	t.engine, err = engine.New(&enabled, cat, engine.Options{
		MatchAll: r.suite.MatchAll, MinPriority: alert.Debug, Hostname: r.suite.Machine.hostname,
		Sink: func(a *alert.Alert) { t.alerts = append(t.alerts, a) },
	})
	if err != nil {
		return nil, err
	}
	if cat == r.o.Catalogue {
		r.engines[key] = t
	}
	return t, nil
}

// run runs one case.
func (r *runner) run(c *Case) *CaseResult {
	begin := time.Now()
	result := &CaseResult{Name: c.Name, Line: c.Line}
	var t *target
	var k *course
	var err error
	switch {
	case len(c.Fields) > 0:
		t, k, err = r.playFields(c)
	case c.Capture.node != nil:
		t, k, err = r.playCapture(c)
	default:
		t, k, err = r.play(c)
	}
	if err != nil {
		result.Failures = []Failure{{Message: err.Error()}}
		return result
	}
	for _, a := range k.alerts {
		result.Alerts = append(result.Alerts, fmt.Sprintf("%s: %s", a.Rule, a.Output))
	}
	v := &verdict{c: c, t: t, course: k}
	result.Failures, result.Events, result.Time = v.judge(), k.events, time.Since(begin)
	return result
}

// play lets the events of a case happen.
func (r *runner) play(c *Case) (*target, *course, error) {
	t, err := r.target(c, r.o.Catalogue, r.rules.set)
	if err != nil {
		return nil, nil, err
	}
	plan := c.layOut(r.suite.Machine)
	if plan == nil {
		return nil, nil, errBad
	}
	st := plan.begin()
	p := r.player(c, t, r.explain, st)
	var ev event.Event
	for i := range plan.steps {
		x := &plan.steps[i]
		if err := ev.Decode(x.record); err != nil {
			return nil, nil, fmt.Errorf("event %d: %w", x.index, err)
		}
		ev.Num = uint64(i + 1)
		p.event(&ev, x.index)
		if proc := st.Process(x.pid); proc != nil {
			for _, f := range x.fds {
				st.EnterFD(proc, f)
			}
		}
	}
	p.course.events = len(c.Events)
	return t, p.course, nil
}

// playFields lets an event happen whose fields have the values of the case.
func (r *runner) playFields(c *Case) (*target, *course, error) {
	s, rec := c.stubbed(r.o.Catalogue)
	cat := s.catalogue(r.o.Catalogue)
	sources, _ := r.suite.sources(r.o.Embedded)
	set := rule.Load(sources, rule.Options{Catalogue: cat})
	t, err := r.target(c, cat, set)
	if err != nil {
		return nil, nil, err
	}
	var ev event.Event
	if err := ev.Decode(rec); err != nil {
		return nil, nil, err
	}
	ev.Num = 1
	p := r.player(c, t, newEvaluator(set, cat, r.suite.Machine.fields()), nil)
	p.event(&ev, 1)
	p.course.events = 1
	return t, p.course, nil
}

// playCapture lets the events of a capture file happen.
func (r *runner) playCapture(c *Case) (*target, *course, error) {
	path := c.Capture.Text
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.suite.File), path)
	}
	t, err := r.target(c, r.o.Catalogue, r.rules.set)
	if err != nil {
		return nil, nil, err
	}
	st := state.New(state.Options{HostRoot: nowhere})
	src := r.o.Capture(path, st)
	if err := src.Open(context.Background()); err != nil {
		return nil, nil, fmt.Errorf("capture %q: %w", c.Capture.Text, err)
	}
	defer src.Close()
	p := r.player(c, t, r.explain, st)
	var ev event.Event
	for {
		switch err := src.Next(&ev); {
		case errors.Is(err, io.EOF):
			return t, p.course, nil
		case errors.Is(err, source.ErrIdle):
		case err != nil:
			return nil, nil, fmt.Errorf("capture %q: %w", c.Capture.Text, err)
		default:
			p.course.events++
			p.event(&ev, p.course.events)
		}
	}
}

// player lets events happen and looks at what rules make of them.
type player struct {
	*runner
	c      *Case
	t      *target
	e      *evaluator
	st     *state.State // nil where the fields have values of their own
	ctx    *field.Context
	course *course
}

// player returns a player for a case.
func (r *runner) player(c *Case, t *target, e *evaluator, st *state.State) *player {
	return &player{
		runner: r, c: c, t: t, e: e, st: st, ctx: t.engine.NewContext(r.suite.Machine.fields()),
		course: &course{types: map[string]bool{}, near: map[string]*nearness{}},
	}
}

// event lets one event happen.
func (p *player) event(ev *event.Event, index int) {
	var th *state.Thread
	var fd *state.FD
	num := int64(-1)
	if p.st != nil {
		th, fd, num = p.st.Apply(ev)
	}
	what := ev.Info().Name
	p.course.types[what] = true
	p.t.alerts = nil
	p.ctx.Reset(ev, p.st, th, fd, num, filter.SyscallSource)
	p.t.engine.Process(p.ctx)
	for _, a := range p.t.alerts {
		p.course.alerts = append(p.course.alerts, raised{a, index, what})
	}
	p.e.ctx.Reset(ev, p.st, th, fd, num, filter.SyscallSource)
	p.observe(ev, index)
	if p.st != nil {
		p.st.After(ev)
	}
}

// observe notes coverage, and how near the event came to the rules that the case expects.
func (p *player) observe(ev *event.Event, index int) {
	if p.coverage != nil {
		for _, x := range p.t.set.Rules {
			if p.rules.own[x.File] {
				p.coverage.of(x, p.e).record(x, p.e)
			}
		}
	}
	for _, expected := range p.c.Expect {
		x := p.t.set.Rule(expected.Rule.Text)
		if x == nil || !x.Types.Has(ev.Type()) {
			continue
		}
		n := p.e.failures(x.Condition)
		if best := p.course.near[x.Name]; best == nil || n < best.failures {
			p.course.near[x.Name] = &nearness{n, index, ev.Info().Name, p.e.why(x.Condition)}
		}
	}
}
