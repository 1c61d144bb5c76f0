// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// typical are conditions of the common shapes, over fake fields; none holds for someFacts.
var typical = map[string]string{
	"equal":     "t.name = apache",
	"and":       "t.num >= -10 and t.yes = true and t.name in (bash, sh, zsh, dash, ksh) and t.path startswith /etc",
	"sensitive": "t.yes = true and (t.path in (/etc/shadow, /etc/sudoers, /etc/pam.conf) or t.path startswith /etc/sudoers.d or t.path glob /home/*/.ssh/id_*) and not t.name in (sshd, login, su, sudo) and not t.cmd contains 'nscd'",
	"ancestor":  "t.anc in (apache2, httpd, tomcat, java) and t.name in (bash, sh)",
	"contains":  "t.cmd contains 'stratum+tcp' or t.cmd contains stratum2 or t.cmd contains '-o pool' or t.cmd contains xmr or t.cmd icontains miner",
	"pmatch":    "t.path pmatch (/usr/bin, /usr/sbin, /bin, /sbin, /usr/local/bin)",
	"regex":     "t.path regex '/home/[a-z]+/[.]ssh/.*'",
	"network":   "t.nets in (127.0.0.0/8, 172.16.0.0/12, 169.254.0.0/16) and t.ports = 22",
	"fields":    "t.path = val(t.path2) and t.num < val(t.num2)",
	"transform": "toupper(t.name) = APACHE",
	"join":      `join("-", (t.name, t.num)) = x`,
	"getopt":    `getopt(t.list, "abc:")[c] = x`,
	"exists":    "not t.name exists",
	"many":      "t.list intersects (x, y) or t.ends = 1.1.1.1 or t.half > 100 or len(t.list) > 5",
}

// many returns a condition with n values in each of its lists.
func manyValues(shape string, n int) string {
	var values []string
	for i := range n {
		values = append(values, fmt.Sprintf("/data/app%d/bin%d", i*7919%100003, i))
	}
	if op, list := strings.CutSuffix(shape, " list"); list {
		return fmt.Sprintf("t.path %s (%s)", op, strings.Join(values, ", "))
	}
	for i, v := range values {
		values[i] = fmt.Sprintf("t.path %s %s", shape, v)
	}
	return strings.Join(values, " or ")
}

func TestMatchDoesNotAllocate(t *testing.T) {
	cat := fakeCatalogue(someFacts())
	c := NewCompiler(cat)
	ctx, ev := &field.Context{}, someEvent(t)
	filters := map[string]*Filter{}
	for name, text := range typical {
		filters[name] = mustCompile(t, c, text)
		mustCompile(t, c, "t.flags = 1 and ("+text+")") // shares it
	}
	for _, shape := range []string{"in list", "pmatch list", "startswith", "endswith", "contains", "icontains", "="} {
		filters[shape] = mustCompile(t, c, manyValues(shape, 200))
	}
	for name, f := range filters {
		match := func() {
			ctx.Reset(ev, nil, nil, nil, -1, "syscall")
			if f.Match(ctx) {
				t.Errorf("%s holds", name)
			}
		}
		match() // scratch grows once
		if n := testing.AllocsPerRun(100, match); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	for name, text := range typical {
		b.Run(name, func(b *testing.B) { benchmarkMatch(b, text, someFacts()) })
	}
}

func BenchmarkValues(b *testing.B) {
	facts := someFacts()
	facts.path = of("/data/app50000/nothing")
	for _, shape := range []string{"in list", "pmatch list", "startswith", "endswith", "contains", "="} {
		for _, n := range []int{10, 10_000, 100_000} {
			if n > 10_000 && (shape == "contains" || testing.Short()) {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", shape, n), func(b *testing.B) { benchmarkMatch(b, manyValues(shape, n), facts) })
		}
	}
}

// BenchmarkNames looks ever other texts up, so that caches do not help.
func BenchmarkNames(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			facts := someFacts()
			c := NewCompiler(fakeCatalogue(facts))
			f := mustCompile(b, c, manyValues("in list", n))
			var subjects [1024]string
			for i := range subjects {
				subjects[i] = fmt.Sprintf("/data/app%d/other%d", i*31, i)
			}
			ctx := &field.Context{}
			i := 0
			for b.Loop() {
				ctx.Epoch++
				i++
				facts.path = &subjects[i%len(subjects)]
				f.Match(ctx)
			}
		})
	}
}

// benchmarkMatch measures one condition for one event.
func benchmarkMatch(b *testing.B, text string, facts *facts) {
	c := NewCompiler(fakeCatalogue(facts))
	f := mustCompile(b, c, text)
	ctx, ev := &field.Context{Memo: make([]uint32, c.MemoSize())}, someEvent(b)
	b.ReportAllocs()
	for b.Loop() {
		ctx.Reset(ev, nil, nil, nil, -1, "syscall")
		f.Match(ctx)
	}
}

// someEvent is an event for the contexts of tests whose fields do not read it.
func someEvent(t testing.TB) *event.Event {
	t.Helper()
	ev := &event.Event{}
	if err := ev.Decode(event.AppendRecord(nil, 1, 1, event.Close)); err != nil {
		t.Fatal(err)
	}
	return ev
}

func BenchmarkParseAndCompile1000(b *testing.B) {
	cat := fakeCatalogue(someFacts())
	var texts []string
	for i := range 1000 {
		texts = append(texts, fmt.Sprintf("t.num = %d and (%s) and not (%s)", i, typical["sensitive"], typical["contains"]))
	}
	b.ReportAllocs()
	for b.Loop() {
		c := NewCompiler(cat)
		for _, text := range texts {
			n, err := syntax.Parse(text)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := c.Compile(n, "syscall"); err != nil {
				b.Fatal(err)
			}
		}
	}
}
