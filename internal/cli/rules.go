// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// validateRules checks the files of -V, which are loaded in their order, one after the other.
func (o *options) validateRules(cfg *config.Config) error {
	loaded, err := app.LoadRules(cfg, o.validate, app.Catalogue(cfg))
	if err != nil {
		return err
	}
	bad := 0
	for _, name := range loaded.Names {
		errors, warnings := 0, 0
		for _, p := range loaded.Set.Problems {
			if p.File != name {
				continue
			}
			if p.Severity == diag.Error {
				errors++
			} else if p.Severity == diag.Warning {
				warnings++
			}
		}
		bad += errors
		fmt.Fprintln(o.stdout, name+": "+verdict(errors, warnings))
		for _, p := range loaded.Set.Problems {
			if p.File == name {
				fmt.Fprintln(o.stdout, p.Text())
			}
		}
	}
	if bad > 0 {
		return errSaid
	}
	return loaded.Err()
}

// verdict is Falco's word for how a file was found.
func verdict(errors, warnings int) string {
	switch {
	case errors > 0:
		return "Invalid"
	case warnings > 0:
		return "Ok, with warnings"
	}
	return "Ok"
}

// ruleInfo describes a rule.
type ruleInfo struct {
	Name        string   `json:"name"`
	Condition   string   `json:"condition"`
	Priority    string   `json:"priority"`
	Output      string   `json:"output"`
	Description string   `json:"description"`
	Enabled     bool     `json:"enabled"`
	Source      string   `json:"source"`
	Tags        []string `json:"tags"`
}

// info describes a rule.
func info(r *rule.Rule) ruleInfo {
	return ruleInfo{r.Name, r.ConditionText, r.Priority.String(), r.Output, r.Desc, r.Enabled, r.Source, append([]string{}, r.Tags...)}
}

// describeRules prints all rules, or the one that -l names.
func (o *options) describeRules(cfg *config.Config) error {
	loaded, err := app.LoadRules(cfg, o.rules, app.Catalogue(cfg))
	if err == nil {
		err = loaded.Err()
	}
	if err != nil {
		return err
	}
	chosen := loaded.Set.Rules
	if !o.describeAll {
		r := loaded.Set.Rule(o.describe)
		if r == nil {
			return o.unknownRule(loaded.Set)
		}
		chosen = []*rule.Rule{r}
	}
	if cfg.JSONOutput {
		return o.describeJSON(loaded.Set, chosen)
	}
	fmt.Fprintf(o.stdout, "%-50s %s\n%-50s %s\n", "Rule", "Description", "----", "-----------")
	for _, r := range chosen {
		for i, line := range wrap(r.Desc, 110) {
			name := ""
			if i == 0 {
				name = r.Name
			}
			fmt.Fprintf(o.stdout, "%-50s %s\n", name, line)
		}
		fmt.Fprintln(o.stdout)
	}
	return nil
}

// unknownRule says that there is no rule of the name that was asked for.
func (o *options) unknownRule(set *rule.Set) error {
	var names []string
	for _, r := range set.Rules {
		names = append(names, r.Name)
	}
	text := fmt.Sprintf("unknown rule %q", o.describe)
	if hint := diag.DidYouMean(o.describe, names); hint != "" {
		text += " (" + hint + ")"
	}
	return fmt.Errorf("%s", text)
}

// describeJSON prints rules, and for -L macros and lists too.
func (o *options) describeJSON(set *rule.Set, chosen []*rule.Rule) error {
	type named map[string]any
	out := named{}
	var rows []named
	for _, r := range chosen {
		rows = append(rows, named{"info": info(r)})
	}
	out["rules"] = rows
	if o.describeAll {
		macros, lists := []named{}, []named{}
		for _, m := range set.Macros {
			macros = append(macros, named{"info": named{"name": m.Name, "condition": m.ConditionText}, "details": named{"used": m.Used}})
		}
		for _, l := range set.Lists {
			lists = append(lists, named{"info": named{"name": l.Name, "items": l.Items}, "details": named{"used": l.Used, "items_compiled": l.Compiled}})
		}
		out["macros"], out["lists"] = macros, lists
		out["required_engine_version"] = set.Engine
	}
	return json.NewEncoder(o.stdout).Encode(out)
}
