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
	helpers     int // workers of a replay
	replay      string
	pageSize    bool
	ruleSchema  bool
	help        bool

	enableSources  []string
	disableSources []string
	listPlugins    bool
	pluginInfo     string
	configSchema   bool
	support        bool

	oldUsed               []*oldFlag // flags that Falco had once, as given
	oldSettings, oldLater []string   // what they set, the latter after the former

	// name is what the program was called as: gyr or falco.
	name string
}

// rootLong is what the help begins with; it names the program and where it looks for a configuration.
func (o *options) rootLong() string {
	paths := o.configPaths()
	return `Watch this machine: system calls become events, events are tested against rules,
matches become alerts.

Without options ` + o.name + ` uses ` + paths[0] + `, else ` + paths[1] + `, if
there is one, and otherwise its own defaults: the rules that are part of the
program, alerts as text on standard output. Options, configuration and rules are
those of Falco ` + app.FalcoVersion + `.`
}

const rootExample = `  sudo gyr                               watch with the embedded rules
  sudo gyr -o json_output=true           the same, alerts as JSON
  sudo gyr -r my_rules.yaml -M 60        one minute with rules of your own
  gyr -V my_rules.yaml                   check rules
  gyr --list=syscall                     what rules can ask for
  sudo gyr doctor                        can this machine be watched?`

// falcoName is the name under which the program behaves as Falco does, down to its usage and its
// configuration's path.
const falcoName = "falco"

// newRoot builds the command tree.
func newRoot(stdout, stderr io.Writer) *cobra.Command {
	o := &options{stdout: stdout, stderr: stderr, name: app.CalledAs()}
	cmd := &cobra.Command{
		Use:           o.name,
		Short:         "Runtime security for Linux, compatible with Falco",
		Long:          o.rootLong(),
		Example:       strings.ReplaceAll(rootExample, "gyr ", o.name+" "),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArguments,
		RunE:          func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd) },
	}
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SetFlagErrorFunc(flagError)
	o.define(cmd)
	cmd.AddCommand(newDoctor(o, stdout), newReload(o), newStatus(o), newTop(o), newTail(o), newRules(o), newReplay(o), newRecord(o), newConfig(o))
	cobra.AddTemplateFunc("flags", flagLines)
	cobra.AddTemplateFunc("columns", columns)
	cobra.AddTemplateFunc("use", usageLine)
	cmd.SetUsageTemplate(usage)
	return cmd
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
	hint := diag.DidYouMean(args[0], names)
	if hint == "" {
		hint = cmd.CommandPath() + " --help lists all"
	}
	text += " (" + hint + ")"
	return errors.New(text)
}

// run does what the flags ask for; without any of the printing ones it watches.
func (o *options) run(ctx context.Context, cmd *cobra.Command) error {
	if err := errors.Join(o.checkOld(), o.checkMeant(cmd)); err != nil {
		return err
	}
	if o.pageSize {
		fmt.Fprintln(o.stdout, os.Getpagesize())
		return nil
	}
	if o.ruleSchema || o.configSchema {
		schema := rule.JSONSchema()
		if o.configSchema {
			schema = config.JSONSchema()
		}
		_, err := o.stdout.Write(schema)
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
	case o.listPlugins:
		return o.printPlugins(cfg)
	case o.pluginInfo != "":
		return o.printPlugin(cfg)
	case o.support:
		return o.printSupport(cfg)
	case len(o.validate) > 0:
		return o.validateRules(cfg, describe)
	case describe:
		return o.describeRules(cfg)
	}
	return o.watch(ctx, cfg, problems)
}

// settings are all settings of the command line, in the order in which they count.
func (o *options) settings() []string {
	all := slices.Concat(o.overrides, o.oldSettings, o.oldLater)
	if o.replay != "" {
		all = append(all, "engine.kind=replay", "engine.replay.capture_file="+o.replay)
	}
	return all
}

// load reads the configuration and prints what makes it unusable.
func (o *options) load() (*config.Config, []diag.Problem, error) {
	cfg, problems := o.read()
	if o.printProblems(problems) {
		return nil, nil, errUnusable
	}
	return cfg, problems, nil
}

// read reads the configuration and applies the flags to it; it prints nothing.
func (o *options) read() (*config.Config, []diag.Problem) {
	path, unread := o.findConfig()
	cfg, problems := config.Load(config.Options{Path: path, Overrides: o.settings()})
	if unread != "" {
		problems = append(problems, diag.Problem{File: unread, Severity: diag.Warning, Message: path + " is read instead", Hint: "-c chooses"})
	}
	problems = append(problems, o.oldProblems()...)
	if o.unbuffered {
		cfg.BufferedOutputs = false
	}
	if o.verbose {
		cfg.LogLevel, cfg.LibsLogger.Severity = "debug", "debug"
	}
	o.addPrint(cfg)
	return cfg, problems
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
	if err := o.checkSources(cfg); err != nil {
		return err
	}
	switch {
	case o.helpers < 1 || o.helpers > app.MaxWorkers:
		return fmt.Errorf("--workers: %d is not from 1 to %d", o.helpers, app.MaxWorkers)
	case o.helpers > 1 && cfg.Engine.Kind != config.EngineReplay:
		return errors.New("--workers is about replays (with -e FILE)")
	}
	return app.Run(ctx, app.Options{
		Config: cfg, ConfigProblems: problems, RulesPaths: o.rules, Reread: o.read,
		Stdout: o.stdout, Stderr: o.stderr, Verbose: o.verbose, PIDFile: o.pidFile, DryRun: o.dryRun,
		Duration: time.Duration(o.seconds) * time.Second, Workers: o.helpers,
	})
}
