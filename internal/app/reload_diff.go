// SPDX-License-Identifier: Apache-2.0

package app

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// MistakesError are the mistakes for which files cannot be used.
type MistakesError struct {
	What     string
	Problems []diag.Problem // errors only
}

// mistakes makes an error of the problems that are errors; nil if there are none.
func mistakes(what string, problems []diag.Problem) error {
	e := &MistakesError{What: what}
	for _, p := range problems {
		if p.Severity == diag.Error {
			e.Problems = append(e.Problems, p)
		}
	}
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}

// Error names all mistakes, for people.
func (e *MistakesError) Error() string {
	text := e.What + ":"
	for _, p := range e.Problems {
		text += "\n" + p.Text()
	}
	return text
}

// Short names the first mistake on one line.
func (e *MistakesError) Short() string {
	text := e.What + ": " + strings.Replace(e.Problems[0].String(), ": error: ", ": ", 1)
	if more := len(e.Problems) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// ruleKey is the hash of what a rule does.
type ruleKey [sha256.Size]byte

// ruleKeys are the rules in use with what they do.
func ruleKeys(g *generation) map[string]ruleKey {
	keys := map[string]ruleKey{}
	for _, c := range g.engine.Counts() {
		r := c.Rule
		text := fmt.Sprintf("%q %q %q %d %q %v %d", syntax.Print(r.Condition), r.Output, r.Source, r.Priority, r.Tags, r.Capture, r.CaptureDuration)
		for _, f := range r.Fields {
			text += fmt.Sprintf(" %q %v", f.Key, f.Typed)
		}
		keys[r.Name] = sha256.Sum256([]byte(text))
	}
	return keys
}

// diffRules names the rules in use that are new, gone, or do something else.
func diffRules(before, now *generation) control.Change {
	var c control.Change
	was, is := before.keys(), now.keys()
	for name, key := range is {
		if old, ok := was[name]; !ok {
			c.Added = append(c.Added, name)
		} else if old != key {
			c.Changed = append(c.Changed, name)
		}
	}
	for name := range was {
		if _, ok := is[name]; !ok {
			c.Removed = append(c.Removed, name)
		}
	}
	slices.Sort(c.Added)
	slices.Sort(c.Changed)
	slices.Sort(c.Removed)
	return c
}

// diffOutputs names the outputs that are new, gone, or open anew.
func diffOutputs(before, now []*openOutput) control.Change {
	var c control.Change
	has := func(list []*openOutput, name string) bool {
		return slices.ContainsFunc(list, func(p *openOutput) bool { return p.row.name == name })
	}
	for _, p := range now {
		switch {
		case p.silent, slices.Contains(before, p):
		case has(before, p.row.name):
			c.Changed = append(c.Changed, p.where)
		default:
			c.Added = append(c.Added, p.where)
		}
	}
	for _, p := range before {
		if !p.silent && !has(now, p.row.name) {
			c.Removed = append(c.Removed, p.where)
		}
	}
	return c
}

// sayReloaded says in the log what a reload changed.
func (a *App) sayReloaded(r *control.Reload) {
	a.sayProblems(a.generation().problems)
	a.warnings(a.generation())
	if late := stateCalls(r.Syscalls.Added); len(late) > 0 {
		a.log.Warn("the state did not see these system calls until now, what they did before is unknown (a restart looks it up)", "calls", strings.Join(late, ","))
	}
	for _, key := range r.Restart {
		a.log.Warn("the new value of " + key + " needs a restart, the old one stays in force until then")
	}
	a.log.Info(fmt.Sprintf("reloaded (%s): %d rules in use; %s", r.Reason, r.InUse, Differences(r)),
		"generation", r.Generation, "built in", fmt.Sprintf("%.0fms", r.BuildMS), "taken over in", fmt.Sprintf("%.0fms", r.SwapMS))
}

// stateCalls are those of the named system calls that the state is made of.
func stateCalls(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		c := event.SyscallByName(name)
		return c == nil || !c.State
	})
}

// Differences is what a reload changed, on one line.
func Differences(r *control.Reload) string {
	var parts []string
	for _, d := range []struct {
		what string
		c    control.Change
	}{{"rules", r.Rules}, {"system calls", r.Syscalls}, {"outputs", r.Outputs}} {
		for _, list := range []struct {
			how   string
			names []string
		}{{"added", d.c.Added}, {"removed", d.c.Removed}, {"changed", d.c.Changed}} {
			if n := len(list.names); n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s %s (%s)", n, d.what, list.how, few(list.names)))
			}
		}
	}
	if len(parts) == 0 {
		return "nothing differs"
	}
	return strings.Join(parts, ", ")
}

// few are the first of a list of names.
func few(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// fingerprint is the hash of all files of configuration and rules.
type fingerprint [sha256.Size]byte

// fingerprint reads the files that a configuration consists of and those of its rules.
func (a *App) fingerprint(cfg *config.Config) (sum fingerprint) {
	h := sha256.New()
	rules, err := expandRules(a.rulesPaths(cfg), len(a.o.RulesPaths) > 0)
	fmt.Fprintf(h, "%q %v\n", rules, err)
	for _, f := range slices.Concat(cfg.Files, rules) {
		content, err := os.ReadFile(f)
		fmt.Fprintf(h, "%q %d %v\n", f, len(content), err)
		h.Write(content)
	}
	h.Sum(sum[:0])
	return sum
}

// rulesPaths are the files and directories from which the rules of a configuration come.
func (a *App) rulesPaths(cfg *config.Config) []string {
	switch {
	case len(a.o.RulesPaths) > 0:
		return a.o.RulesPaths
	case cfg.RulesFiles != nil:
		return cfg.RulesFiles
	}
	return []string{localRules}
}

// filesDiffer reports whether the files are others than at the last attempt.
func (a *App) filesDiffer() bool {
	cfg, _ := a.readAgain()
	return a.fingerprint(cfg) != a.reload.tried
}
