// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"fmt"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// program is what a file says of a process, or of the program that an event starts. What it leaves
// out comes from the program's path and from the parent.
type program struct {
	node                         *yaml.Node
	run                          word
	comm, exe, exepath           word
	cwd, root, parent, container word
	user, group, login           word
	args, env                    []word
	hasArgs, hasEnv              bool
	cgroups                      []word
	caps                         *yaml.Node
	tty                          *yaml.Node
	pid, vpid                    int64
	leader                       *bool
	age                          time.Duration
	hasAge                       bool
	fds                          []entry
	result                       word
	params                       []entry // of the exec event, as they are
	flags                        struct{ upper, lower, writable, memfd, deleted bool }
	interp                       word
}

// read reads a program: a command line, or a mapping. ev is the event that starts it, nil for a
// process that runs already.
func (p *program) read(r *reader, n *yaml.Node, ev *Event) {
	p.node = n
	if n.Kind == yaml.ScalarNode {
		p.run = word{n.Value, n}
		return
	}
	text := func(w *word) func(*yaml.Node) {
		return func(n *yaml.Node) { *w = r.word(n, "a program's value") }
	}
	flag := func(b *bool, what string) func(*yaml.Node) {
		return func(n *yaml.Node) { *b = r.boolean(n, what) }
	}
	handlers := map[string]func(*yaml.Node){
		"run": text(&p.run), "comm": text(&p.comm), "exe": text(&p.exe), "exepath": text(&p.exepath),
		"cwd": text(&p.cwd), "root": text(&p.root), "container": text(&p.container),
		"user": text(&p.user), "group": text(&p.group), "loginuser": text(&p.login), "interp": text(&p.interp),
		"args":    func(n *yaml.Node) { p.args, p.hasArgs = readArgs(r, n), true },
		"env":     func(n *yaml.Node) { p.env, p.hasEnv = readEnv(r, n), true },
		"cgroups": func(n *yaml.Node) { p.cgroups = r.words(n, "cgroups") },
		"caps":    func(n *yaml.Node) { p.caps = n },
		"tty":     func(n *yaml.Node) { p.tty = n },
		"pid":     func(n *yaml.Node) { p.pid = p.number(r, n, "pid") },
		"vpid":    func(n *yaml.Node) { p.vpid = p.number(r, n, "vpid") },
		"leader": func(n *yaml.Node) {
			b := r.boolean(n, "leader")
			p.leader = &b
		},
		"fds":         func(n *yaml.Node) { p.fds = r.entries(n, "fds") },
		"upper_layer": flag(&p.flags.upper, "upper_layer"), "lower_layer": flag(&p.flags.lower, "lower_layer"),
		"writable": flag(&p.flags.writable, "writable"), "memfd": flag(&p.flags.memfd, "memfd"),
		"deleted": flag(&p.flags.deleted, "deleted"),
	}
	if ev == nil {
		handlers["parent"] = text(&p.parent)
		handlers["age"] = func(n *yaml.Node) { p.age, p.hasAge = r.duration(n, "age"), true }
	} else {
		handlers["res"] = text(&p.result)
		p.keepParams(r, handlers)
	}
	r.keys(n, "a program", handlers)
	if p.run.node != nil && (p.hasArgs || p.exe.node != nil) {
		r.bad(p.run.node, "", "run stands for exe and args, which are given, too")
	}
}

// keepParams lets the parameters of the exec event be given by their own names, too.
func (p *program) keepParams(r *reader, handlers map[string]func(*yaml.Node)) {
	info, _ := eventOf("execve")
	for i := range info.Params {
		name := info.Params[i].Name
		if handlers[name] == nil {
			handlers[name] = func(n *yaml.Node) {
				p.params = append(p.params, entry{word{name, n}, n})
			}
		}
	}
}

// number reads the number of a process.
func (p *program) number(r *reader, n *yaml.Node, what string) int64 {
	v := r.number(n, what)
	if v <= 0 || v > 1<<22 {
		r.bad(n, "", "%s must be from 1 to %d", what, 1<<22)
		return 0
	}
	return v
}

// readArgs reads arguments: a list, or a text that is split at its blanks as a shell would.
func readArgs(r *reader, n *yaml.Node) []word {
	if n.Kind != yaml.ScalarNode {
		return r.words(n, "args")
	}
	if isNull(n) {
		return nil
	}
	var out []word
	for _, s := range splitLine(n.Value) {
		out = append(out, word{s, n})
	}
	return out
}

// readEnv reads an environment: a mapping, or a list of NAME=value.
func readEnv(r *reader, n *yaml.Node) (out []word) {
	if n.Kind != yaml.MappingNode {
		return r.words(n, "env")
	}
	for _, e := range r.entries(n, "env") {
		v := r.word(e.value, e.key.Text)
		out = append(out, word{e.key.Text + "=" + v.Text, v.node})
	}
	return out
}

// splitLine splits a command line at its blanks; what stands in quotes, or after a backslash, stays
// together.
func splitLine(line string) (out []string) {
	var b strings.Builder
	quote, inside := byte(0), false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inside = c, true
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
			inside = true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if inside {
				out = append(out, b.String())
				b.Reset()
				inside = false
			}
		default:
			b.WriteByte(c)
			inside = true
		}
	}
	if inside {
		out = append(out, b.String())
	}
	return out
}

// maxComm is how long the kernel lets the name of a thread be.
const maxComm = 15

// apply makes proc a process that runs the program; proc is a copy of its parent.
func (p *program) apply(m *machine, proc *process) error {
	if p.run.node != nil {
		line := splitLine(p.run.Text)
		if len(line) == 0 {
			return m.fail(p.run.node, "", "the command line is empty")
		}
		proc.exe, proc.args = line[0], line[1:]
	}
	if p.run.node != nil || p.exe.node != nil || p.exepath.node != nil || p.comm.node != nil {
		p.names(proc)
	}
	if p.hasArgs {
		proc.args = texts(p.args)
	}
	if p.hasEnv {
		proc.env = texts(p.env)
	}
	set(&proc.cwd, p.cwd)
	set(&proc.root, p.root)
	proc.interp = p.interp.Text
	f := p.flags
	proc.upper, proc.lower, proc.writable, proc.memfd, proc.deleted = f.upper, f.lower, f.writable, f.memfd, f.deleted
	if err := p.place(m, proc); err != nil {
		return err
	}
	return p.identity(m, proc)
}

// names derives exe, exepath and comm from each other where they are not given.
func (p *program) names(proc *process) {
	if p.run.node == nil {
		proc.exe, proc.args = "", nil
	}
	set(&proc.exe, p.exe)
	switch {
	case p.exepath.node != nil:
		proc.exepath = p.exepath.Text
	case strings.HasPrefix(proc.exe, "/"):
		proc.exepath = path.Clean(proc.exe)
	case proc.exe != "" && strings.Contains(proc.exe, "/"):
		proc.exepath = path.Join(proc.cwd, proc.exe)
	case proc.exe != "":
		proc.exepath = "/usr/bin/" + proc.exe
	default:
		proc.exepath = "/usr/bin/" + p.comm.Text
	}
	if proc.exe == "" {
		proc.exe = proc.exepath
	}
	proc.comm = path.Base(proc.exepath)
	set(&proc.comm, p.comm)
	proc.comm = proc.comm[:min(len(proc.comm), maxComm)]
}

// place puts the process into its container and cgroups.
func (p *program) place(m *machine, proc *process) error {
	if p.container.node != nil {
		proc.container, proc.cgroups = nil, []string{"cpu=/user.slice"}
		if p.container.Text != "host" {
			c := m.containers[p.container.Text]
			if c == nil {
				return m.missing(p.container, "container", append(sortedKeys(m.containers), "host"))
			}
			proc.container, proc.cgroups = c, []string{"cpu=" + c.cgroup}
		}
	}
	if p.cgroups != nil {
		proc.cgroups = nil
		for _, w := range p.cgroups {
			text := w.Text
			if !strings.Contains(text, "=") {
				text = "cpu=" + text
			}
			proc.cgroups = append(proc.cgroups, text)
		}
	}
	return nil
}

// identity sets who the process is, and its terminal.
func (p *program) identity(m *machine, proc *process) error {
	if p.user.node != nil {
		id, err := m.userID(p.user, proc.container, false)
		if err != nil {
			return err
		}
		proc.uid, proc.gid = id, id
		proc.caps = 0
		if id == 0 {
			proc.caps = proc.rootCaps()
		}
	} else if p.container.node != nil && proc.uid == 0 {
		proc.caps = proc.rootCaps()
	}
	if p.group.node != nil {
		id, err := m.userID(p.group, proc.container, true)
		if err != nil {
			return err
		}
		proc.gid = id
	}
	if p.login.node != nil {
		id, err := m.userID(p.login, nil, false)
		if err != nil {
			return err
		}
		proc.loginuid = id
	}
	if p.caps != nil {
		caps, err := m.capabilities(p.caps)
		if err != nil {
			return err
		}
		proc.caps = caps
	}
	if p.tty != nil {
		return p.terminal(m, proc)
	}
	return nil
}

// firstPTY is the device number of /dev/pts/0.
const firstPTY = 34816

// terminal sets the process' terminal: true, false or a device number.
func (p *program) terminal(m *machine, proc *process) error {
	switch p.tty.Value {
	case "true":
		proc.tty = firstPTY
	case "false", "none":
		proc.tty = 0
	default:
		var n uint32
		if _, err := fmt.Sscanf(p.tty.Value, "%d", &n); err != nil {
			return m.fail(p.tty, "", "tty must be true, false or the number of a device, not %q", p.tty.Value)
		}
		proc.tty = n
	}
	return nil
}

// set assigns a text that was given.
func set(dst *string, w word) {
	if w.node != nil {
		*dst = w.Text
	}
}

// texts returns the texts of words.
func texts(words []word) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w.Text
	}
	return out
}
