// SPDX-License-Identifier: Apache-2.0

package filter_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/internal/corpus"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// TestConformanceEval evaluates the conditions of the state tests at the events where Falco did.
func TestConformanceEval(t *testing.T) {
	score := corpus.NewScore(t, "filter-eval")
	for _, sc := range statetest.Load(t) {
		evalCase(t, sc, score)
	}
	score.Hold(evalExcused)
}

// evalExcused is how many rows may disagree; the test prints which and why.
const evalExcused = 0

// evalCase runs one case.
func evalCase(t *testing.T, sc *statetest.Case, score *corpus.Score) {
	st := sc.State()
	st.SetUsers([]state.User{{UID: 1000, GID: 1000, Name: "cloudsdk", Home: "/home/cloudsdk", Shell: "/bin/bash"}},
		[]state.Group{{GID: 1000, Name: "cloudsdk"}})
	c := field.NewContext(&field.Machine{Addrs: map[netip.Addr]struct{}{}})
	ev := &event.Event{}
	started := false
	for i := range sc.Steps {
		step := &sc.Steps[i]
		switch step.Op {
		case "event":
			if started {
				st.After(ev)
			}
			rec, err := step.Record()
			if err != nil {
				t.Fatal(err)
			}
			if err := ev.Decode(rec); err != nil {
				t.Fatalf("%s: step %d: %v", sc.ID, i, err)
			}
			ev.CPU, started = 1, true
			th, fd, num := st.Apply(ev)
			c.Reset(ev, st, th, fd, num, filter.SyscallSource)
		case "filter", "compiles":
			if step.Num > 0 {
				ev.Num = step.Num
			}
			if strings.Contains(step.Filter, "sample.") {
				continue // fields of a plugin that only those tests have
			}
			score.Row(fmt.Sprintf("%s #%d", sc.ID, step.Num), evalStep(step, c, started))
		}
	}
}

// evalStep returns what differs at one step.
func evalStep(step *statetest.Step, c *field.Context, started bool) string {
	n, err := syntax.Parse(step.Filter)
	var f *filter.Filter
	if err == nil {
		f, _, err = filter.NewCompiler(field.Default()).Compile(n, filter.SyscallSource)
	}
	want := step.Value == true
	if err != nil {
		msg := err.Error()
		var e *syntax.Error
		if errors.As(err, &e) {
			msg = fmt.Sprintf("filter error at index %d, line %d, column %d: %s", e.Pos.Offset, e.Pos.Line, e.Pos.Col, msg)
		}
		if step.Error != "" && step.Error == msg || step.Error == "" && step.Op == "compiles" && !want {
			return ""
		}
		return fmt.Sprintf("%s: error %q, want %v %q", step.Filter, err, step.Value, step.Error)
	}
	if step.Error != "" {
		return fmt.Sprintf("%s: no error, want %q", step.Filter, step.Error)
	}
	if step.Op == "compiles" || !started {
		return ""
	}
	if got := f.Match(c); got != want {
		return fmt.Sprintf("%s: %v, want %v", step.Filter, got, step.Value)
	}
	return ""
}
