// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

const configShowLong = `Print the configuration that holds, merged from files, settings and defaults,
as YAML. Behind every value stands where it comes from: file and line, -o, an
environment variable or the default. Passwords, tokens and what web addresses
hide are left out.`

const configShowExample = `  gyr config show                        everything
  gyr config show --given                only what is not a default
  gyr config show engine json_output     some keys`

const configCheckLong = `Read the configuration as gyr would and print every mistake in it with its
place. The exit code is 1 if it cannot be used, and if it has a key that nobody
knows: gyr itself would start, warn and ignore the key, but a setting that was
meant would not hold. Other warnings leave it 0.`

// newConfig builds the command that groups what is done with the configuration.
func newConfig(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show and check the configuration",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("gyr config needs a command: show or check")
			}
			text := fmt.Sprintf("unknown command \"config %s\"", args[0])
			if hint := diag.DidYouMean(args[0], []string{"show", "check"}); hint != "" {
				text += " (" + hint + ")"
			}
			return errors.New(text)
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(newConfigShow(o), newConfigCheck(o))
	return cmd
}

// configFlag declares the flag that names a configuration file.
func (o *options) configFlag(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVarP(&o.config, "config", "c", "", "configuration `file` (default "+strings.Join(o.configPaths(), " or ")+")")
}

// configFlags declares the flags that choose a configuration.
func (o *options) configFlags(cmd *cobra.Command) {
	o.configFlag(cmd)
	f := cmd.Flags()
	f.StringArrayVarP(&o.overrides, "option", "o", nil, "set a configuration key to a value, as in `key=value`; repeatable")
	completeKeys(cmd)
}

// newConfigShow builds the subcommand that prints what holds.
func newConfigShow(o *options) *cobra.Command {
	var given bool
	cmd := &cobra.Command{
		Use: "show [key...]", Short: "Print the configuration that holds, and where each value comes from",
		Long: configShowLong, Example: configShowExample,
		ValidArgsFunction: cobra.FixedCompletions(config.Keys(), cobra.ShellCompDirectiveNoFileComp),
		RunE:              func(_ *cobra.Command, keys []string) error { return o.showConfig(keys, given) },
	}
	o.configFlags(cmd)
	cmd.Flags().BoolVar(&given, "given", false, "leave defaults out")
	return cmd
}

// showConfig prints all of the configuration, or some keys.
func (o *options) showConfig(keys []string, given bool) error {
	path, _ := o.findConfig()
	d, _, problems := config.Resolve(config.Options{Path: path, Overrides: o.settings()})
	if o.printProblems(problems) {
		return errUnusable
	}
	merged := d.Merged()
	if len(keys) > 0 {
		some := &config.Value{Kind: config.Map}
		for _, key := range keys {
			v, err := merged.Get(key)
			if err != nil {
				return err
			}
			if v == nil {
				text := fmt.Sprintf("there is no key %q", key)
				if hint := diag.DidYouMean(key, config.Keys()); hint != "" {
					text += " (" + hint + ")"
				}
				return errors.New(text)
			}
			some.Keys = append(some.Keys, config.Key{Name: key, Value: v})
		}
		merged = some
	}
	_, err := o.stdout.Write(merged.AppendYAML(nil, given))
	return err
}

// errUnusable ends a command whose configuration has mistakes, which have been printed.
var errUnusable = errors.New("the configuration cannot be used")

// printProblems prints the mistakes that make a configuration unusable and reports whether there
// are any.
func (o *options) printProblems(problems []diag.Problem) (bad bool) {
	for _, p := range problems {
		if p.Severity == diag.Error {
			fmt.Fprintln(o.stderr, p.Text())
			bad = true
		}
	}
	return bad
}

// newConfigCheck builds the subcommand that finds mistakes.
func newConfigCheck(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "check [file]", Short: "Find mistakes in the configuration",
		Long: configCheckLong, Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.config = args[0]
			}
			return o.checkConfig()
		},
	}
	o.configFlags(cmd)
	return cmd
}

// checkConfig prints all problems and how many there are.
func (o *options) checkConfig() error {
	path, _ := o.findConfig()
	cfg, problems := config.Load(config.Options{Path: path, Overrides: o.settings()})
	failed, unknown, warned := 0, 0, 0
	for _, p := range problems {
		fmt.Fprintln(o.stdout, p.Text())
		switch {
		case p.Severity == diag.Error:
			failed++
		case p.Code == config.CodeKey:
			unknown++
		default:
			warned++
		}
	}
	what := strings.Join(cfg.Files, ", ")
	switch {
	case path == "" && len(o.overrides) == 0:
		what = "no configuration file, the defaults hold"
	case path == "":
		what = "settings of the command line"
	}
	switch {
	case failed > 0:
		fmt.Fprintf(o.stdout, "%s: %d errors, %d warnings\n", what, failed, warned+unknown)
		return errSaid
	case unknown > 0:
		fmt.Fprintf(o.stdout, "%s: %d unknown keys, %d other warnings; gyr would start and ignore these keys\n", what, unknown, warned)
		return errSaid
	case warned > 0:
		fmt.Fprintf(o.stdout, "%s: usable, %d warnings\n", what, warned)
	default:
		fmt.Fprintf(o.stdout, "%s: in order\n", what)
	}
	return nil
}
