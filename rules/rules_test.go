// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/rules"
)

func load(t *testing.T) *rule.Set {
	t.Helper()
	names, err := fs.Glob(rules.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var sources []rule.Source
	for _, name := range names {
		content, err := rules.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, rule.Source{Name: name, Content: content})
	}
	return rule.Load(sources, rule.Options{})
}

// TestLoad holds the default rules to loading without an error or a warning.
func TestLoad(t *testing.T) {
	set := load(t)
	for _, p := range set.Problems {
		t.Error(p.Text())
	}
	for _, f := range set.Files {
		for _, advice := range f.Schema {
			t.Errorf("%s: %s", f.Name, advice)
		}
	}
	if len(set.Rules) < 30 {
		t.Errorf("%d rules, want at least 30", len(set.Rules))
	}
	if !slices.IsSortedFunc(set.Rules, func(a, b *rule.Rule) int { return strings.Compare(a.File, b.File) }) {
		t.Error("the rules are not in the order of their files")
	}
}

var (
	maturity  = regexp.MustCompile(`^maturity_(stable|incubating|sandbox)$`)
	tactic    = regexp.MustCompile(`^mitre_[a-z_]+$`)
	technique = regexp.MustCompile(`^(T\d{4}(\.\d{3})?|TA\d{4})$`)
)

// TestStyle holds every rule to what a reader of its alerts needs.
func TestStyle(t *testing.T) {
	for _, r := range load(t).Rules {
		count := func(re *regexp.Regexp) int {
			return len(slices.DeleteFunc(slices.Clone(r.Tags), func(tag string) bool { return !re.MatchString(tag) }))
		}
		if count(maturity) != 1 || count(tactic) == 0 || count(technique) == 0 {
			t.Errorf("%s: tags %q lack the maturity, a tactic or a technique", r.Name, r.Tags)
		}
		if !slices.Contains(r.Tags, "host") && !slices.Contains(r.Tags, "container") {
			t.Errorf("%s: tags %q say neither host nor container", r.Name, r.Tags)
		}
		for _, field := range []string{"%user.name", "%proc.name", "%proc.exepath", "%proc.pname", "%proc.cmdline"} {
			if !strings.Contains(r.Output, field) {
				t.Errorf("%s: the output lacks %s", r.Name, field)
			}
		}
		if len(r.Desc) < 60 || !strings.HasSuffix(strings.TrimSpace(r.Desc), ".") {
			t.Errorf("%s: the description %q is no full sentence", r.Name, r.Desc)
		}
	}
}
