// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// flagError says what is wrong with a flag: a removed one says only what became of it, and an unknown
// one what it may have been meant to be.
func flagError(cmd *cobra.Command, err error) error {
	var (
		invalid *pflag.InvalidValueError
		missing *pflag.ValueRequiredError
		unknown *pflag.NotExistError
	)
	switch {
	case errors.As(err, &invalid):
		if v, ok := invalid.GetFlag().Value.(*oldValue); ok {
			return fmt.Errorf("%s: %w", v.row.shown(), invalid.Unwrap())
		}
	case errors.As(err, &missing):
		if v, ok := missing.GetFlag().Value.(*oldValue); ok && v.row.settings == nil {
			return fmt.Errorf("%s: %w", v.row.shown(), v.row.refusal())
		}
	case errors.As(err, &unknown):
		hint := ""
		if unknown.GetSpecifiedShortnames() == "" {
			var names []string
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				if !f.Hidden {
					names = append(names, "--"+f.Name)
				}
			})
			hint = diag.DidYouMean("--"+unknown.GetSpecifiedName(), names)
		}
		if hint == "" {
			hint = cmd.CommandPath() + " --help lists all"
		}
		return fmt.Errorf("%w (%s)", err, hint)
	}
	return err
}

// checkMeant refuses flags that say nothing: an empty name is a variable that nobody has set, and
// what belongs to a list would start to watch instead.
func (o *options) checkMeant(cmd *cobra.Command) error {
	for _, name := range []string{"config", "describe-rule", "list", "pidfile", "plugin-info", "replay"} {
		if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "" {
			return fmt.Errorf("--%s: the name is empty", name)
		}
	}
	if o.namesOnly && o.list == "" && !o.listEvents {
		return errors.New("-N: add --list, the names of whose fields it prints")
	}
	return nil
}
