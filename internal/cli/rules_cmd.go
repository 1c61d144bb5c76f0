// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/rules"
)

// rulesCommands make the subcommands of "gyr rules"; each file adds its own.
var rulesCommands []func(o *options) *cobra.Command

// newRules builds the command that groups what is done with rules.
func newRules(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Work with rules: test and examine them",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("gyr rules needs a command (see gyr rules --help)")
			}
			var names []string
			for _, c := range cmd.Commands() {
				names = append(names, c.Name())
			}
			text := fmt.Sprintf("unknown command \"rules %s\"", args[0])
			if hint := diag.DidYouMean(args[0], names); hint != "" {
				text += " (" + hint + ")"
			}
			return errors.New(text)
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	for _, c := range rulesCommands {
		cmd.AddCommand(c(o))
	}
	return cmd
}

// embeddedRules returns the rule files that are part of the program.
func embeddedRules() (sources []rule.Source, err error) {
	names, err := fs.Glob(rules.FS, "*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		content, err := rules.FS.ReadFile(name)
		sources = append(sources, rule.Source{Name: "rules/" + name, Content: content, Err: err})
	}
	return sources, nil
}
