// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

func init() { rulesCommands = append(rulesCommands, newRulesLint) }

const rulesLintLong = `Look for rules that load without complaint and do something else than they were probably meant to:

  GYR_ALWAYS_FALSE       a condition that no event can fulfil
  GYR_ALWAYS_TRUE        a condition that every event fulfils
  GYR_SHADOWED           a rule that never fires, because an earlier one always matches first
  GYR_APPEND_PRECEDENCE  an appended "and" that belongs to the last alternative only
  GYR_MISSING_FIELD      a negated test that also holds for events without the field
  GYR_UNUSED_EXCEPTION   an exception without values

Several files are loaded as one set, in the order given; without any, the embedded rules are looked
at. The exit code is 1 if the rules cannot be loaded, and with --strict after any finding.`

// lintOptions are the flags of "gyr rules lint".
type lintOptions struct {
	*options
	format string
	strict bool
}

// newRulesLint builds the subcommand that looks for mistakes.
func newRulesLint(o *options) *cobra.Command {
	l := &lintOptions{options: o}
	cmd := &cobra.Command{
		Use:   "lint [FILE|DIR...]",
		Short: "Look for rules that do something else than they seem to",
		Long:  rulesLintLong,
		RunE:  func(_ *cobra.Command, args []string) error { return l.lint(args) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&l.format, "format", "text", "`form` of the findings: text or json")
	f.BoolVar(&l.strict, "strict", false, "fail after any finding")
	return cmd
}

// lint looks through rules.
func (l *lintOptions) lint(paths []string) error {
	if l.format != "text" && l.format != "json" {
		return fmt.Errorf("--format: %q is neither text nor json", l.format)
	}
	cfg, _ := config.Load(config.Options{})
	cat := app.Catalogue(cfg)
	loaded, err := app.LoadRules(cfg, paths, cat)
	if err == nil {
		err = loaded.Err()
	}
	if err != nil {
		return err
	}
	found := loaded.Set.Lint(cat)
	if err := l.write(loaded.Set, found); err != nil {
		return err
	}
	if l.strict && len(found) > 0 {
		return errSaid
	}
	return nil
}

// findingJSON is a finding as JSON.
type findingJSON struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

// write writes the findings.
func (l *lintOptions) write(set *rule.Set, found []diag.Problem) error {
	if l.format == "json" {
		list := []findingJSON{}
		for _, p := range found {
			list = append(list, findingJSON{p.File, p.Line, p.Col, p.Code, p.Severity.String(), p.Message, p.Hint})
		}
		e := json.NewEncoder(l.stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(list)
	}
	for _, p := range found {
		fmt.Fprintln(l.stdout, p.Text())
	}
	fmt.Fprintf(l.stdout, "%d rules, %d findings\n", len(set.Rules), len(found))
	return nil
}
