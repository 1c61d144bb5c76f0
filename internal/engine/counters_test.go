// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// counting returns an engine of rules, each with a name and a priority.
func counting(t *testing.T, c *Counters, rules ...[2]string) *Engine {
	t.Helper()
	text := ""
	for _, r := range rules {
		text += fmt.Sprintf("- {rule: %s, desc: d, condition: evt.type = openat, output: o, priority: %s}\n", r[0], r[1])
	}
	cat := field.Default()
	set := rule.Load([]rule.Source{{Name: "r.yaml", Content: []byte(text)}}, rule.Options{Catalogue: cat})
	e, err := New(set, cat, Options{MinPriority: alert.Debug, Counters: c})
	if err != nil || set.Err() != nil {
		t.Fatal(err, set.Err())
	}
	return e
}

func TestCountersOutliveEngines(t *testing.T) {
	c := &Counters{}
	first := counting(t, c, [2]string{"a", "INFO"}, [2]string{"b", "INFO"}, [2]string{"quiet", "INFO"})
	first.rules[0].count.Add(2)
	first.rules[1].count.Add(3)
	second := counting(t, c, [2]string{"b", "INFO"}, [2]string{"a", "ERROR"})
	second.rules[0].count.Add(10)
	second.rules[1].count.Add(100)
	first.rules[1].count.Add(1000) // the engine before may still be at work
	if n := second.Counts()[0].Matches; n != 1013 {
		t.Errorf("b matched %d times", n)
	}
	c.Prune(second)
	want := []Count{{"b", alert.Informational, 1013}, {"a", alert.Error, 100}, {"a", alert.Informational, 2}}
	if got := c.Matched(second); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if len(c.by) != 3 {
		t.Errorf("%d counters are left: the quiet rule is gone", len(c.by))
	}
	third := counting(t, c, [2]string{"new", "INFO"})
	if got := c.Matched(third); len(got) != 3 || got[0].Name != "a" || got[2].Name != "b" {
		t.Errorf("got %v", got)
	}
}
