// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// An oldFlag is a flag that Falco had once. What still has a meaning becomes settings of the
// configuration; the rest is refused with what to do instead.
type oldFlag struct {
	name, short string
	takes       bool
	since       string // version that does not have it any more
	settings    func(value string) []string
	instead     string // for flags that are refused
}

// oldFlags are all of them.
var oldFlags = []oldFlag{
	{name: "all-events", short: "A", since: "0.41", settings: fixed("base_syscalls.all=true")},
	{name: "print-base64", short: "b", since: "0.41", settings: fixed("buffer_format_base64=true")},
	{name: "snaplen", short: "S", takes: true, since: "0.41", settings: prefixed("falco_libs.snaplen=")},
	{name: "disable-rule", short: "D", takes: true, since: "0.40", settings: func(v string) []string { return []string{"rules[].disable.rule=*" + v + "*"} }},
	{name: "disable-tag", short: "T", takes: true, since: "0.40", settings: prefixed("rules[].disable.tag=")},
	{name: "tag", short: "t", takes: true, since: "0.40", settings: prefixed("rules[].enable.tag=")},
	{name: "modern-bpf", since: "0.38", settings: fixed("engine.kind=modern_ebpf")},
	{name: "nodriver", since: "0.37", settings: fixed("engine.kind=nodriver")},
	{name: "stats-file", short: "s", takes: true, since: "0.36", settings: func(v string) []string {
		return []string{"metrics.enabled=true", "metrics.output_rule=false", "metrics.output_file=" + v}
	}},
	{name: "stats-interval", takes: true, since: "0.36", settings: func(v string) []string { return []string{"metrics.interval=" + v + "ms"} }},
	{name: "daemon", short: "d", since: "0.36", instead: "let systemd run it: systemctl enable --now gyr"},
	{name: "cri", takes: true, since: "0.40", instead: "set engines.cri.sockets in init_config of the plugin container"},
	{name: "disable-cri-async", since: "0.40", instead: "nothing has to be set, events do not wait for container runtimes"},
	{name: "k8s-api", short: "k", takes: true, since: "0.37", instead: "nothing has to be set, pods are known from the container runtime"},
	{name: "k8s-api-cert", short: "K", takes: true, since: "0.37", instead: "nothing has to be set, no API server is asked"},
	{name: "k8s-node", takes: true, since: "0.37", instead: "nothing has to be set, no API server is asked"},
	{name: "mesos-api", short: "m", takes: true, since: "0.33", instead: "Mesos is no source of metadata"},
	{name: "userspace", short: "u", since: "0.37", instead: "events come from the kernel by eBPF"},
	{name: "gvisor-config", short: "g", takes: true, since: "0.38", instead: "gVisor is no source of events"},
	{name: "gvisor-generate-config", takes: true, since: "0.44", instead: "gVisor is no source of events"},
	{name: "gvisor-root", takes: true, since: "0.38", instead: "gVisor is no source of events"},
}

// fixed are settings that do not depend on a value.
func fixed(settings ...string) func(string) []string {
	return func(string) []string { return settings }
}

// prefixed is a setting to the flag's value.
func prefixed(key string) func(string) []string {
	return func(value string) []string { return []string{key + value} }
}

// shown is the flag as people write it.
func (f *oldFlag) shown() string {
	if f.short != "" {
		return "-" + f.short
	}
	return "--" + f.name
}

// refusal says why the flag is refused, and what to do instead.
func (f *oldFlag) refusal() error {
	return fmt.Errorf("removed in Falco %s (%s)", f.since, f.instead)
}

// oldValue receives the value of an old flag.
type oldValue struct {
	o   *options
	row *oldFlag
}

// String has nothing to show: old flags have no default.
func (*oldValue) String() string { return "" }

// Type tells flags with a value from those without.
func (v *oldValue) Type() string {
	if v.row.takes {
		return "string"
	}
	return "bool"
}

// Set turns the value into settings, or refuses it.
func (v *oldValue) Set(value string) error {
	f, o := v.row, v.o
	if f.settings == nil {
		return f.refusal()
	}
	settings := f.settings(value)
	if f.short == "t" && !o.usedOld("t") {
		// Only what has one of the tags is to run.
		settings = append([]string{"rules[].disable.rule=*"}, settings...)
	}
	if f.short == "s" {
		settings = append([]string{"metrics.interval=5s"}, settings...)
	}
	o.oldUsed = append(o.oldUsed, f)
	if f.name == "stats-interval" {
		o.oldLater = append(o.oldLater, settings...)
	} else {
		o.oldSettings = append(o.oldSettings, settings...)
	}
	return nil
}

// usedOld reports whether an old flag was given before.
func (o *options) usedOld(short string) bool {
	return slices.ContainsFunc(o.oldUsed, func(f *oldFlag) bool { return f.short == short })
}

// defineOld declares the old flags; the help does not show them.
func (o *options) defineOld(f *pflag.FlagSet) {
	for i := range oldFlags {
		row := &oldFlags[i]
		flag := f.VarPF(&oldValue{o, row}, row.name, row.short, "removed in Falco "+row.since)
		flag.Hidden = true
		if !row.takes {
			flag.NoOptDefVal = "true"
		}
	}
}

// checkOld wants old flags that fit together.
func (o *options) checkOld() error {
	if o.usedOld("t") && (o.usedOld("T") || o.usedOld("D")) {
		return errors.New("-t runs only rules with a tag, -T and -D cannot be given with it")
	}
	return nil
}

// oldProblems are the warnings about old flags.
func (o *options) oldProblems() []diag.Problem {
	var problems []diag.Problem
	for i, f := range o.oldUsed {
		if slices.Index(o.oldUsed, f) == i {
			problems = append(problems, diag.Problem{File: f.shown(), Severity: diag.Warning, Message: "removed in Falco " + f.since + ", sets " + f.settings("…")[0]})
		}
	}
	return problems
}
