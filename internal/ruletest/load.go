// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// Find returns the files of tests that paths mean: the files themselves, and those in directories.
func Find(paths []string) (files []string, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("tests %q: no such file or directory", path)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		n := len(files)
		for _, e := range entries {
			if HasTestName(e.Name()) && e.Type().IsRegular() {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
		if len(files) == n {
			return nil, fmt.Errorf("tests %q: the directory has no files named *_test.yaml", path)
		}
	}
	return files, nil
}

// sources finds the rule files that a suite tests. own are those that it is about; the others are
// there because these need their macros and lists.
func (s *Suite) sources(embedded []rule.Source) (sources []rule.Source, own map[string]bool) {
	own = map[string]bool{}
	dir := filepath.Dir(s.File)
	if len(s.Rules) > 0 {
		if s.Embedded {
			sources = append(sources, embedded...)
		}
		for _, w := range s.Rules {
			path := w.Text
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			for _, file := range expand(path) {
				sources = append(sources, read(file))
				own[file] = true
				if err := sources[len(sources)-1].Err; err != nil {
					s.r.bad(w.node, "paths are relative to the file of tests", "rules file %q cannot be read", w.Text)
				}
			}
		}
		return sources, own
	}
	for _, ext := range []string{".yaml", ".yml"} {
		base := strings.TrimSuffix(strings.TrimSuffix(s.File, ".yaml"), ".yml")
		file := strings.TrimSuffix(base, "_test") + ext
		if _, err := os.Stat(file); !s.Embedded && err == nil && file != s.File {
			own[file] = true
			return withNeeds(file), own
		}
	}
	for _, src := range embedded {
		own[src.Name] = true
	}
	return embedded, own
}

// expand returns the rule files that a path means.
func expand(path string) []string {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}
	}
	var files []string
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if (ext == ".yaml" || ext == ".yml") && !HasTestName(e.Name()) && !e.IsDir() {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	return files
}

// read reads one rules file.
func read(file string) rule.Source {
	content, err := os.ReadFile(file)
	return rule.Source{Name: file, Content: content, Err: err}
}

// withNeeds returns a rules file and those files of its directory that define what it names, and
// what these name in turn, in the order of their names.
func withNeeds(file string) (sources []rule.Source) {
	all := map[string]rule.Source{}
	owner := map[string]string{} // of a macro or list
	for _, f := range expand(filepath.Dir(file)) {
		src := read(f)
		all[f] = src
		if src.Err != nil {
			continue
		}
		for _, name := range defined(src.Content) {
			if owner[name] == "" {
				owner[name] = f
			}
		}
	}
	if _, ok := all[file]; !ok {
		all[file] = read(file)
	}
	needed := map[string]bool{file: true}
	for queue := []string{file}; len(queue) > 0; queue = queue[1:] {
		for _, name := range namedWords(all[queue[0]].Content) {
			if f := owner[name]; f != "" && !needed[f] {
				needed[f] = true
				queue = append(queue, f)
			}
		}
	}
	for _, f := range sortedKeys(needed) {
		sources = append(sources, all[f])
	}
	return sources
}

// defined returns the names of the macros and lists that a rules file defines.
func defined(content []byte) (names []string) {
	defer func() { _ = recover() }() // the library panics on some broken inputs
	var items []map[string]any
	if yaml.Unmarshal(content, &items) != nil {
		return nil
	}
	for _, item := range items {
		for _, kind := range []string{"macro", "list"} {
			if name, ok := item[kind].(string); ok && item["override"] == nil && item["append"] == nil {
				names = append(names, name)
			}
		}
	}
	return names
}

// namedWords returns the words of a text that may be names of macros and lists.
func namedWords(content []byte) []string {
	return strings.FieldsFunc(string(content), func(c rune) bool {
		return strings.ContainsRune(" \t\r\n(),=[]{}:'\"", c)
	})
}

// ruleSet are the rules that a suite tests.
type ruleSet struct {
	set *rule.Set
	own map[string]bool
}

// load loads the suite's rules; what is wrong with them is among the problems.
func (s *Suite) load(o *Options) (*ruleSet, []diag.Problem) {
	sources, own := s.sources(o.Embedded)
	if len(s.r.problems) > 0 {
		return nil, s.r.problems
	}
	set := rule.Load(sources, rule.Options{Catalogue: o.Catalogue})
	if set.Err() == nil {
		s.checkRules(set)
		return &ruleSet{set, own}, s.r.problems
	}
	var problems []diag.Problem
	for _, p := range set.Problems {
		if p.Severity == diag.Error {
			problems = append(problems, p)
		}
	}
	return nil, problems
}

// checkRules checks the names of rules, and of the fields of their outputs.
func (s *Suite) checkRules(set *rule.Set) {
	var known []string
	for _, r := range set.Rules {
		known = append(known, r.Name)
	}
	check := func(words []word) {
		for _, w := range words {
			if set.Rule(w.Text) == nil {
				s.r.bad(w.node, diag.DidYouMean(w.Text, known), "unknown rule %q", w.Text)
			}
		}
	}
	check(s.Enable)
	for _, c := range s.Cases {
		check(c.Enable)
		check(c.Forbid)
		for _, e := range c.Expect {
			check([]word{e.Rule})
			r := set.Rule(e.Rule.Text)
			if r == nil {
				continue
			}
			for _, f := range e.Fields {
				keys := outputKeys(r)
				if !slices.Contains(keys, f.key.Text) {
					s.r.bad(f.key.node, cmpOr(diag.DidYouMean(f.key.Text, keys), "the output has "+strings.Join(keys, ", ")),
						"the output of rule %q has no field %q", r.Name, f.key.Text)
				}
			}
		}
	}
}

// outputKeys lists the fields of a rule's output.
func outputKeys(r *rule.Rule) (keys []string) {
	for _, t := range r.Template.Tokens() {
		keys = append(keys, t.Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
