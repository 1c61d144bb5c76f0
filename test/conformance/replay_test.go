// SPDX-License-Identifier: Apache-2.0

// Package conformance replays captures and compares what the program says with what Falco 0.44.1 said
// of the same files.
package conformance

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// corpora is the directory of the corpora.
func corpora(t testing.TB) string { return filepath.Dir(statetest.Corpus(t, "README.md")) }

// capture is a recorded file with what is known of it.
type capture struct {
	name, file, fields, counts string
}

// captures lists the captures.
func captures(t testing.TB) []capture {
	dir := corpora(t)
	var list []capture
	for _, from := range []struct{ in, fields, ext string }{{"scap", "fields", ".jsonl.gz"}, {"recorded", "recorded", ".fields.jsonl.gz"}} {
		files, err := filepath.Glob(filepath.Join(dir, from.in, "*.scap"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no captures in %s (%v)", from.in, err)
		}
		for _, f := range files {
			name := strings.TrimSuffix(filepath.Base(f), ".scap")
			at := filepath.Join(dir, from.fields, name)
			list = append(list, capture{name, f, at + from.ext, at + ".counts.json"})
		}
	}
	return list
}

// replay takes a capture through state and, if there is one, the engine. see is called for every event
// before the engine.
func replay(t testing.TB, file string, e *engine.Engine, see func(c *field.Context)) {
	t.Helper()
	st := state.New(state.Options{HostRoot: t.TempDir()})
	m := &field.Machine{Addrs: map[netip.Addr]struct{}{}, Hostname: "test-falco-hostname"}
	src := scap.New(scap.Options{Path: file, State: st, Addrs: m.Addrs})
	if err := src.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	c := field.NewContext(m)
	if e != nil {
		c = e.NewContext(m)
	}
	var ev event.Event
	for {
		switch err := src.Next(&ev); {
		case err == nil:
		case errors.Is(err, source.ErrIdle):
			continue
		case errors.Is(err, io.EOF):
			return
		default:
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		th, fd, num := st.Apply(&ev)
		c.Reset(&ev, st, th, fd, num, filter.SyscallSource)
		if see != nil {
			see(c)
		}
		if e != nil && !src.Prompt() {
			e.Process(c)
		}
		st.After(&ev)
	}
}

// newEngine compiles rules files. enable switches every rule on.
func newEngine(t testing.TB, paths []string, enable bool, r rule.Options, o engine.Options) *engine.Engine {
	t.Helper()
	var sources []rule.Source
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, rule.Source{Name: p, Content: b})
	}
	if enable {
		r.Selection = []rule.Selection{{Enable: true, Rule: "*"}}
	}
	return compile(t, sources, r, o)
}

// compile compiles rules.
func compile(t testing.TB, sources []rule.Source, r rule.Options, o engine.Options) *engine.Engine {
	t.Helper()
	r.Catalogue = app.Catalogue(config.Default())
	o.MinPriority, o.Hostname = alert.Debug, "test-falco-hostname"
	e, err := engine.New(rule.Load(sources, r), r.Catalogue, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// lines calls do with each line of a compressed file.
func lines(t testing.TB, path string, do func([]byte)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(z)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		do(in.Bytes())
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
}

// agreement counts how many values agree, by name.
type agreement struct {
	agreed, total map[string]int
	examples      map[string][]string
}

// newAgreement returns an empty count.
func newAgreement() *agreement {
	return &agreement{map[string]int{}, map[string]int{}, map[string][]string{}}
}

// maxExamples is how many disagreements of a name are shown.
const maxExamples = 4

// add counts a value.
func (a *agreement) add(name string, ok bool, format string, args ...any) {
	a.total[name]++
	if ok {
		a.agreed[name]++
		return
	}
	if len(a.examples[name]) < maxExamples || os.Getenv("GYR_EXAMPLES") == "all" {
		a.examples[name] = append(a.examples[name], fmt.Sprintf(format, args...))
	}
}

var update = flag.Bool("update", false, "write what disagrees to testdata")

// report logs how many values agree, worst first, and holds the figures: testdata says how many values of each
// name disagree, which docs/differences.md explains. More may not.
func (a *agreement) report(t *testing.T, what string) {
	t.Helper()
	var names []string
	agreed, total := 0, 0
	for n := range a.total {
		agreed += a.agreed[n]
		total += a.total[n]
		names = append(names, n)
	}
	off := func(n string) int { return a.total[n] - a.agreed[n] }
	slices.SortFunc(names, func(x, y string) int { return cmp.Or(cmp.Compare(off(y), off(x)), cmp.Compare(x, y)) })
	var now bytes.Buffer
	for _, n := range names {
		if off(n) > 0 || testing.Verbose() {
			t.Logf("%s: %d of %d values agree", n, a.agreed[n], a.total[n])
		}
		if off(n) > 0 {
			fmt.Fprintf(&now, "%d of %d\t%s\n", off(n), a.total[n], n)
		}
		for _, e := range a.examples[n] {
			t.Logf("    %s", e)
		}
	}
	t.Logf("%s: %d of %d values agree (%d do not)", what, agreed, total, total-agreed)
	file := filepath.Join("testdata", what+".disagree.txt")
	if *update {
		if err := os.WriteFile(file, now.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	allowed := map[string]int{}
	known, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(known)) {
		count, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n := 0
		if _, err := fmt.Sscan(count, &n); err != nil {
			t.Fatalf("%s: %q: %v", file, line, err)
		}
		allowed[name] = n
	}
	for _, n := range names {
		switch got := off(n); {
		case got > allowed[n]:
			t.Errorf("%s: %s: %d values disagree, %d did", what, n, got, allowed[n])
		case got < allowed[n]:
			t.Logf("%s: %s: only %d values disagree, %d did: write that down with -update", what, n, got, allowed[n])
		}
	}
}

// sameJSON compares values; the elements of lists come in any order.
func sameJSON(got, want []byte) bool {
	if bytes.Equal(got, want) {
		return true
	}
	var x, y any
	if json.Unmarshal(got, &x) != nil || json.Unmarshal(want, &y) != nil {
		return false
	}
	a, listA := x.([]any)
	b, listB := y.([]any)
	if listA && listB {
		return slices.Equal(sorted(a), sorted(b))
	}
	return !listA && !listB && x == y
}

// sorted renders and sorts a list.
func sorted(list []any) []string {
	var out []string
	for _, v := range list {
		out = append(out, fmt.Sprint(v))
	}
	slices.Sort(out)
	return out
}

// cut shortens a text for messages.
func cut(b []byte) string {
	if len(b) > 200 {
		return string(b[:200]) + "…"
	}
	return string(b)
}

// write writes a file for the test and returns its path.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
