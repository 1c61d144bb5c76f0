// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// verdict compares what happened with what a case says.
type verdict struct {
	c        *Case
	t        *target
	course   *course
	failures []Failure
}

// judge returns what came out otherwise.
func (v *verdict) judge() []Failure {
	expected := map[string]bool{}
	for _, e := range v.c.Expect {
		expected[e.Rule.Text] = true
		v.expect(e)
	}
	for _, a := range v.course.alerts {
		forbidden := slices.ContainsFunc(v.c.Forbid, func(w word) bool { return w.Text == a.Rule })
		switch {
		case forbidden:
			v.fail([]string{a.Output}, "event %d (%s): rule %q fired, which the case forbids", a.index, a.what, a.Rule)
		case v.c.ForbidAny && !expected[a.Rule]:
			v.fail([]string{a.Output}, "event %d (%s): rule %q fired, which the case does not expect", a.index, a.what, a.Rule)
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
	for _, a := range v.course.alerts {
		if a.Rule != e.Rule.Text {
			continue
		}
		fired++
		if d := e.differences(a.Alert); len(d) > 0 {
			differences = append(differences, d...)
		} else {
			fit++
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
	near := v.course.near[name]
	if near == nil {
		return []string{"the rule looks at other types of events than " + strings.Join(sortedKeys(v.course.types), ", ")}
	}
	var lines []string
	if near.failures == 0 {
		lines = append(lines, fmt.Sprintf("its condition holds for event %d (%s), but another rule matched first (matching: all lets every rule fire)", near.index, near.what))
	} else {
		lines = append(lines, fmt.Sprintf("nearest was event %d (%s):", near.index, near.what))
		for _, l := range near.why {
			lines = append(lines, "  "+l)
		}
	}
	for i, a := range v.course.alerts {
		if i == maxAlternatives {
			lines = append(lines, fmt.Sprintf("and %d more alerts", len(v.course.alerts)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("instead event %d (%s) raised %q", a.index, a.what, a.Rule))
	}
	return lines
}
