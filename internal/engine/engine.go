// SPDX-License-Identifier: Apache-2.0

// Package engine tests events against rules and makes alerts of the matches.
package engine

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// Options say how rules are tested and what their alerts look like.
type Options struct {
	// MatchAll lets an event raise every matching rule instead of the first one only.
	MatchAll bool
	// MinPriority is the least serious priority of the rules that are used.
	MinPriority alert.Priority
	// Sink gets the alerts, in the goroutine that calls Process; it must not block. nil: nowhere.
	Sink func(*alert.Alert)
	// ISO8601 names the time among the output fields after the long form.
	ISO8601 bool
	// Hostname goes into every alert.
	Hostname string
	// DNS is told the host names that conditions compare with; nil: such comparisons never hold.
	DNS *field.DNS
	// Counters go on counting from an earlier engine; nil: they begin at zero.
	Counters *Counters
}

// Engine tests events against a set of rules. It is used by one goroutine; only Counts may be
// called by others. Twin makes one for a further goroutine.
type Engine struct {
	o       Options
	rules   []*compiled
	syscall index // of the source of system calls
	others  map[string]*index
	memo    int
	wanted  filter.SyscallSet
	named   filter.SyscallSet
	scratch []byte
	matches []int32
	inOrder bool
}

// index lists the rules to test by event code, each list with the program that tests it as a whole.
type index [event.NumTypes]struct {
	rules   []*compiled
	filters []*filter.Filter
	program *filter.Program
}

// compiled is a rule that is ready to be tested.
type compiled struct {
	rule   *rule.Rule
	filter *filter.Filter
	output output
	count  *atomic.Uint64
	number int // its place in Engine.rules
}

// New compiles the enabled rules of a set that are serious enough. Mistakes that only compiling
// shows are all in the error.
func New(set *rule.Set, cat *field.Catalogue, o Options) (*Engine, error) {
	if o.Sink == nil {
		o.Sink = func(*alert.Alert) {}
	}
	if o.Counters == nil {
		o.Counters = &Counters{}
	}
	e := &Engine{o: o, others: map[string]*index{}, matches: make([]int32, 0, 64)}
	compiler := filter.NewCompiler(cat)
	compiler.DNS = o.DNS
	var mistakes []error
	for _, r := range set.Rules {
		if !r.Enabled || r.Priority > o.MinPriority {
			continue
		}
		c := &compiled{rule: r, output: newOutput(r, o.ISO8601), count: o.Counters.of(r), number: len(e.rules)}
		var err error
		if c.filter, _, err = compiler.Compile(r.Condition, r.Source); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s:%d: rule %q: %w", r.File, r.Line, r.Name, err))
			continue
		}
		e.rules = append(e.rules, c)
		e.inOrder = e.inOrder || slices.ContainsFunc(fieldsOf(r, cat), func(a asked) bool { return a.field.Flags&field.CountsAsking != 0 })
		e.enter(c)
	}
	e.syscall.build(compiler)
	for _, i := range e.others {
		i.build(compiler)
	}
	e.memo = compiler.MemoSize()
	return e, errors.Join(mistakes...)
}

// manyCalls is how many system calls a rule may need and still be said to name them: one that does
// not restrict the event's type needs them all, reads and writes included, without meaning it.
const manyCalls = 100

// enter puts a rule into the index of its source. Events that never reach rules are left out: the
// enter side of system calls, which the kernel reports for the state alone, and the snapshot.
func (e *Engine) enter(c *compiled) {
	in := &e.syscall
	if c.rule.Source != filter.SyscallSource {
		in = e.others[c.rule.Source]
		if in == nil {
			in = new(index)
			e.others[c.rule.Source] = in
		}
	} else {
		e.wanted = e.wanted.Union(c.rule.Syscalls)
		if c.rule.Syscalls.Len() <= manyCalls {
			e.named = e.named.Union(c.rule.Syscalls.Intersect(Ignored()))
		}
	}
	for t := range c.rule.Types.All() {
		if int(t) < len(in) && visible(t) {
			in[t].rules = append(in[t].rules, c)
			in[t].filters = append(in[t].filters, c.filter)
		}
	}
}

// build makes the programs, once all rules are in.
func (x *index) build(compiler *filter.Compiler) {
	for t := range x {
		if s := &x[t]; len(s.rules) > 0 {
			s.program = compiler.Program(s.filters, event.Type(t))
			s.filters = nil
		}
	}
}

// visible reports whether rules are tested against events of a type: old versions of an event are
// converted to today's by the source that reads them.
func visible(t event.Type) bool {
	info := event.Lookup(t)
	if info.Flags&(event.Unused|event.OldVersion) != 0 || info.Category&event.CatIter != 0 {
		return false
	}
	return !info.IsSyscall() || !t.IsEnter()
}

// NewContext returns a context for Process.
func (e *Engine) NewContext(m *field.Machine) *field.Context {
	c := field.NewContext(m)
	c.Memo = make([]uint32, e.memo)
	return c
}

// Adopt makes a context that was used with another engine one for this one, between two events. It
// does not allocate if memo is NewMemo's.
func (e *Engine) Adopt(c *field.Context, m *field.Machine, memo []uint32) {
	c.Machine, c.Memo = m, memo
}

// NewMemo returns the memory that Adopt needs.
func (e *Engine) NewMemo() []uint32 { return make([]uint32, e.memo) }

// Process tests the event of the context and sends the alerts it raises. It allocates only for
// matches.
func (e *Engine) Process(c *field.Context) {
	t := c.Ev.Type()
	if int(t) >= len(e.syscall) {
		return
	}
	in := &e.syscall
	if c.Source != filter.SyscallSource {
		if in = e.others[c.Source]; in == nil {
			return
		}
	}
	slot := &in[t]
	if slot.program == nil {
		return
	}
	e.matches = slot.program.Match(c, e.matches[:0])
	for _, i := range e.matches {
		r := slot.rules[i]
		r.count.Add(1)
		e.o.Sink(e.alert(r, c))
		if !e.o.MatchAll {
			return
		}
	}
}

// alert makes the alert of a rule that matched. Everything in it is a copy.
func (e *Engine) alert(r *compiled, c *field.Context) *alert.Alert {
	a := &alert.Alert{
		Time: c.Ev.Time(), Rule: r.rule.Name, Priority: r.rule.Priority, Source: c.Source,
		Hostname: e.o.Hostname, Tags: r.rule.Tags,
	}
	e.scratch, a.Output = r.output.text(e.scratch[:0], c)
	e.scratch, a.Fields = r.output.fields(e.scratch[:0], c)
	return a
}

// Rules is the number of rules in use.
func (e *Engine) Rules() int { return len(e.rules) }

// Syscalls returns the system calls that the rules need.
func (e *Engine) Syscalls() filter.SyscallSet { return e.wanted }

// NamedIO returns the calls of plain input and output that rules name.
func (e *Engine) NamedIO() filter.SyscallSet { return e.named }

// RuleCount is how often a rule matched.
type RuleCount struct {
	Rule    *rule.Rule
	Matches uint64
}

// Counts returns all rules in use, in their order, with their matches. Any goroutine may call it.
func (e *Engine) Counts() []RuleCount {
	counts := make([]RuleCount, len(e.rules))
	for i, c := range e.rules {
		counts[i] = RuleCount{c.rule, c.count.Load()}
	}
	return counts
}
