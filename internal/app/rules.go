// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/metric"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/ruletest"
	"github.com/gyrfalcon/gyrfalcon/rules"
)

// Rules are loaded rules and where they came from.
type Rules struct {
	Set *rule.Set
	// Names are the files, or "the embedded rules".
	Names []string
	// Files are all files with their hashes, for metrics.
	Files []metric.File
	// Absent are entries of rules_files that do not exist.
	Absent []string
}

// errNoRules is what Falco says, too, when it has no rules file.
var errNoRules = errors.New("no rules: You must specify at least one rules file or directory with -r or in rules_files (leave rules_files out to use the embedded rules)")

// localRules is the directory of rules that are added to the embedded ones, if it exists.
var localRules = "/etc/gyr/rules.d"

// LoadRules reads the rules that the configuration names, or those in paths instead, or the
// embedded ones and those in localRules if there are neither. Mistakes in them stand in the result's Set; the error is only
// about files that are not there.
func LoadRules(cfg *config.Config, paths []string, cat *field.Catalogue) (*Rules, error) {
	files := paths
	var err error
	switch {
	case len(paths) > 0:
		files, err = expandRules(paths, true)
	case cfg.RulesFiles != nil:
		files, err = expandRules(cfg.RulesFiles, false)
	default:
		return loadEmbedded(cfg, cat)
	}
	if err != nil {
		return nil, err
	}
	var absent []string
	if len(paths) == 0 {
		absent = absentFiles(cfg.RulesFiles)
	}
	if len(files) == 0 {
		if len(absent) > 0 {
			return nil, fmt.Errorf("%w; not there: %s", errNoRules, strings.Join(absent, ", "))
		}
		return nil, errNoRules
	}
	sources := readRules(files)
	return &Rules{Set: rule.Load(sources, ruleOptions(cfg, cat)), Names: files, Files: rulesFiles(sources), Absent: absent}, nil
}

// absentFiles are the paths that do not exist.
func absentFiles(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

// readRules reads files of rules; what cannot be read becomes a problem of its file.
func readRules(files []string) []rule.Source {
	var sources []rule.Source
	for _, f := range files {
		content, err := os.ReadFile(f)
		sources = append(sources, rule.Source{Name: f, Content: content, Err: err})
	}
	return sources
}

// loadEmbedded loads the rules that are part of the program, and local ones behind them.
func loadEmbedded(cfg *config.Config, cat *field.Catalogue) (*Rules, error) {
	names, err := fs.Glob(rules.FS, "*.yaml")
	if err != nil || len(names) == 0 {
		return nil, errors.New("the program was built without its rules")
	}
	var sources []rule.Source
	for _, name := range names {
		content, err := rules.FS.ReadFile(name)
		sources = append(sources, rule.Source{Name: "rules/" + name, Content: content, Err: err})
	}
	local, err := expandRules([]string{localRules}, false)
	if err != nil {
		return nil, err
	}
	sources = append(sources, readRules(local)...)
	return &Rules{Set: rule.Load(sources, ruleOptions(cfg, cat)), Names: append([]string{"the embedded rules"}, local...), Files: rulesFiles(sources)}, nil
}

// expandRules replaces directories by their YAML files. Paths that do not exist are an error if
// they must, and left out otherwise.
func expandRules(paths []string, must bool) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil && must:
			return nil, fmt.Errorf("rules file %q: %w", path, errors.Unwrap(err))
		case err != nil:
			continue
		case !info.IsDir():
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("rules directory %q: %w", path, errors.Unwrap(err))
		}
		for _, e := range entries {
			ext := strings.ToLower(filepath.Ext(e.Name()))
			if file := filepath.Join(path, e.Name()); (ext == ".yaml" || ext == ".yml") && isFile(file) && !isTest(file) {
				files = append(files, file)
			}
		}
	}
	return files, nil
}

// isFile reports whether a path leads to a regular file.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// isTest reports whether a file holds tests of rules, which stand beside them.
func isTest(path string) bool {
	if !ruletest.HasTestName(path) {
		return false
	}
	content, err := os.ReadFile(path)
	return err == nil && ruletest.IsTest(content)
}

// ruleOptions translates the configuration for the rules loader.
func ruleOptions(cfg *config.Config, cat *field.Catalogue) rule.Options {
	o := rule.Options{Catalogue: cat, MinPriority: &cfg.Priority}
	for _, s := range cfg.Rules {
		match, enable := s.Enable, true
		if match == nil {
			match, enable = s.Disable, false
		}
		o.Selection = append(o.Selection, rule.Selection{Enable: enable, Rule: match.Rule, Tag: match.Tag})
	}
	for _, a := range cfg.AppendOutput {
		added := rule.Addition{
			Source: a.Match.Source, Rule: a.Match.Rule, Tags: a.Match.Tags,
			Output: a.ExtraOutput, Suggested: a.SuggestedOutput,
		}
		for _, f := range a.ExtraFields {
			if f.Field != "" {
				added.Fields = append(added.Fields, rule.FieldAdded{Key: f.Field})
			} else {
				added.Fields = append(added.Fields, rule.FieldAdded{Key: f.Key, Format: f.Format})
			}
		}
		o.Append = append(o.Append, added)
	}
	return o
}

// Err is a *MistakesError of all mistakes in the rules, nil if there are only warnings.
func (r *Rules) Err() error {
	return mistakes("the rules cannot be used", r.Set.Problems)
}

// Catalogue returns all fields, those that the configuration defines included. The fields of the
// plugin k8smeta are there in any case, but only suggest themselves where the configuration loads it.
func Catalogue(cfg *config.Config) *field.Catalogue {
	cat := field.Default()
	if !slices.Contains(cfg.LoadedPlugins(), "k8smeta") {
		for _, f := range slices.Clone(cat.All()) {
			if f.Class == "k8smeta" && f.Flags&field.FormatSuggested != 0 {
				quiet := *f
				quiet.Flags &^= field.FormatSuggested
				cat.Add(&quiet)
			}
		}
	}
	names := make([]string, 0, len(cfg.StaticFields))
	for name := range cfg.StaticFields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text := cfg.StaticFields[name]
		cat.Add(&field.Field{
			Name: "static." + name, Class: "static", Type: event.CharBuf, Kind: field.KindString,
			Flags: field.FormatSuggested, Doc: "A text that the configuration defines under static_fields.",
			Str: func(*field.Context, *field.Arg) (string, bool) { return text, true },
		})
	}
	return cat
}

// baseSyscalls translates the configuration for the engine.
func baseSyscalls(cfg *config.Config, named filter.SyscallSet) engine.BaseSyscalls {
	b := cfg.BaseSyscalls
	return engine.BaseSyscalls{Custom: b.CustomSet, Repair: b.Repair, All: b.All, Named: named}
}

// SyscallNames lists the names of system calls, sorted.
func SyscallNames(s filter.SyscallSet) []string {
	var names []string
	for code := range s.All() {
		names = append(names, event.SyscallByCode(code).Name)
	}
	slices.Sort(names)
	return names
}
