// SPDX-License-Identifier: Apache-2.0

package field

import (
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// procFields are the fields of the process that caused the event.
var procFields = []Field{
	{Name: "proc.exe", Type: event.CharBuf, Str: procText(procExe),
		Doc: "The program as it was called: the first element of its argument vector, which the caller is free to choose."},
	{Name: "proc.pexe", Type: event.CharBuf, Str: parentText(procExe),
		Doc: "The same as proc.exe, for the parent process."},
	{Name: "proc.aexe", Type: event.CharBuf, Flags: AnyValue | NoRHS | NoTransformer, Arg: ArgOptional, Parse: parseIndex, Strs: ancestry(procExe), Print: kin(ancestors).print(procExe),
		Doc: "The same as proc.exe, for an ancestor: [0] is the process itself, [1] its parent. Without a number, any ancestor will do, also one that has exited."},
	{Name: "proc.exepath", Type: event.CharBuf, Str: procText(procExePath),
		Doc: "Full path of the executed file, as the kernel knows it."},
	{Name: "proc.pexepath", Type: event.CharBuf, Str: parentText(procExePath),
		Doc: "The same as proc.exepath, for the parent process."},
	{Name: "proc.aexepath", Type: event.CharBuf, Flags: AnyValue | NoRHS | NoTransformer, Arg: ArgOptional, Parse: parseIndex, Strs: ancestry(procExePath), Print: kin(ancestors).print(procExePath),
		Doc: "The same as proc.exepath, for an ancestor: [0] is the process itself, [1] its parent. Without a number, any ancestor will do, also one that has exited."},
	{Name: "proc.name", Type: event.CharBuf, Str: procName,
		Doc: "Name of the thread that caused the event, at most 15 bytes: at first the executed file's name, but the program may change it."},
	{Name: "proc.pname", Type: event.CharBuf, Str: parentText(procComm),
		Doc: "Name of the parent process."},
	{Name: "proc.aname", Type: event.CharBuf, Flags: AnyValue | NoRHS | NoTransformer, Arg: ArgOptional, Parse: parseIndex, Strs: ancestry(procComm), Print: kin(ancestors).print(procComm),
		Doc: "Name of an ancestor: [0] is the process itself, [1] its parent. Without a number, any ancestor will do, also one that has exited."},
	{Name: "proc.args", Type: event.CharBuf, Arg: ArgOptional, Parse: parseIndex, Str: procArgs,
		Doc: "Arguments of the program with blanks between them. With a number, that argument alone: [0] is the first after the program's name."},
	{Name: "proc.aargs", Type: event.CharBuf, Arg: ArgOptional, Parse: parseIndex, Str: procAArgs,
		Doc: "Arguments of an ancestor, by number as for proc.aname. Without a number, those of all ancestors in one text."},
	{Name: "proc.cmdline", Type: event.CharBuf, Str: threadCmdLine,
		Doc: "Name and arguments of the process with blanks between them, as of its start."},
	{Name: "proc.pcmdline", Type: event.CharBuf, Str: parentText(procCmdLine),
		Doc: "The same as proc.cmdline, for the parent process."},
	{Name: "proc.acmdline", Type: event.CharBuf, Flags: AnyValue | NoRHS | NoTransformer, Arg: ArgOptional, Parse: parseIndex, Strs: ancestry(procCmdLine), Print: kin(ancestors).print(procCmdLine),
		Doc: "The same as proc.cmdline, for an ancestor: [0] is the process itself, [1] its parent. Without a number, any ancestor will do, also one that has exited."},
	{Name: "proc.cmdnargs", Type: event.Uint64, Format: event.FormatDec, Uint: procCmdNArgs,
		Doc: "How many arguments the program was given."},
	{Name: "proc.cmdlenargs", Type: event.Uint64, Format: event.FormatDec, Uint: procCmdLenArgs,
		Doc: "How many bytes the arguments have together, without the blanks between them."},
	{Name: "proc.exeline", Type: event.CharBuf, Str: procExeLine,
		Doc: "The program as it was called and its arguments, with blanks between them."},
	{Name: "proc.env", Type: event.CharBuf, Arg: ArgOptional, Str: procEnv,
		Doc: "Environment of the process with blanks between the variables. With a name, the value of that variable, empty if it is not set."},
	{Name: "proc.aenv", Type: event.CharBuf, Flags: AnyValue | NoRHS | NoTransformer, Arg: ArgOptional, Strs: procAEnv, Print: printAEnv,
		Doc: "Environment of ancestors. With a variable's name, its value in the nearest ancestor that has it; with a number, the environment of that ancestor; without either, that of any ancestor."},
	{Name: "proc.cwd", Type: event.CharBuf, Str: procText(func(p *state.Process) string { return p.Cwd }),
		Doc: "The current directory, with a slash at the end."},
	{Name: "proc.loginshellid", Type: event.Int64, Format: event.FormatID, Int: procLoginShell,
		Doc: "Number of the oldest shell among the process and its ancestors: those whose names end in sh."},
	{Name: "proc.tty", Type: event.Uint32, Format: event.FormatID, Uint: procUint(func(p *state.Process) uint64 { return uint64(p.TTY) }),
		Doc: "Device number of the controlling terminal, 0 for none."},
	{Name: "proc.pid", Type: event.Int64, Format: event.FormatID, Int: procPID,
		Doc: "Number of the process."},
	{Name: "proc.ppid", Type: event.Int64, Format: event.FormatID, Int: procPPID,
		Doc: "Number of the parent process."},
	{Name: "proc.apid", Type: event.Int64, Format: event.FormatID, Flags: AnyValue | NoRHS | NoTransformer, Arg: ArgOptional, Parse: parseIndex, Ints: procAncestry, Print: printAPID,
		Doc: "Number of an ancestor: [0] is the process itself, [1] its parent. Without a number, any ancestor will do, also one that has exited."},
	{Name: "proc.vpid", Type: event.Int64, Format: event.FormatID, Int: known(func(p *state.Process) int64 { return p.VPID }),
		Doc: "Number of the process as its own pid namespace counts."},
	{Name: "proc.pvpid", Type: event.Int64, Format: event.FormatID, Int: procPVPID,
		Doc: "Number of the parent process as that one's pid namespace counts."},
	{Name: "proc.sid", Type: event.Int64, Format: event.FormatID, Int: procInt(func(p *state.Process) int64 { return p.SID }),
		Doc: "Number of the session."},
	{Name: "proc.sname", Type: event.CharBuf, Str: leaderText(sessionLeader, procComm),
		Doc: "Name of the process that leads the session; empty if it is not known."},
	{Name: "proc.sid.exe", Type: event.CharBuf, Str: leaderText(sessionLeader, procExe),
		Doc: "The same as proc.exe, for the process that leads the session."},
	{Name: "proc.sid.exepath", Type: event.CharBuf, Str: leaderText(sessionLeader, procExePath),
		Doc: "The same as proc.exepath, for the process that leads the session."},
	{Name: "proc.vpgid", Type: event.Int64, Format: event.FormatID, Int: procInt(func(p *state.Process) int64 { return p.VPGID }),
		Doc: "Number of the process group as its own pid namespace counts."},
	{Name: "proc.vpgid.name", Type: event.CharBuf, Str: leaderText(vgroupLeader, procComm),
		Doc: "Name of the process that leads the group proc.vpgid; empty if it is not known."},
	{Name: "proc.vpgid.exe", Type: event.CharBuf, Str: leaderText(vgroupLeader, procExe),
		Doc: "The same as proc.exe, for the process that leads the group proc.vpgid."},
	{Name: "proc.vpgid.exepath", Type: event.CharBuf, Str: leaderText(vgroupLeader, procExePath),
		Doc: "The same as proc.exepath, for the process that leads the group proc.vpgid."},
	{Name: "proc.pgid", Type: event.Int64, Format: event.FormatID, Int: procInt(func(p *state.Process) int64 { return p.PGID }),
		Doc: "Number of the process group."},
	{Name: "proc.pgid.name", Type: event.CharBuf, Str: leaderText(groupLeader, procComm),
		Doc: "Name of the process that leads the group proc.pgid; empty if it is not known."},
	{Name: "proc.pgid.exe", Type: event.CharBuf, Str: leaderText(groupLeader, procExe),
		Doc: "The same as proc.exe, for the process that leads the group proc.pgid."},
	{Name: "proc.pgid.exepath", Type: event.CharBuf, Str: leaderText(groupLeader, procExePath),
		Doc: "The same as proc.exepath, for the process that leads the group proc.pgid."},
}

// naText is the text of what is unknown although something must be said.
const naText = "<NA>"

// process is the process that caused the event, nil if nothing is known of it.
func process(c *Context) *state.Process {
	if c.Thread == nil {
		return nil
	}
	return c.Thread.Proc
}

// parent is the parent of the event's process, nil if it is not known.
func parent(c *Context) *state.Process {
	if p := process(c); p != nil {
		return p.Ancestor(1)
	}
	return nil
}

// What texts of a process are asked for.
func procExe(p *state.Process) string     { return p.Exe }
func procExePath(p *state.Process) string { return p.ExePath }
func procComm(p *state.Process) string    { return p.Comm() }
func procCmdLine(p *state.Process) string { return p.CmdLine }

// threadCmdLine is the command line with the name of the thread, which may have been given one of its own.
func threadCmdLine(c *Context, _ *Arg) (string, bool) {
	t := c.Thread
	switch {
	case t == nil:
		return "", false
	case t.Proc == nil:
		return naText, true
	}
	line := t.Proc.CmdLine
	if t.Fake || t == t.Proc.Main || len(line)-len(t.Proc.ArgLine) == len(t.Comm)+1 && strings.HasPrefix(line, t.Comm) || line == t.Comm {
		return line, true
	}
	b := append(c.Arena(), t.Comm...)
	if t.Proc.ArgLine != "" {
		b = append(append(b, ' '), t.Proc.ArgLine...)
	}
	return c.Keep(b), true
}

// procText makes the getter of a text of the event's process. A thread of which nothing is known
// reads naText.
func procText(get func(*state.Process) string) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		switch {
		case c.Thread == nil:
			return "", false
		case c.Thread.Proc == nil:
			return naText, true
		}
		return get(c.Thread.Proc), true
	}
}

// parentText makes the getter of a text of the parent.
func parentText(get func(*state.Process) string) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		if p := parent(c); p != nil {
			return get(p), true
		}
		return "", false
	}
}

// The leaders of what a process belongs to.
func sessionLeader(c *Context) *state.Process { return c.State.SessionLeader(c.Thread) }
func groupLeader(c *Context) *state.Process   { return c.State.GroupLeader(c.Thread) }
func vgroupLeader(c *Context) *state.Process  { return c.State.VGroupLeader(c.Thread) }

// leaderText makes the getter of a text of a leader, empty if none is known.
func leaderText(leader func(*Context) *state.Process, get func(*state.Process) string) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		if c.Thread == nil {
			return "", false
		}
		if c.Thread.Proc == nil || c.State == nil {
			return "", true
		}
		if p := leader(c); p != nil {
			return get(p), true
		}
		return "", true
	}
}

// procUint makes the getter of a number of the event's process, 0 if nothing is known of it.
func procUint(get func(*state.Process) uint64) func(*Context, *Arg) (uint64, bool) {
	return func(c *Context, _ *Arg) (uint64, bool) {
		if p := process(c); p != nil {
			return get(p), true
		}
		return 0, c.Thread != nil
	}
}

// procInt makes the getter of a number of the event's process, -1 if nothing is known of it.
func procInt(get func(*state.Process) int64) func(*Context, *Arg) (int64, bool) {
	return func(c *Context, _ *Arg) (int64, bool) {
		if p := process(c); p != nil {
			return get(p), true
		}
		return -1, c.Thread != nil
	}
}

// known makes the getter of a number that has no value while it is -1.
func known(get func(*state.Process) int64) func(*Context, *Arg) (int64, bool) {
	return func(c *Context, _ *Arg) (int64, bool) {
		if p := process(c); p != nil {
			n := get(p)
			return n, n != -1
		}
		return 0, false
	}
}

func procName(c *Context, _ *Arg) (string, bool) {
	if c.Thread == nil {
		return "", false
	}
	if c.Thread.Fake && c.Thread.Comm == "" {
		return naText, true
	}
	return c.Thread.Comm, true
}

func procArgs(c *Context, a *Arg) (string, bool) {
	p := process(c)
	switch {
	case p == nil:
		return "", c.Thread != nil
	case !a.Given:
		return p.ArgLine, true
	case a.Index < len(p.Args):
		return p.Args[a.Index], true
	}
	return "", true
}

func procCmdNArgs(c *Context, _ *Arg) (uint64, bool) {
	if p := process(c); p != nil {
		return uint64(len(p.Args)), true
	}
	return 0, c.Thread != nil
}

func procCmdLenArgs(c *Context, _ *Arg) (n uint64, ok bool) {
	if p := process(c); p != nil {
		for _, arg := range p.Args {
			n += uint64(len(arg))
		}
	}
	return n, c.Thread != nil
}

func procExeLine(c *Context, _ *Arg) (string, bool) {
	if c.Thread == nil {
		return "", false
	}
	exe, line := naText, ""
	if p := c.Thread.Proc; p != nil {
		exe, line = p.Exe, p.ArgLine
	}
	b := append(c.Arena(), exe...)
	b = append(b, ' ')
	return c.Keep(append(b, line...)), true
}

func procEnv(c *Context, a *Arg) (string, bool) {
	p := process(c)
	switch {
	case p == nil:
		return "", c.Thread != nil
	case a.Given:
		return envValue(p, a.Text), true
	}
	return envLine(c, p), true
}

// envLine is the whole environment with blanks between the variables.
func envLine(c *Context, p *state.Process) string {
	b := c.Arena()
	for i, kv := range p.Env {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, kv...)
	}
	return c.Keep(b)
}

// envValue is the value of one variable without blanks around it, "" if it is not set.
func envValue(p *state.Process, name string) string {
	for _, kv := range p.Env {
		if len(kv) > len(name) && kv[len(name)] == '=' && kv[:len(name)] == name {
			return strings.Trim(kv[len(name)+1:], " ")
		}
	}
	return ""
}

func procLoginShell(c *Context, _ *Arg) (pid int64, ok bool) {
	p := process(c)
	if p == nil {
		return 0, false
	}
	if strings.HasSuffix(c.Thread.Comm, "sh") {
		pid, ok = p.PID, true
	}
	for walk := ancestors(p); walk.next(); {
		if strings.HasSuffix(walk.p.Comm(), "sh") {
			pid, ok = walk.p.PID, true
		}
	}
	return pid, ok
}

func procPID(c *Context, _ *Arg) (int64, bool) {
	if p := process(c); p != nil {
		return p.PID, isPID(p.PID)
	}
	return -1, c.Thread != nil
}

// isPID reports whether n can be the number of a thread: others come from broken records.
func isPID(n int64) bool { return n >= -1 && n < 1<<32 }

func procPPID(c *Context, _ *Arg) (int64, bool) {
	if p := parent(c); p != nil {
		return p.PID, isPID(p.PID)
	}
	return 0, false
}

func procPVPID(c *Context, _ *Arg) (int64, bool) {
	if p := parent(c); p != nil {
		return p.VPID, true
	}
	return 0, false
}
