// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// The groups in which the help shows the flags of the root command.
const (
	groupConfig = "Configuration"
	groupRules  = "Rules"
	groupRun    = "Running"
	groupPrint  = "Print something and exit"
	groupKey    = "group" // annotation that holds the group
)

// define declares the flags.
func (o *options) define(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	o.defineConfig(f)
	o.defineRun(f)
	o.definePrint(f)
	f.StringVarP(&o.print, "print", "p", "", "add a text to all outputs (deprecated, use append_output)")
	f.BoolVar(&o.markdown, "markdown", false, "print lists as Markdown (deprecated, use --format markdown)")
	f.BoolVar(&o.listEvents, "list-syscall-events", false, "the old name of --list-events")
	for _, name := range []string{"print", "markdown", "list-syscall-events"} {
		f.Lookup(name).Hidden = true
	}
	o.defineOld(f)
	completeWith(cmd, "format", listFormats)
	completeWith(cmd, "list", sources)
	completeWith(cmd, "enable-source", sources)
	completeWith(cmd, "disable-source", sources)
	completeKeys(cmd)
}

// defineConfig declares the flags about configuration and rules.
func (o *options) defineConfig(f *pflag.FlagSet) {
	defer inGroup(f, groupConfig)()
	f.StringVarP(&o.config, "config", "c", "", "configuration `file` (default "+strings.Join(o.configPaths(), " or ")+")")
	f.StringArrayVarP(&o.overrides, "option", "o", nil, "set a configuration key, as in `key=value`, a.b[0]=value or list[]=value; repeatable")
	f.BoolVar(&o.dryRun, "dry-run", false, "start up to the point where events would be read, and exit")
}

// defineRun declares the flags about what is watched.
func (o *options) defineRun(f *pflag.FlagSet) {
	rules := inGroup(f, groupRules)
	f.StringArrayVarP(&o.rules, "rules", "r", nil, "rules `path`, a file or a directory, instead of those of the configuration; repeatable")
	f.StringArrayVarP(&o.validate, "validate", "V", nil, "check a rules `file` and exit; repeatable")
	f.BoolVarP(&o.describeAll, "list-rules", "L", false, "describe all rules, macros and lists and exit")
	f.StringVarP(&o.describe, "describe-rule", "l", "", "describe the `rule` of that name and exit")
	rules()
	defer inGroup(f, groupRun)()
	f.IntVarP(&o.seconds, "stop-after", "M", 0, "stop after this many `seconds`")
	f.StringVarP(&o.replay, "replay", "e", "", "read events from a capture `file` (- is standard input) instead of watching")
	f.IntVar(&o.helpers, "workers", 1, "replay a plain file with this `number` of goroutines, which share the testing of rules; worth it if that costs more than reading (docs/performance.md)")
	f.StringArrayVar(&o.enableSources, "enable-source", nil, "read events of this `source` only; repeatable")
	f.StringArrayVar(&o.disableSources, "disable-source", nil, "read no events of this `source`; repeatable")
	f.StringVarP(&o.pidFile, "pidfile", "P", "", "write the process' number to this `file`")
	f.BoolVarP(&o.unbuffered, "unbuffered", "U", false, "write every alert by itself")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say more, and print figures of the capture at the end")
}

// definePrint declares the flags that print something and exit.
func (o *options) definePrint(f *pflag.FlagSet) {
	defer inGroup(f, groupPrint)()
	f.StringVar(&o.list, "list", "", "the fields, or those of one event `source`")
	f.Lookup("list").NoOptDefVal = allSources
	f.BoolVar(&o.listEvents, "list-events", false, "the events")
	f.BoolVarP(&o.namesOnly, "names-only", "N", false, "with --list, only the names of fields")
	f.StringVar(&o.format, "format", "text", "`form` of lists: text, markdown or json")
	f.BoolVarP(&o.ignored, "ignored-events", "i", false, "the system calls that are not watched unless base_syscalls.all is set")
	f.BoolVar(&o.listPlugins, "list-plugins", false, "the plugins of the configuration")
	f.StringVar(&o.pluginInfo, "plugin-info", "", "what the plugin of this `name` takes")
	f.BoolVar(&o.configSchema, "config-schema", false, "the JSON schema of the configuration file")
	f.BoolVar(&o.ruleSchema, "rule-schema", false, "the JSON schema of rules files")
	f.BoolVar(&o.support, "support", false, "what somebody who helps you wants to know, as JSON")
	f.BoolVar(&o.pageSize, "page-size", false, "the system's page size")
	f.BoolVar(&o.version, "version", false, "the versions")
	f.BoolVarP(&o.help, "help", "h", false, "this help")
}

// inGroup remembers which flags there are; what it returns puts those that came since into a group.
func inGroup(f *pflag.FlagSet, group string) func() {
	before := map[string]bool{}
	f.VisitAll(func(f *pflag.Flag) { before[f.Name] = true })
	return func() {
		f.VisitAll(func(flag *pflag.Flag) {
			if !before[flag.Name] {
				f.SetAnnotation(flag.Name, groupKey, []string{group})
			}
		})
	}
}

// completeWith lets the shell complete the value of a flag with some words.
func completeWith(cmd *cobra.Command, flag string, words []string) {
	must(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
}

// completeKeys lets the shell complete -o with the keys of the configuration.
func completeKeys(cmd *cobra.Command) {
	must(cmd.RegisterFlagCompletionFunc("option", func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		var keys []string
		for _, k := range config.Keys() {
			if strings.HasPrefix(k, begun) {
				keys = append(keys, k+"=")
			}
		}
		return keys, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}))
}

// must ends the program after an error that only a mistake in this package can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// usage is how the use of a command is shown.
const usage = `Usage:{{if .Runnable}}
  {{use .}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} command{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
{{columns .Name .Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}
{{flags .LocalFlags}}{{end}}`

// usageLine is the line that shows how a command is called, in Falco's words where it is called
// falco.
func usageLine(cmd *cobra.Command) string {
	switch {
	case cmd.Name() == falcoName && !cmd.HasParent():
		return "falco [OPTION...]"
	case strings.Contains(cmd.Use, "["), strings.Contains(cmd.Use, " "):
		return cmd.UseLine()
	}
	return cmd.CommandPath() + " [flags]"
}

// Help is laid out in lines of lineWidth with what something does from column textColumn on.
const (
	lineWidth  = 80
	textColumn = 28
)

// columns is a line of help: a name and what it does, wrapped.
func columns(name, does string) string {
	var b strings.Builder
	column := 2 + len(name)
	b.WriteString("  " + name)
	if column >= textColumn {
		b.WriteString("\n")
		column = 0
	}
	b.WriteString(strings.Repeat(" ", textColumn-column))
	column = textColumn
	for i, word := range strings.Fields(does) {
		switch {
		case i == 0:
		case column+1+len(word) > lineWidth:
			b.WriteString("\n" + strings.Repeat(" ", textColumn))
			column = textColumn
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// flagLines lists flags, in groups where they have some, with what they take and what they do.
func flagLines(f *pflag.FlagSet) string {
	var b strings.Builder
	group := "\x00"
	f.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		now := "Flags"
		if g := f.Annotations[groupKey]; len(g) > 0 {
			now = g[0]
		}
		if now != group {
			group = now
			fmt.Fprintf(&b, "\n%s:\n", group)
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
		b.WriteString(columns(names, does) + "\n")
	})
	return b.String()
}
