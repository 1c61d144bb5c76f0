// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/rules"
)

// row says how a rule is tested: Do must make it fire, NearMiss must not.
type row struct {
	Rule     string
	Do       func(*scene)
	NearMiss func(*scene)
}

// table holds the rows of all areas.
var table = slices.Concat(sensitiveRows, processRootRows, persistenceRows, privilegeRows, kernelRows, networkRows, shellRows, exfilRows)

// TestEveryRuleHasARow holds the table to the embedded rules.
func TestEveryRuleHasARow(t *testing.T) {
	rows := map[string]int{}
	for _, r := range table {
		rows[r.Rule]++
		if r.Do == nil || r.NearMiss == nil {
			t.Errorf("the row of %q lacks one half", r.Rule)
		}
	}
	names := ruleNames(t)
	for _, name := range names {
		if rows[name] == 0 {
			t.Errorf("rule %q has no row", name)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("a row is about %q, which is no rule", name)
	}
	if len(names) < 30 {
		t.Errorf("only %d rules are embedded", len(names))
	}
}

func ruleNames(t *testing.T) (names []string) {
	t.Helper()
	files, err := fs.Glob(rules.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := rules.FS.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var items []struct {
			Rule string
		}
		if err := yaml.Unmarshal(data, &items); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, item := range items {
			if item.Rule != "" {
				names = append(names, item.Rule)
			}
		}
	}
	return names
}

// TestRules does, for every rule, the thing that it is about, and a near miss.
func TestRules(t *testing.T) {
	w := watch(t)
	for i, r := range table {
		t.Run(r.Rule, func(t *testing.T) {
			t.Parallel()
			hit := newScene(t, fmt.Sprintf("m%03dhit", i))
			r.Do(hit)
			if len(w.wait(1, 5*time.Second, of(r.Rule, hit.mark))) == 0 {
				t.Errorf("no alert; others with the mark: %s", outputs(w, hit.mark))
			}
			miss := newScene(t, fmt.Sprintf("m%03dmiss", i))
			r.NearMiss(miss)
			barrier(t, w, fmt.Sprintf("m%03dwall", i))
			for _, a := range w.find(of(r.Rule, miss.mark)) {
				t.Errorf("the near miss brought an alert: %s", a.Output)
			}
		})
	}
}

// outputs lists what was said about a mark, for failure messages.
func outputs(w *watcher, mark string) (text string) {
	for _, a := range w.find(of("", mark)) {
		text += "\n\t" + a.Rule + ": " + a.Output
	}
	if text == "" {
		return "none"
	}
	return text
}
