// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line: the root command that watches, with the options of Falco, and
// one file for each subcommand.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// Main runs the program with its arguments and returns the exit code: 0, or 1 after any error.
func Main(args []string, stdout, stderr io.Writer) int {
	root := newRoot(stdout, stderr)
	root.SetArgs(goFlags(args))
	if err := root.ExecuteContext(context.Background()); err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintln(stderr, "Error:", err)
		}
		return 1
	}
	return 0
}

// errSaid ends a command whose output already says what is wrong.
var errSaid = errors.New("failed")

// options are the flags of the root command, named as Falco's.
type options struct {
	stdout, stderr io.Writer

	config      string
	overrides   []string
	rules       []string
	validate    []string
	describeAll bool
	describe    string
	list        string
	listEvents  bool
	ignored     bool
	namesOnly   bool
	markdown    bool
	format      string
	seconds     int
	pidFile     string
	print       string
	unbuffered  bool
	verbose     bool
	version     bool
	dryRun      bool
	replay      string
	pageSize    bool
	ruleSchema  bool
	help        bool
}

const rootLong = `Watch this machine: system calls become events, events are tested against rules,
matches become alerts.

Without options gyr uses ` + defaultConfig + ` if there is one, and otherwise its own defaults:
the rules that are part of the program, alerts as text on standard output.
Options, configuration and rules are those of Falco ` + app.FalcoVersion + `.`

const rootExample = `  sudo gyr                               watch with the embedded rules
  sudo gyr -o json_output=true           the same, alerts as JSON
  sudo gyr -r my_rules.yaml -M 60        one minute with rules of your own
  gyr -V my_rules.yaml                   check rules
  gyr --list=syscall                     what rules can ask for
  sudo gyr doctor                        can this machine be watched?`

// defaultConfig is read if it exists and no other file is named.
const defaultConfig = "/etc/falco/falco.yaml"

// newRoot builds the command tree.
func newRoot(stdout, stderr io.Writer) *cobra.Command {
	o := &options{stdout: stdout, stderr: stderr}
	cmd := &cobra.Command{
		Use:           "gyr",
		Short:         "Runtime security for Linux, compatible with Falco",
		Long:          rootLong,
		Example:       rootExample,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArguments,
		RunE:          func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd) },
	}
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.CompletionOptions.HiddenDefaultCmd = true
	o.define(cmd)
	cmd.AddCommand(newDoctor(stdout), newRules(o), newReplay(o))
	cobra.AddTemplateFunc("flags", flagLines)
	cmd.SetUsageTemplate(usage)
	return cmd
}

// usage is how the use of a command is shown.
const usage = `Usage:{{if .Runnable}}
  {{.CommandPath}} [flags]{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} command{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{flags .LocalFlags}}{{end}}`

// flagLines lists flags with what they take and what they do.
func flagLines(f *pflag.FlagSet) string {
	var b strings.Builder
	f.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		names := "    --" + f.Name
		if f.Shorthand != "" {
			names = "-" + f.Shorthand + ", --" + f.Name
		}
		takes, does := pflag.UnquoteUsage(f)
		switch {
		case f.Value.Type() == "bool":
		case f.NoOptDefVal != "":
			names += "[=" + takes + "]"
		default:
			names += " " + takes
		}
		fmt.Fprintf(&b, "  %-32s %s\n", names, does)
	})
	return b.String()
}

// define declares the flags.
func (o *options) define(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.config, "config", "c", "", "configuration `file` (default "+defaultConfig+", if it exists)")
	f.StringArrayVarP(&o.overrides, "option", "o", nil, "set a configuration key to a value, as in `key=value` or rules[].disable.tag=network; repeatable")
	f.StringArrayVarP(&o.rules, "rules", "r", nil, "rules `file or directory`, instead of those of the configuration; repeatable")
	f.StringArrayVarP(&o.validate, "validate", "V", nil, "check a rules `file` and exit; repeatable")
	f.BoolVarP(&o.describeAll, "list-rules", "L", false, "describe all rules, macros and lists and exit")
	f.StringVarP(&o.describe, "describe-rule", "l", "", "describe the `rule` of that name and exit")
	f.StringVar(&o.list, "list", "", "list the fields, or those of one event `source`, and exit")
	f.Lookup("list").NoOptDefVal = allSources
	f.BoolVar(&o.listEvents, "list-events", false, "list the events and exit")
	f.BoolVarP(&o.ignored, "ignored-events", "i", false, "list the system calls that are not watched unless base_syscalls.all is set, and exit")
	f.BoolVarP(&o.namesOnly, "names-only", "N", false, "list only the names of fields")
	f.StringVar(&o.format, "format", "text", "`form` of lists: text, markdown or json")
	f.IntVarP(&o.seconds, "stop-after", "M", 0, "stop after this many `seconds`")
	f.StringVarP(&o.pidFile, "pidfile", "P", "", "write the process' number to this `file`")
	f.BoolVarP(&o.unbuffered, "unbuffered", "U", false, "write every alert by itself")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say more, and print figures of the capture at the end")
	f.StringVarP(&o.replay, "replay", "e", "", "read events from a capture `file` (- for standard input) instead of watching")
	f.BoolVar(&o.dryRun, "dry-run", false, "start up to the point where events would be read, and exit")
	f.BoolVar(&o.version, "version", false, "print the versions and exit")
	f.BoolVar(&o.ruleSchema, "rule-schema", false, "print the JSON schema of rules files and exit")
	f.BoolVar(&o.pageSize, "page-size", false, "print the system's page size and exit")
	f.BoolVarP(&o.help, "help", "h", false, "print this help and exit")

	f.StringVarP(&o.print, "print", "p", "", "add a text to all outputs")
	f.BoolVar(&o.markdown, "markdown", false, "print lists as Markdown")
	for name, instead := range map[string]string{"print": "use append_output", "markdown": "use --format markdown"} {
		f.Lookup(name).Hidden = true
		f.Lookup(name).Usage += " (deprecated, " + instead + ")"
	}
	for _, p := range pendingFlags {
		f.String(p.name, "", "")
		f.Lookup(p.name).Hidden = true
		if !p.value {
			f.Lookup(p.name).NoOptDefVal = "true"
		}
	}
}

// pendingFlags are flags of Falco that this version of gyr does not have; value says that they take
// one.
var pendingFlags = []struct {
	name  string
	value bool
}{
	{"support", false}, {"list-plugins", false}, {"plugin-info", true}, {"enable-source", true},
	{"disable-source", true}, {"config-schema", false},
}

// refusePending is the error about a flag that is not there yet.
func refusePending(cmd *cobra.Command) error {
	for _, p := range pendingFlags {
		if cmd.Flags().Changed(p.name) {
			return fmt.Errorf("--%s is not supported yet", p.name)
		}
	}
	return nil
}

// noArguments explains words that are not options.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if hint := diag.DidYouMean(args[0], names); hint != "" {
		text += " (" + hint + ")"
	}
	return errors.New(text)
}

// run does what the flags ask for; without any of the printing ones it watches.
func (o *options) run(ctx context.Context, cmd *cobra.Command) error {
	if err := refusePending(cmd); err != nil {
		return err
	}
	if o.pageSize {
		fmt.Fprintln(o.stdout, os.Getpagesize())
		return nil
	}
	if o.ruleSchema {
		_, err := o.stdout.Write(rule.JSONSchema())
		return err
	}
	cfg, problems, err := o.load()
	if err != nil {
		return err
	}
	describe := o.describeAll || cmd.Flags().Changed("describe-rule")
	switch {
	case o.version:
		return o.printVersion(cfg)
	case o.list != "":
		return o.listFields(cfg)
	case o.listEvents:
		return o.printEvents()
	case o.ignored:
		return o.printIgnored()
	case len(o.validate) > 0:
		return o.validateRules(cfg, describe)
	case describe:
		return o.describeRules(cfg)
	}
	return o.watch(ctx, cfg, problems)
}

// load reads the configuration and prints what makes it unusable.
func (o *options) load() (*config.Config, []diag.Problem, error) {
	path := o.config
	if path == "" {
		if _, err := os.Stat(defaultConfig); err == nil {
			path = defaultConfig
		}
	}
	overrides := o.overrides
	if o.replay != "" {
		overrides = append(slices.Clone(overrides), "engine.kind=replay", "engine.replay.capture_file="+o.replay)
	}
	cfg, problems := config.Load(config.Options{Path: path, Overrides: overrides})
	bad := false
	for _, p := range problems {
		if p.Severity == diag.Error {
			fmt.Fprintln(o.stderr, p.Text())
			bad = true
		}
	}
	if bad {
		return nil, nil, errors.New("the configuration cannot be used")
	}
	if o.unbuffered {
		cfg.BufferedOutputs = false
	}
	if o.verbose {
		cfg.LogLevel = "debug"
	}
	o.addPrint(cfg)
	return cfg, problems, nil
}

// addPrint applies -p: what once chose between container and Kubernetes fields does nothing today.
func (o *options) addPrint(cfg *config.Config) {
	if o.print == "" || slices.Contains([]string{"c", "container", "k", "kubernetes"}, o.print) {
		return
	}
	cfg.AppendOutput = append(cfg.AppendOutput, config.Append{ExtraOutput: o.print})
}

// watch runs the application.
func (o *options) watch(ctx context.Context, cfg *config.Config, problems []diag.Problem) error {
	if o.seconds < 0 {
		return fmt.Errorf("-M: %d is not a number of seconds", o.seconds)
	}
	return app.Run(ctx, app.Options{
		Config: cfg, ConfigProblems: problems, RulesPaths: o.rules,
		Stdout: o.stdout, Stderr: o.stderr, Verbose: o.verbose, PIDFile: o.pidFile, DryRun: o.dryRun,
		Duration: time.Duration(o.seconds) * time.Second,
	})
}
