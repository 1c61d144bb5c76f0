// SPDX-License-Identifier: Apache-2.0

package filter_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/internal/corpus"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// upstreamRules loads the three rule files of Falco.
func upstreamRules(t testing.TB) []*rule.Rule {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus.Dir(t), "rules", "upstream-current", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rule files (%v)", err)
	}
	var sources []rule.Source
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, rule.Source{Name: name, Content: content})
	}
	return rule.Load(sources, rule.Options{}).Rules
}

// compileAll compiles the conditions of rules in one rule set.
func compileAll(t testing.TB, rules []*rule.Rule) (*filter.Compiler, []*filter.Filter) {
	t.Helper()
	c := filter.NewCompiler(field.Default())
	var filters []*filter.Filter
	for _, r := range rules {
		f, _, err := c.Compile(r.Condition, r.Source)
		if err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		filters = append(filters, f)
	}
	return c, filters
}

// openEvent is an openat of a file by a process, with the context to evaluate it in.
func openEvent(t testing.TB) *field.Context {
	t.Helper()
	params := [][]byte{
		{5, 0, 0, 0, 0, 0, 0, 0}, {0x9c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []byte("/usr/lib/x86_64-linux-gnu/libc.so.6\x00"),
		{1, 0, 0, 0}, {0, 0, 0, 0}, {1, 8, 0, 0}, {7, 0, 0, 0, 0, 0, 0, 0},
	}
	ev := &event.Event{Num: 1}
	if err := ev.Decode(event.AppendRecord(nil, 1700000000000000000, 42, event.OpenAt, params...)); err != nil {
		t.Fatal(err)
	}
	init := &state.Process{PID: 1, PPID: 0, Exe: "/sbin/init", ExePath: "/usr/lib/systemd/systemd", Cwd: "/"}
	init.Main = &state.Thread{TID: 1, Proc: init, Comm: "systemd"}
	shell := &state.Process{PID: 40, PPID: 1, Exe: "-bash", ExePath: "/usr/bin/bash", Cwd: "/root/", Parent: init, Lineage: init}
	shell.Main = &state.Thread{TID: 40, Proc: shell, Comm: "bash"}
	p := &state.Process{PID: 42, PPID: 40, Exe: "ls", ExePath: "/usr/bin/ls", Args: []string{"-l", "/tmp"}, ArgLine: "-l /tmp",
		CmdLine: "ls -l /tmp", Cwd: "/root/", Parent: shell, Lineage: shell, Threads: 1}
	th := &state.Thread{TID: 42, Proc: p, Comm: "ls"}
	p.Main = th
	fd := &state.FD{Num: 5, Type: state.FDFile, Open: 1}
	fd.SetName("/usr/lib/x86_64-linux-gnu/libc.so.6")
	c := field.NewContext(nil)
	c.Reset(ev, state.New(state.Options{}), th, fd, 5, "syscall")
	return c
}

func TestUpstreamRulesDoNotAllocate(t *testing.T) {
	_, filters := compileAll(t, upstreamRules(t))
	c := openEvent(t)
	ev, st, th, fd := c.Ev, c.State, c.Thread, c.FD
	run := func() {
		c.Reset(ev, st, th, fd, 5, "syscall")
		for _, f := range filters {
			f.Match(c)
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkUpstreamRules evaluates the rules that an openat can match.
func BenchmarkUpstreamRules(b *testing.B) {
	rules := upstreamRules(b)
	_, filters := compileAll(b, rules)
	var indexed []*filter.Filter
	for i, r := range rules {
		if r.Types.Has(event.OpenAt) {
			indexed = append(indexed, filters[i])
		}
	}
	c := openEvent(b)
	ev, st, th, fd := c.Ev, c.State, c.Thread, c.FD
	b.ReportAllocs()
	for b.Loop() {
		c.Reset(ev, st, th, fd, 5, "syscall")
		for _, f := range indexed {
			f.Match(c)
		}
	}
	b.ReportMetric(float64(len(indexed)), "rules")
}

// variants compiles rules times over: each copy differs in a name but shares macros and lists.
func variants(t testing.TB, rules []*rule.Rule, times int) (*filter.Compiler, []*filter.Filter) {
	t.Helper()
	c := filter.NewCompiler(field.Default())
	var filters []*filter.Filter
	for _, r := range rules {
		for i := range times {
			n := r.Condition
			if i > 0 {
				extra, err := syntax.Parse(fmt.Sprintf("not proc.name = variant%d", i))
				if err != nil {
					t.Fatal(err)
				}
				n = &syntax.And{Children: []syntax.Node{n, extra}}
			}
			f, _, err := c.Compile(n, r.Source)
			if err != nil {
				t.Fatal(err)
			}
			filters = append(filters, f)
		}
	}
	return c, filters
}

// BenchmarkUpstreamPrograms builds the programs of all event types, for ten times as many rules.
func BenchmarkUpstreamPrograms(b *testing.B) {
	rules := upstreamRules(b)
	for b.Loop() {
		c, filters := variants(b, rules, 10)
		for i := range event.Infos() {
			c.Program(filters, event.Type(i))
		}
	}
}

// BenchmarkUpstreamProgram evaluates all rules for an openat as one program: as they are, and ten
// times as many that differ in a name but share their macros.
func BenchmarkUpstreamProgram(b *testing.B) {
	for _, times := range []int{1, 10} {
		b.Run(fmt.Sprint(times), func(b *testing.B) {
			c, filters := variants(b, upstreamRules(b), times)
			p := c.Program(filters, event.OpenAt)
			ctx := openEvent(b)
			ev, st, th, fd := ctx.Ev, ctx.State, ctx.Thread, ctx.FD
			var found []int32
			b.ReportAllocs()
			for b.Loop() {
				ctx.Reset(ev, st, th, fd, 5, "syscall")
				found = p.Match(ctx, found[:0])
			}
			b.ReportMetric(float64(len(filters)), "rules")
		})
	}
}

func TestProgramAgreesWithFilters(t *testing.T) {
	rules := upstreamRules(t)
	c, filters := compileAll(t, rules)
	ctx := openEvent(t)
	p := c.Program(filters, event.OpenAt)
	for range 3 {
		var want []int32
		for i, f := range filters {
			if f.Match(ctx) {
				want = append(want, int32(i))
			}
		}
		if got := p.Match(ctx, nil); !slices.Equal(got, want) {
			t.Errorf("%v, one by one %v", got, want)
		}
		ctx.Reset(ctx.Ev, ctx.State, ctx.Thread, ctx.FD, 5, "syscall")
	}
}

// BenchmarkUpstreamCompile compiles all rules of Falco.
func BenchmarkUpstreamCompile(b *testing.B) {
	rules := upstreamRules(b)
	b.ReportAllocs()
	for b.Loop() {
		compileAll(b, rules)
	}
	b.ReportMetric(float64(len(rules)), "rules")
}
