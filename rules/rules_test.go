// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/ruletest"
	"github.com/gyrfalcon/gyrfalcon/rules"
)

// minCoverage is how many percent of the predicates the tests must make both true and false.
const minCoverage = 80

// testFiles returns the files of tests of the default rules.
func testFiles(t *testing.T) []string {
	t.Helper()
	files, err := ruletest.Find([]string{"."})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestRules runs the tests of the default rules.
func TestRules(t *testing.T) {
	report := ruletest.Run(testFiles(t), ruletest.Options{Coverage: true})
	if !report.OK() {
		var out bytes.Buffer
		report.WriteText(&out, false)
		t.Fatal(out.String())
	}
	for _, r := range report.Coverage.Rules {
		if !r.Fired {
			t.Errorf("%s: no test makes rule %q fire", r.File, r.Rule)
		}
	}
	if got := report.Coverage.Percent(); got < minCoverage {
		t.Errorf("the tests cover %.1f%% of the predicates, less than %d%% (see gyr rules test rules --coverage)", got, minCoverage)
	}
}

// TestEveryRuleIsTested holds the tests to the rules: for each, something that fires it and
// something that does not.
func TestEveryRuleIsTested(t *testing.T) {
	expected, forbidden := map[string]bool{}, map[string]bool{}
	for _, file := range testFiles(t) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		suite, problems := ruletest.Parse(file, content)
		for _, p := range problems {
			t.Fatal(p.Text())
		}
		for _, c := range suite.Cases {
			for _, e := range c.Expect {
				expected[e.Rule.Text] = true
			}
			for _, w := range c.Forbid {
				forbidden[w.Text] = true
			}
		}
	}
	for _, r := range load(t).Rules {
		if !expected[r.Name] {
			t.Errorf("%s:%d: no test expects rule %q", r.File, r.Line, r.Name)
		}
		if !forbidden[r.Name] {
			t.Errorf("%s:%d: no test forbids rule %q: a near miss is missing", r.File, r.Line, r.Name)
		}
	}
}

// load loads the embedded rules.
func load(t *testing.T) *rule.Set {
	t.Helper()
	var sources []rule.Source
	for _, name := range embedded(t) {
		content, err := rules.FS.ReadFile(name)
		sources = append(sources, rule.Source{Name: name, Content: content, Err: err})
	}
	set := rule.Load(sources, rule.Options{})
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

// embedded lists the embedded files.
func embedded(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(rules.FS, "*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestEmbedded holds what is embedded to the directory: all rule files, no tests.
func TestEmbedded(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.yaml") })
	if got := embedded(t); !slices.Equal(got, files) {
		t.Errorf("embedded are %q, the rule files are %q (their names must not end in t.yaml)", got, files)
	}
}
