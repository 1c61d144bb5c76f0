// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

func init() { rulesCommands = append(rulesCommands, newRulesExplain, newRulesList) }

const rulesExplainLong = `Explain a rule: its condition with every macro where it was used, what each part costs and whether
other rules share it, the events and system calls that it needs, the fields with their meaning and
when they have no value, output and exceptions.

Costs are the compiler's estimates, in nanoseconds, by which it also orders the tests.`

const rulesExplainExample = `  gyr rules explain "Read sensitive file"              a rule of the configured files
  gyr rules explain -r my_rules.yaml my_rule           of other files
  gyr rules explain -r my_rules.yaml my_rule --format json`

// ruleOptions are the flags of "gyr rules explain" and "gyr rules list".
type ruleOptions struct {
	*options
	rules  []string
	format string
}

// flags declares the flags.
func (o *ruleOptions) flags(cmd *cobra.Command) *cobra.Command {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.options.config, "config", "c", "", "configuration `file` (default "+strings.Join(o.options.configPaths(), " or ")+")")
	f.StringArrayVarP(&o.rules, "rules", "r", nil, "rules `file or directory`, instead of those of the configuration; repeatable")
	f.StringVar(&o.format, "format", "text", "`form` of the result: text or json")
	return cmd
}

// newRulesExplain builds the subcommand that explains a rule.
func newRulesExplain(o *options) *cobra.Command {
	e := &ruleOptions{options: o}
	return e.flags(&cobra.Command{
		Use:     "explain RULE",
		Short:   "Explain a rule: condition, events, fields, cost",
		Long:    rulesExplainLong,
		Example: rulesExplainExample,
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return e.explain(args[0]) },
	})
}

// newRulesList builds the subcommand that lists the rules.
func newRulesList(o *options) *cobra.Command {
	l := &ruleOptions{options: o}
	return l.flags(&cobra.Command{
		Use:   "list",
		Short: "List the rules in a table",
		Long:  "List the rules in the order of evaluation: priority, state, number of system calls, name and place.",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return l.list() },
	})
}

// usable loads rules that can be used.
func (o *ruleOptions) usable() (*rule.Set, *field.Catalogue, error) {
	if o.format != "text" && o.format != "json" {
		text := fmt.Sprintf("--format: %q is not text or json", o.format)
		if hint := diag.DidYouMean(o.format, []string{"text", "json"}); hint != "" {
			text += " (" + hint + ")"
		}
		return nil, nil, errors.New(text)
	}
	cfg, _, err := o.load()
	if err != nil {
		return nil, nil, err
	}
	cat := app.Catalogue(cfg)
	loaded, err := app.LoadRules(cfg, o.rules, cat)
	if err == nil {
		err = loaded.Err()
	}
	if err != nil {
		return nil, nil, err
	}
	return loaded.Set, cat, nil
}

// explain explains a rule.
func (o *ruleOptions) explain(name string) error {
	set, cat, err := o.usable()
	if err != nil {
		return err
	}
	x := rule.NewExplainer(set, cat)
	x.IO = func(calls filter.SyscallSet) (watched, ignored filter.SyscallSet) {
		watched = engine.NamedIO(calls)
		return watched, calls.Intersect(engine.Ignored()).Minus(watched)
	}
	e, err := x.Explain(name)
	if err != nil {
		o.describe = name
		return o.unknownRule(set, err)
	}
	if o.format == "json" {
		return o.printJSON(e)
	}
	_, err = fmt.Fprint(o.stdout, e.Text())
	return err
}

// printJSON prints a value as indented JSON.
func (o *ruleOptions) printJSON(v any) error {
	enc := json.NewEncoder(o.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// listedRule is a row of the table of rules.
type listedRule struct {
	Name     string   `json:"name"`
	Priority string   `json:"priority"`
	Source   string   `json:"source"`
	Enabled  bool     `json:"enabled"`
	Tags     []string `json:"tags"`
	Syscalls int      `json:"syscalls"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
}

// list lists the rules.
func (o *ruleOptions) list() error {
	set, _, err := o.usable()
	if err != nil {
		return err
	}
	rows := []listedRule{}
	width := len("RULE")
	for _, r := range set.Rules {
		rows = append(rows, listedRule{r.Name, r.Priority.String(), r.Source, r.Enabled, r.Tags, r.Syscalls.Len(), r.File, r.Line})
		width = max(width, len(r.Name))
	}
	if o.format == "json" {
		return o.printJSON(rows)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-13s  %-5s  %5s  %-*s  %s\n", "PRIORITY", "STATE", "CALLS", width, "RULE", "FILE")
	for _, r := range rows {
		state := "on"
		if !r.Enabled {
			state = "off"
		}
		fmt.Fprintf(&b, "%-13s  %-5s  %5d  %-*s  %s:%d\n", r.Priority, state, r.Syscalls, width, r.Name, r.File, r.Line)
	}
	_, err = fmt.Fprint(o.stdout, b.String())
	return err
}
