// SPDX-License-Identifier: Apache-2.0

package field

import (
	"bufio"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// stateCase is one row of the state tests.
type stateCase struct {
	ID      string          `json:"id"`
	Threads json.RawMessage `json:"threads"`
	Steps   []caseStep      `json:"steps"`
}

type caseStep struct {
	Op     string            `json:"op"`
	Hex    string            `json:"hex"`
	TS     uint64            `json:"ts"`
	Num    uint64            `json:"num"`
	Type   string            `json:"type"`
	Fields map[string]string `json:"fields"`
	Field  string            `json:"field"`
	Value  any               `json:"value"`
	Custom any               `json:"custom_fields"`
}

// readCases calls f with every state test.
func readCases(t testing.TB, f func(c *stateCase)) {
	t.Helper()
	file, err := os.Open(shared(t, "sinsp-cases.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(plain)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var c stateCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		f(&c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// replay runs a case and calls check at every step that is not an event, with the context of the
// event before it.
func replay(t testing.TB, sc *stateCase, check func(step *caseStep, c *Context)) {
	t.Helper()
	noServices(t)
	st := caseState(t, sc.Threads)
	c := NewContext(&Machine{Addrs: caseAddrs})
	var ev event.Event
	started := false
	for i := range sc.Steps {
		step := &sc.Steps[i]
		if step.Op == "event" {
			if started {
				st.After(&ev)
			}
			rec, err := hex.DecodeString(step.Hex)
			if err != nil {
				t.Fatal(err)
			}
			if err := ev.Decode(rec); err != nil {
				t.Fatalf("%s: step %d: %v", sc.ID, i, err)
			}
			ev.CPU, started = 1, true
			th, fd, num := st.Apply(&ev)
			source := "syscall"
			if ev.Type() == event.PluginEvent || ev.Type() == event.AsyncEvent {
				source = ""
			}
			c.Reset(&ev, st, th, fd, num, source)
			continue
		}
		if started && step.Num > 0 {
			ev.Num = step.Num
		}
		if started {
			check(step, c)
		}
	}
}

// caseText is a field's value as the state tests have it.
func caseText(cat *Catalogue, c *Context, name string) (text string, ok bool, err error) {
	base, arg, hasArg := name, "", false
	if i := strings.IndexByte(name, '['); i > 0 {
		base, arg, hasArg = name[:i], strings.TrimSuffix(name[i+1:], "]"), true
	}
	f, a, err := cat.Resolve(base, arg, hasArg)
	if err != nil {
		return "", false, err
	}
	v, ok := f.Value(c, &a)
	if !ok {
		return "", false, nil
	}
	return string(v.AppendText(nil)), true, nil
}

// perRun are fields whose values depend on how the reference was run, or on each of its checks.
var perRun = map[string]bool{
	"util.cnt": true, "evt.deltatime": true, "evt.deltatime.s": true, "evt.deltatime.ns": true, "proc.ppid.duration": true,
	"evt.pluginname": true, "evt.hostname": true, "evt.source": true, "evt.plugininfo": true,
}

// agreement counts how many values agree, by field.
type agreement struct {
	agreed, total map[string]int
	examples      map[string][]string
}

func newAgreement() *agreement {
	return &agreement{map[string]int{}, map[string]int{}, map[string][]string{}}
}

func (a *agreement) add(field string, ok bool, format string, args ...any) {
	a.total[field]++
	if ok {
		a.agreed[field]++
		return
	}
	if len(a.examples[field]) < 3 {
		a.examples[field] = append(a.examples[field], fmt.Sprintf(format, args...))
	}
}

// report logs the fields that do not always agree, worst first, and returns the sums.
func (a *agreement) report(t *testing.T) (agreed, total int) {
	var fields []string
	for f, n := range a.total {
		total += n
		agreed += a.agreed[f]
		if a.agreed[f] < n {
			fields = append(fields, f)
		}
	}
	sort.Slice(fields, func(i, j int) bool {
		x, y := a.total[fields[i]]-a.agreed[fields[i]], a.total[fields[j]]-a.agreed[fields[j]]
		return x > y || x == y && fields[i] < fields[j]
	})
	for _, f := range fields {
		t.Logf("%s: %d of %d values agree", f, a.agreed[f], a.total[f])
		for _, e := range a.examples[f] {
			t.Logf("    %s", e)
		}
	}
	t.Logf("%d of %d values agree", agreed, total)
	return agreed, total
}

// TestStateCases compares every field after every event of the state tests.
func TestStateCases(t *testing.T) {
	names := map[string]bool{}
	readCases(t, func(sc *stateCase) {
		for i := range sc.Steps {
			for name := range sc.Steps[i].Fields {
				names[name] = true
			}
		}
	})
	cat := Default()
	result := newAgreement()
	readCases(t, func(sc *stateCase) {
		replay(t, sc, func(step *caseStep, c *Context) {
			if step.Fields == nil {
				return
			}
			for name := range names {
				if perRun[name] {
					continue
				}
				want, has := step.Fields[name]
				got, ok, err := caseText(cat, c, name)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if !has && !ok {
					continue
				}
				if name == "fd.types" {
					want, got = sortList(want), sortList(got)
				}
				base, _, _ := strings.Cut(name, "[")
				result.add(base, has == ok && want == got, "%s %s #%d: got %q (%v), want %q (%v)", name, sc.ID, step.Num, cut(got), ok, cut(want), has)
			}
		})
	})
	agreed, total := result.report(t)
	if agreed < caseFloor {
		t.Errorf("%d of %d values agree, at least %d did", agreed, total, caseFloor)
	}
}

func cut(s string) string { return s[:min(len(s), 300)] }

// sortList sorts the elements of a printed list.
func sortList(s string) string {
	parts := strings.Split(strings.Trim(s, "()"), ",")
	slices.Sort(parts)
	return strings.Join(parts, ",")
}
