// SPDX-License-Identifier: Apache-2.0

package field

import (
	"errors"
	"strconv"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// threadFields are the fields of the thread, and those of its process' times, file and resources.
var threadFields = []Field{
	{Name: "proc.duration", Type: event.RelTime, Format: event.FormatDec, Uint: procDuration,
		Doc: "Nanoseconds from the start of the process to the event."},
	{Name: "proc.ppid.duration", Type: event.RelTime, Format: event.FormatDec, Uint: procPPIDDuration,
		Doc: "Nanoseconds from the start of the parent process to the event."},
	{Name: "proc.pid.ts", Type: event.RelTime, Format: event.FormatDec, Uint: procPIDTS,
		Doc: "When the process was started, in nanoseconds since the epoch."},
	{Name: "proc.ppid.ts", Type: event.RelTime, Format: event.FormatDec, Uint: procPPIDTS,
		Doc: "When the thread that forked the process was started, in nanoseconds since the epoch; 0 if that is not known."},
	{Name: "proc.is_exe_writable", Type: event.Bool, Bool: exeFlag(func(e *state.ExeInfo) bool { return e.Writable }),
		Doc: "True if the user who started the program may write to its file, or owns it."},
	{Name: "proc.is_exe_upper_layer", Type: event.Bool, Bool: exeFlag(func(e *state.ExeInfo) bool { return e.UpperLayer }),
		Doc: "True if the executed file lies in the upper layer of an overlay: it is not part of the container's image."},
	{Name: "proc.is_exe_lower_layer", Type: event.Bool, Bool: exeFlag(func(e *state.ExeInfo) bool { return e.LowerLayer }),
		Doc: "True if the executed file lies in a lower layer of an overlay: it is part of the container's image."},
	{Name: "proc.is_exe_from_memfd", Type: event.Bool, Bool: exeFlag(func(e *state.ExeInfo) bool { return e.FromMemFD }),
		Doc: "True if the executed file was made by memfd_create, so that it lies in memory alone."},
	{Name: "proc.is_sid_leader", Type: event.Bool, Bool: procBool(func(p *state.Process) bool { return p.SID == p.VPID }),
		Doc: "True if the process leads its session."},
	{Name: "proc.is_vpgid_leader", Type: event.Bool, Bool: procBool(func(p *state.Process) bool { return p.VPGID == p.VPID }),
		Doc: "True if the process leads its process group, by the numbers of its pid namespace. The first process of what a shell was told to run usually does."},
	{Name: "proc.is_pgid_leader", Type: event.Bool, Bool: procBool(func(p *state.Process) bool { return p.PGID == p.PID }),
		Doc: "True if the process leads its process group, by the host's numbers."},
	{Name: "proc.exe_ino", Type: event.Int64, Format: event.FormatDec, Int: procExeIno,
		Doc: "Inode number of the executed file."},
	{Name: "proc.exe_ino.ctime", Type: event.AbsTime, Format: event.FormatDec, Uint: nonZero(func(p *state.Process) uint64 { return p.Exec.CTime }),
		Doc: "When the executed file's inode last changed (content, mode, owner or name), in nanoseconds since the epoch."},
	{Name: "proc.exe_ino.mtime", Type: event.AbsTime, Format: event.FormatDec, Uint: nonZero(func(p *state.Process) uint64 { return p.Exec.MTime }),
		Doc: "When the executed file's content last changed, in nanoseconds since the epoch."},
	{Name: "proc.exe_ino.ctime_duration_proc_start", Type: event.AbsTime, Format: event.FormatDec, Uint: procCTimeToStart,
		Doc: "Nanoseconds from the last change of the executed file to the start of the process: small for programs that were just dropped."},
	{Name: "proc.exe_ino.ctime_duration_pidns_start", Type: event.AbsTime, Format: event.FormatDec, Uint: procCTimeFromPIDNS,
		Doc: "Nanoseconds from the start of the pid namespace to the last change of the executed file, for files that changed after a container's start."},
	{Name: "proc.pidns_init_start_ts", Type: event.Uint64, Format: event.FormatDec, Uint: nonZero(pidnsStart),
		Doc: "When the first process of the pid namespace was started, in nanoseconds since the epoch."},
	{Name: "thread.cap_permitted", Type: event.CharBuf, Str: threadCaps(func(s *state.Caps) uint64 { return s.Permitted }),
		Doc: "Names of the capabilities that the thread is permitted, with blanks between them."},
	{Name: "thread.cap_inheritable", Type: event.CharBuf, Str: threadCaps(func(s *state.Caps) uint64 { return s.Inheritable }),
		Doc: "Names of the capabilities that the thread can pass on to the programs it executes, with blanks between them."},
	{Name: "thread.cap_effective", Type: event.CharBuf, Str: threadCaps(func(s *state.Caps) uint64 { return s.Effective }),
		Doc: "Names of the capabilities that the thread makes use of, with blanks between them."},
	{Name: "proc.fdopencount", Type: event.Uint64, Format: event.FormatDec, Uint: procFDCount,
		Doc: "How many open descriptors of the process are known."},
	{Name: "proc.fdlimit", Type: event.Int64, Format: event.FormatDec, Int: procInt(func(p *state.Process) int64 { return p.FDLimit }),
		Doc: "How many descriptors the process may have open, -1 if that is not known."},
	{Name: "proc.fdusage", Type: event.Double, Float: procFDUsage,
		Doc: "Open descriptors as a percentage of proc.fdlimit."},
	{Name: "proc.vmsize", Type: event.Uint64, Format: event.FormatDec, Uint: threadUint(func(t *state.Thread) uint64 { return uint64(t.VM.Size) }),
		Doc: "Size of the address space in kB."},
	{Name: "proc.vmrss", Type: event.Uint64, Format: event.FormatDec, Uint: threadUint(func(t *state.Thread) uint64 { return uint64(t.VM.RSS) }),
		Doc: "Memory of the process that is resident, in kB."},
	{Name: "proc.vmswap", Type: event.Uint64, Format: event.FormatDec, Uint: threadUint(func(t *state.Thread) uint64 { return uint64(t.VM.Swap) }),
		Doc: "Memory of the process that is swapped out, in kB."},
	{Name: "thread.pfmajor", Type: event.Uint64, Format: event.FormatDec, Uint: threadUint(func(t *state.Thread) uint64 { return t.PFMajor }),
		Doc: "Page faults of the thread that needed a disk."},
	{Name: "thread.pfminor", Type: event.Uint64, Format: event.FormatDec, Uint: threadUint(func(t *state.Thread) uint64 { return t.PFMinor }),
		Doc: "Page faults of the thread that needed no disk."},
	{Name: "thread.tid", Type: event.Int64, Format: event.FormatID, Int: threadTID,
		Doc: "Number of the thread that caused the event."},
	{Name: "thread.ismain", Type: event.Bool, Bool: threadIsMain,
		Doc: "True if the thread is the main one of its process."},
	{Name: "thread.vtid", Type: event.Int64, Format: event.FormatID, Int: threadVTID,
		Doc: "Number of the thread as its own pid namespace counts."},
	{Name: "thread.nametid", Type: event.CharBuf, Flags: TableOnly, Str: threadNameTID,
		Doc: "Name and number of the thread in one text."},
	{Name: "thread.exectime", Type: event.RelTime, Format: event.FormatDec, Uint: zero,
		Doc: "Processor time since the thread was last scheduled; 0 while scheduler events are not traced."},
	{Name: "thread.totexectime", Type: event.RelTime, Format: event.FormatDec, Uint: threadUint(func(*state.Thread) uint64 { return 0 }),
		Doc: "Processor time of the thread since the start; 0 while scheduler events are not traced."},
	{Name: "thread.cgroups", Type: event.CharBuf, Str: threadCgroups,
		Doc: "The thread's place below every cgroup controller, as controller=path with blanks between."},
	{Name: "thread.cgroup", Type: event.CharBuf, Arg: ArgRequired, DotArg: true, Parse: parseCgroup, Str: threadCgroup,
		Doc: "The thread's place below one cgroup controller: thread.cgroup.cpuset."},
	{Name: "proc.nthreads", Type: event.Uint64, Format: event.FormatDec, Uint: procUint(func(p *state.Process) uint64 { return uint64(p.Threads) }),
		Doc: "How many threads of the process live, the main one included."},
	{Name: "proc.nchilds", Type: event.Uint64, Format: event.FormatDec, Uint: procUint(procChilds),
		Doc: "How many threads of the process live beside the main one."},
	{Name: "thread.cpu", Type: event.Double, Float: threadCPU,
		Doc: "Share of a processor that the thread has used, in percent; only procinfo events have it."},
	{Name: "thread.cpu.user", Type: event.Double, Float: threadCPU,
		Doc: "The part of thread.cpu that was spent in the program; only procinfo events have it."},
	{Name: "thread.cpu.system", Type: event.Double, Float: threadCPU,
		Doc: "The part of thread.cpu that was spent in the kernel; only procinfo events have it."},
	{Name: "thread.vmsize", Type: event.Uint64, Format: event.FormatDec, Uint: threadUint(mainVMSize),
		Doc: "The same as proc.vmsize for a main thread, 0 for others, so that a sum counts each process once."},
	{Name: "thread.vmrss", Type: event.Uint64, Format: event.FormatDec, Uint: threadUint(mainVMRSS),
		Doc: "The same as proc.vmrss for a main thread, 0 for others, so that a sum counts each process once."},
	{Name: "thread.vmsize.b", Type: event.Uint64, Format: event.FormatDec, Flags: TableOnly, Uint: threadUint(func(t *state.Thread) uint64 { return mainVMSize(t) << 10 }),
		Doc: "The same as thread.vmsize, in bytes."},
	{Name: "thread.vmrss.b", Type: event.Uint64, Format: event.FormatDec, Flags: TableOnly, Uint: threadUint(func(t *state.Thread) uint64 { return mainVMRSS(t) << 10 }),
		Doc: "The same as thread.vmrss, in bytes."},
	{Name: "proc.stdin.type", Type: event.CharBuf, Str: stdType(0),
		Doc: "Kind of the process' standard input, as fd.type has it."},
	{Name: "proc.stdout.type", Type: event.CharBuf, Str: stdType(1),
		Doc: "Kind of the process' standard output, as fd.type has it."},
	{Name: "proc.stderr.type", Type: event.CharBuf, Str: stdType(2),
		Doc: "Kind of the process' standard error output, as fd.type has it."},
	{Name: "proc.stdin.name", Type: event.CharBuf, Str: stdName(0),
		Doc: "What the process' standard input is, as fd.name has it."},
	{Name: "proc.stdout.name", Type: event.CharBuf, Str: stdName(1),
		Doc: "What the process' standard output is, as fd.name has it."},
	{Name: "proc.stderr.name", Type: event.CharBuf, Str: stdName(2),
		Doc: "What the process' standard error output is, as fd.name has it."},
}

// procBool makes the getter of something true or false of the event's process.
func procBool(get func(*state.Process) bool) func(*Context, *Arg) (bool, bool) {
	return func(c *Context, _ *Arg) (bool, bool) {
		if p := process(c); p != nil {
			return get(p), true
		}
		return false, c.Thread != nil
	}
}

func exeFlag(get func(*state.ExeInfo) bool) func(*Context, *Arg) (bool, bool) {
	return procBool(func(p *state.Process) bool { return get(&p.Exec) })
}

// threadUint makes the getter of a number of the event's thread.
func threadUint(get func(*state.Thread) uint64) func(*Context, *Arg) (uint64, bool) {
	return func(c *Context, _ *Arg) (uint64, bool) {
		if c.Thread == nil {
			return 0, false
		}
		return get(c.Thread), true
	}
}

// pidnsStart is when the process' pid namespace began, 0 if that is not known.
func pidnsStart(p *state.Process) uint64 { return p.PIDNSStartTS }

// nonZero makes the getter of a number of the event's process that has no value while it is 0.
func nonZero(get func(*state.Process) uint64) func(*Context, *Arg) (uint64, bool) {
	return func(c *Context, _ *Arg) (uint64, bool) {
		if p := process(c); p != nil {
			n := get(p)
			return n, n != 0
		}
		return 0, false
	}
}

func procDuration(c *Context, _ *Arg) (uint64, bool) {
	if c.Thread == nil || c.Thread.CloneTS == 0 {
		return 0, false
	}
	return c.Ev.Time() - c.Thread.CloneTS, true
}

// procPPIDDuration has no value while the parent's start is unknown.
func procPPIDDuration(c *Context, _ *Arg) (uint64, bool) {
	p := parent(c)
	if p == nil || startOf(p) == 0 {
		return 0, false
	}
	return c.Ev.Time() - startOf(p), true
}

// startOf is when a process was started, by its leader's entry.
func startOf(p *state.Process) uint64 {
	if p.Main != nil {
		return p.Main.CloneTS
	}
	return p.CloneTS
}

func procPIDTS(c *Context, _ *Arg) (uint64, bool) {
	if c.Thread == nil {
		return 0, false
	}
	return c.Thread.CloneTS, c.Thread.CloneTS != 0
}

func procPPIDTS(c *Context, _ *Arg) (uint64, bool) {
	p := parent(c)
	if p == nil {
		return 0, false
	}
	// Published is the start of the thread that forked, which is not always the leader's.
	if t := c.State.Thread(c.Thread.Proc.PTID); t != nil && t.Proc == p {
		return t.CloneTS, true
	}
	return startOf(p), true
}

func procExeIno(c *Context, _ *Arg) (int64, bool) {
	if p := process(c); p != nil {
		return int64(p.Exec.Ino), p.Exec.Ino != 0
	}
	return 0, false
}

// procCTimeToStart wraps around, as the published field does, for a file that changed after the start.
func procCTimeToStart(c *Context, _ *Arg) (uint64, bool) {
	p := process(c)
	if p == nil {
		return 0, false
	}
	return p.Exec.StartAge, p.Exec.StartAge != 0
}

func procCTimeFromPIDNS(c *Context, _ *Arg) (uint64, bool) {
	p := process(c)
	if p == nil || p.PIDNSStartTS == 0 || p.Exec.CTime <= p.PIDNSStartTS {
		return 0, false
	}
	return p.Exec.CTime - p.PIDNSStartTS, true
}

func threadCaps(get func(*state.Caps) uint64) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		if c.Thread == nil {
			return "", false
		}
		return capsText(c, get(&c.Thread.Caps)), true
	}
}

func procFDUsage(c *Context, _ *Arg) (float64, bool) {
	p := process(c)
	if p == nil || p.FDLimit <= 0 {
		return 0, c.Thread != nil
	}
	return 100 * float64(p.FDs.Len()) / float64(p.FDLimit), true
}

func threadTID(c *Context, _ *Arg) (int64, bool) { return c.Ev.TID(), isPID(c.Ev.TID()) }

func threadIsMain(c *Context, _ *Arg) (bool, bool) {
	if c.Thread == nil {
		return false, false
	}
	return isMain(c.Thread), true
}

func isMain(t *state.Thread) bool { return t.Proc != nil && t.TID == t.Proc.PID }

func threadVTID(c *Context, _ *Arg) (int64, bool) {
	if c.Thread == nil {
		return 0, false
	}
	return c.Thread.VTID, c.Thread.VTID != -1
}

func threadNameTID(c *Context, a *Arg) (string, bool) {
	name, ok := procName(c, a)
	if !ok {
		return "", false
	}
	return c.Keep(strconv.AppendInt(append(c.Arena(), name...), c.Thread.TID, 10)), true
}

func threadCgroups(c *Context, _ *Arg) (string, bool) {
	p := process(c)
	if p == nil || len(p.Cgroups) == 0 {
		return "", false
	}
	b := c.Arena()
	for i := range p.Cgroups {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, p.Cgroups[i].Subsys...)
		b = append(b, '=')
		b = append(b, p.Cgroups[i].Path...)
	}
	return c.Keep(b), true
}

func parseCgroup(a *Arg) error {
	for i := range len(a.Text) {
		if b := a.Text[i]; b != '_' && (b < 'a' || b > 'z') {
			return errors.New("the argument must be the name of a cgroup controller")
		}
	}
	return nil
}

func threadCgroup(c *Context, a *Arg) (string, bool) {
	p := process(c)
	if p == nil {
		return "", false
	}
	for i := range p.Cgroups {
		if p.Cgroups[i].Subsys == a.Text {
			return p.Cgroups[i].Path, true
		}
	}
	return "", false
}

func procChilds(p *state.Process) uint64 {
	n := p.Threads
	if p.Main != nil && !p.Main.Dead {
		n--
	}
	return uint64(max(n, 0))
}

func threadCPU(c *Context, _ *Arg) (float64, bool) { return 0, c.Thread != nil && isProcInfo(c.Ev) }

// procFDCount counts the descriptors of a process; of a thread of which nothing is known there are none
// but those that its own events named.
func procFDCount(c *Context, _ *Arg) (uint64, bool) {
	p := process(c)
	if p == nil {
		return 0, false
	}
	if c.Thread.Fake {
		return 0, true
	}
	return uint64(p.FDs.Len()), true
}

func mainVMSize(t *state.Thread) uint64 {
	if !isMain(t) {
		return 0
	}
	return uint64(t.VM.Size)
}

func mainVMRSS(t *state.Thread) uint64 {
	if !isMain(t) {
		return 0
	}
	return uint64(t.VM.RSS)
}

func stdType(num int64) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		if p := process(c); p != nil {
			if f := p.FDs.Get(num); f != nil {
				return fdTypeName(f.Type), true
			}
		}
		return "", false
	}
}

func stdName(num int64) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		if p := process(c); p != nil {
			if f := p.FDs.Get(num); f != nil {
				return f.Name(), true
			}
		}
		return "", false
	}
}
