// SPDX-License-Identifier: Apache-2.0

package field

import (
	"strconv"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// procOursFields are fields of the process beyond the published ones: what the kernel knew at the
// exec, and the processes that made this one even if they are gone.
var procOursFields = []Field{
	{Name: "proc.lineage.name", Type: event.CharBuf, Ours: true, Flags: AnyValue | NoRHS | NoTransformer, Arg: ArgOptional, Parse: parseIndex, Strs: kin(makers).texts(procComm), Print: kin(makers).print(procComm),
		Doc: "Name of a process that made this one: [1] forked it, [2] forked that one, and so on; [0] is the process itself. Unlike proc.aname it knows those that have exited, and no adoption by another process changes it."},
	{Name: "proc.lineage.exepath", Type: event.CharBuf, Ours: true, Flags: AnyValue | NoRHS | NoTransformer, Arg: ArgOptional, Parse: parseIndex, Strs: kin(makers).texts(procExePath), Print: kin(makers).print(procExePath),
		Doc: "The same as proc.exepath, for a process that made this one, living or not: see proc.lineage.name."},
	{Name: "proc.lineage.cmdline", Type: event.CharBuf, Ours: true, Flags: AnyValue | NoRHS | NoTransformer, Arg: ArgOptional, Parse: parseIndex, Strs: kin(makers).texts(procCmdLine), Print: kin(makers).print(procCmdLine),
		Doc: "The same as proc.cmdline, for a process that made this one, living or not: see proc.lineage.name."},
	{Name: "proc.lineage.pid", Type: event.Int64, Format: event.FormatID, Ours: true, Flags: AnyValue | NoRHS | NoTransformer, Arg: ArgOptional, Parse: parseIndex, Ints: procLineagePID, Print: printLineagePID,
		Doc: "Number of a process that made this one, living or not: see proc.lineage.name."},
	{Name: "proc.is_orphan", Type: event.Bool, Ours: true, Bool: procIsOrphan,
		Doc: "True if the process that made this one has exited, so that its parent is an adoptive one. Daemons do so on purpose, and so does what wants to hide where it came from."},
	{Name: "proc.args.len", Type: event.Uint64, Format: event.FormatDec, Ours: true, Uint: nonZero(func(p *state.Process) uint64 { return p.ArgsLen }),
		Doc: "How many bytes the argument vector had at the exec, the program's name and the final NUL of each argument included. No value where the kernel did not tell."},
	{Name: "proc.args.truncated", Type: event.Bool, Ours: true, Bool: procArgsTruncated,
		Doc: "True if the argument vector was longer than what is kept of it (4096 bytes), so that conditions on proc.args and proc.cmdline do not see its end."},
	{Name: "proc.args.tail", Type: event.CharBuf, Ours: true, Str: procArgsTail,
		Doc: "The last 4095 bytes of an argument vector for which proc.args.truncated is true, with blanks between the arguments, as the kernel knew them at the exec."},
	{Name: "proc.env.truncated", Type: event.Bool, Ours: true, Bool: procEnvTruncated,
		Doc: "True if the environment was longer than what is kept of it (16 KB), so that conditions on proc.env do not see its end."},
	{Name: "proc.exe.dev", Type: event.Uint32, Format: event.FormatHex, Ours: true, Uint: nonZero(func(p *state.Process) uint64 { return uint64(p.Exec.Dev) }),
		Doc: "Number of the device that the executed file lies on."},
	{Name: "proc.exe.nlink", Type: event.Uint32, Format: event.FormatDec, Ours: true, Uint: procExeNLink,
		Doc: "How many names (hard links) the executed file had at the exec; 0 for a file that was deleted before."},
	{Name: "proc.interp", Type: event.CharBuf, Ours: true, Str: procInterp,
		Doc: "Path of the interpreter that was started for a script. No value if the executed file was itself a program."},
	{Name: "proc.script", Type: event.CharBuf, Ours: true, Str: procScript,
		Doc: "Path of the script for which proc.interp was started: proc.exepath is its interpreter's. No value if the executed file was itself a program."},
	{Name: "proc.ascript", Type: event.CharBuf, Ours: true, Flags: AnyValue | NoRHS | NoTransformer, Arg: ArgOptional, Parse: parseIndex, Strs: ancestry(processScript), Print: kin(ancestors).print(processScript),
		Doc: "The same as proc.script, for an ancestor: [0] is the process itself, [1] its parent. Without a number, any ancestor will do, also one that has exited."},
	{Name: "proc.exec.stdin.type", Type: event.CharBuf, Ours: true, Str: execStdio(0),
		Doc: "Kind of the standard input that the program was started with, as fd.type has it; unlike proc.stdin.type it does not change when the program opens another one. A shell that is started with ipv4 here is a remote one."},
	{Name: "proc.exec.stdout.type", Type: event.CharBuf, Ours: true, Str: execStdio(1),
		Doc: "The same as proc.exec.stdin.type, for the standard output."},
	{Name: "proc.exec.stderr.type", Type: event.CharBuf, Ours: true, Str: execStdio(2),
		Doc: "The same as proc.exec.stdin.type, for the standard error output."},
	{Name: "proc.is_exe_deleted", Type: event.Bool, Ours: true, Bool: exeFlag(func(e *state.ExeInfo) bool { return e.Deleted }),
		Doc: "True if the executed file had no name left when it was executed."},
}

// argsKept is how many bytes of arguments a record holds.
const argsKept = 4096

func procLineagePID(c *Context, a *Arg, dst []int64) []int64 { return kin(makers).pids(c, a, dst) }

// printLineagePID prints one number as a number, all of them with blanks between.
func printLineagePID(c *Context, a *Arg) (Value, bool) {
	if a.Given {
		return kin(makers).printPID(c, a)
	}
	c.Ints = procLineagePID(c, a, c.Ints[:0])
	b := c.Arena()
	for i, pid := range c.Ints {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, pid, 10)
	}
	return Value{Type: event.CharBuf, Kind: KindString, Str: c.Keep(b)}, len(c.Ints) > 0
}

// procIsOrphan has no value while it is not known who made the process.
func procIsOrphan(c *Context, _ *Arg) (bool, bool) {
	p := process(c)
	if p == nil || p.Lineage == nil {
		return false, false
	}
	return p.Lineage.Gone, true
}

func procArgsTruncated(c *Context, _ *Arg) (bool, bool) {
	if p := process(c); p != nil {
		return p.ArgsLen > argsKept, p.ArgsLen != 0
	}
	return false, false
}

func procEnvTruncated(c *Context, _ *Arg) (bool, bool) {
	if p := process(c); p != nil {
		kept := uint64(0)
		for _, s := range p.Env {
			kept += uint64(len(s)) + 1
		}
		return p.EnvLen > kept, p.EnvLen != 0
	}
	return false, false
}

func procExeNLink(c *Context, _ *Arg) (uint64, bool) {
	if p := process(c); p != nil {
		return uint64(p.Exec.NLink), p.Exec.NLink != 0 || p.Exec.Deleted
	}
	return 0, false
}

func procInterp(c *Context, _ *Arg) (string, bool) {
	if p := process(c); p != nil {
		return p.Exec.Interp, p.Exec.Interp != ""
	}
	return "", false
}

func processScript(p *state.Process) string { return p.Exec.Script }

func procScript(c *Context, _ *Arg) (string, bool) {
	if p := process(c); p != nil {
		return p.Exec.Script, p.Exec.Script != ""
	}
	return "", false
}

func procArgsTail(c *Context, _ *Arg) (string, bool) {
	if p := process(c); p != nil {
		return p.ArgsTail, p.ArgsTail != ""
	}
	return "", false
}

// execStdio makes the getter of the kind of one of the first three descriptors at the exec.
func execStdio(num int) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		p := process(c)
		if p == nil || p.Stdio[num] == state.FDUnknown {
			return "", false
		}
		return fdTypeName(p.Stdio[num]), true
	}
}
