// SPDX-License-Identifier: Apache-2.0

package state

import (
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// Published flags of an executed file.
const (
	exeWritable  = 1
	exeUpper     = 2
	exeFromMemFD = 4
	exeLower     = 8
	exeDeleted   = 1 << 16 // ours
)

// execParams are the positions of the parameters of execve. Those up to gid are execveat's too.
var execParams = struct {
	exe, args, pid, ptid, fdlimit, pfMajor, pfMinor, vmSize, vmRSS, vmSwap, comm, cgroups, env, tty, vpgid, loginUID,
	flags, capInh, capPrm, capEff, ino, ctime, mtime, uid, exepath, pgid, gid,
	dev, nlink, interp, sid, argsLen, envLen, start, filename, argsTail, envMore int
}{
	index(event.Execve, "exe"), index(event.Execve, "args"), index(event.Execve, "pid"),
	index(event.Execve, "ptid"), index(event.Execve, "fdlimit"), index(event.Execve, "pgft_maj"),
	index(event.Execve, "pgft_min"), index(event.Execve, "vm_size"), index(event.Execve, "vm_rss"),
	index(event.Execve, "vm_swap"), index(event.Execve, "comm"), index(event.Execve, "cgroups"),
	index(event.Execve, "env"), index(event.Execve, "tty"), index(event.Execve, "vpgid"),
	index(event.Execve, "loginuid"), index(event.Execve, "flags"), index(event.Execve, "cap_inheritable"),
	index(event.Execve, "cap_permitted"), index(event.Execve, "cap_effective"), index(event.Execve, "exe_ino"),
	index(event.Execve, "exe_ino_ctime"), index(event.Execve, "exe_ino_mtime"), index(event.Execve, "uid"),
	index(event.Execve, "trusted_exepath"), index(event.Execve, "pgid"), index(event.Execve, "gid"),
	optional(event.Execve, "exe_dev"), optional(event.Execve, "exe_nlink"), optional(event.Execve, "interp"),
	optional(event.Execve, "sid"), optional(event.Execve, "args_len"), optional(event.Execve, "env_len"),
	optional(event.Execve, "start_time"), index(event.Execve, "filename"), optional(event.Execve, "args_tail"),
	optional(event.Execve, "env_more"),
}

// maxBlock is how much of the arguments and of the environment a record carries.
const maxBlock = 4096

// MaxEnv is how much of an environment is kept, in bytes: what the kernel's programs read of it.
const MaxEnv = 4094 + 3*4095

// onExec applies a successful exec: the process becomes another program.
func (s *State) onExec(ev *event.Event, t *Thread) {
	if res, ok := ev.Int(0); !ok || res < 0 {
		return
	}
	if !t.Fake && s.holdP {
		return
	}
	pid := intOf(ev, execParams.pid, ev.TID())
	if t.Fake {
		if t = s.execUnknown(ev, pid); t == nil {
			return
		}
		s.th = t
	}
	s.takeOver(t, pid)
	p := t.Proc
	s.setProgram(ev, t)
	s.setCredentials(ev, t)
	if env := ev.Param(execParams.env); len(env) > 0 || execParams.envLen < ev.NumParams() {
		s.setEnv(p, env, ev.Param(execParams.envMore))
		p.EnvLen = uintOf(ev, execParams.envLen, 0)
	}
	s.pool.unshare(&p.FDs)
	s.closeOnExec(p)
	for i := range p.Stdio {
		p.Stdio[i] = FDUnknown
		if f := p.FDs.Get(int64(i)); f != nil {
			p.Stdio[i] = f.Type
		}
	}
	t.enter.reset()
}

// execUnknown enters a thread that executes and of which nothing was known.
func (s *State) execUnknown(ev *event.Event, pid int64) *Thread {
	p := s.addProcess(pid)
	t := s.addThread(ev.TID(), p)
	if t == nil {
		return nil
	}
	t.VTID, p.VPID = ev.TID(), pid
	s.linkParent(p, intOf(ev, execParams.ptid, -1))
	t.seen = s.ts
	return t
}

// takeOver ends the other threads of a group of which one executes: that one becomes the leader.
func (s *State) takeOver(t *Thread, pid int64) {
	p := t.Proc
	if p.PID != pid {
		return
	}
	if t.Dead {
		// The leader had exited before another thread executed, which goes by its number now.
		t.Dead = false
		p.Threads++
	}
	for o := p.threads; o != nil; {
		next := o.next
		if o != t {
			s.removeThread(o)
		}
		o = next
	}
}

// setProgram takes what an exec tells of the program.
func (s *State) setProgram(ev *event.Event, t *Thread) {
	c, p := &execParams, t.Proc
	p.Exe = s.param(ev, c.exe, na)
	p.ExecTS = s.ts
	t.Comm = s.param(ev, c.comm, p.Exe)
	s.setArgs(p, t.Comm, ev.Param(c.args))
	p.ArgsLen = uintOf(ev, c.argsLen, 0)
	p.ArgsTail = argsTail(ev.Param(c.argsTail))
	p.FDLimit = intOf(ev, c.fdlimit, p.FDLimit)
	t.PFMajor, t.PFMinor = uintOf(ev, c.pfMajor, t.PFMajor), uintOf(ev, c.pfMinor, t.PFMinor)
	t.VM = VM{
		uint32(uintOf(ev, c.vmSize, uint64(t.VM.Size))),
		uint32(uintOf(ev, c.vmRSS, uint64(t.VM.RSS))),
		uint32(uintOf(ev, c.vmSwap, uint64(t.VM.Swap))),
	}
	if b := ev.Param(c.cgroups); len(b) > 0 {
		s.setCgroups(p, b)
	}
	p.TTY = uint32(uintOf(ev, c.tty, uint64(p.TTY)))
	p.VPGID = intOf(ev, c.vpgid, p.VPGID)
	p.PGID = intOf(ev, c.pgid, -1)
	p.SID = intOf(ev, c.sid, p.SID)
	if start := uintOf(ev, c.start, 0); start != 0 {
		p.StartTime, t.start = start, start
	}
	s.setExePath(ev, t)
	s.setExeInfo(ev, t)
}

// setExeInfo takes what an exec tells of the file. Of a record without the flags nothing can be told
// of what they say: the file before this one stands.
func (s *State) setExeInfo(ev *event.Event, t *Thread) {
	c, p := &execParams, t.Proc
	old := p.Exec
	flags, known := ev.Uint(c.flags)
	p.Exec = ExeInfo{
		Ino:        uintOf(ev, c.ino, 0),
		CTime:      uintOf(ev, c.ctime, 0),
		MTime:      uintOf(ev, c.mtime, 0),
		Dev:        uint32(uintOf(ev, c.dev, 0)),
		NLink:      uint32(uintOf(ev, c.nlink, 0)),
		Interp:     s.param(ev, c.interp, ""),
		Writable:   flags&exeWritable != 0,
		UpperLayer: flags&exeUpper != 0,
		LowerLayer: flags&exeLower != 0,
		FromMemFD:  flags&exeFromMemFD != 0,
		Deleted:    old.Deleted || flags&exeDeleted != 0,
	}
	if p.Exec.Interp != "" && ev.Type() == event.Execve {
		p.Exec.Script = s.script(ev, p)
	}
	if c.interp >= ev.NumParams() { // of a capture in the published form
		s.guessScript(p, t.Comm, ev.Param(c.args))
	}
	if !known {
		p.Exec.Writable, p.Exec.UpperLayer, p.Exec.LowerLayer, p.Exec.FromMemFD = old.Writable, old.UpperLayer, old.LowerLayer, old.FromMemFD
	}
	if ctime, ok := ev.Uint(c.ctime); ok && t.CloneTS != 0 {
		p.Exec.StartAge = t.CloneTS - ctime
	}
}

// script is the path of the script for which an interpreter was started. The kernel calls one that was
// given by a descriptor by its place below /dev/fd.
func (s *State) script(ev *event.Event, p *Process) string {
	name, ok := ev.Text(execParams.filename)
	if !ok || name == "" {
		return ""
	}
	if rest, ok := strings.CutPrefix(name, "/dev/fd/"); ok {
		digits, below, _ := strings.Cut(rest, "/")
		num, err := strconv.ParseInt(digits, 10, 32)
		if f := p.FDs.Get(num); err == nil && f != nil && f.name.len > 0 {
			s.scratch = appendPath(s.scratch[:0], f.Name(), below)
			return s.names.str(s.scratch)
		}
	}
	s.scratch = appendPath(s.scratch[:0], p.Cwd, name)
	return s.names.str(s.scratch)
}

// argsTail makes a text of the end of arguments that are too long for a record. It may begin within one.
func argsTail(b []byte) string {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return strings.ReplaceAll(string(b), "\x00", " ")
}

// setCredentials takes what an exec tells of the user.
func (s *State) setCredentials(ev *event.Event, t *Thread) {
	c := &execParams
	t.Proc.LoginUID = uint32(uintOf(ev, c.loginUID, uint64(t.Proc.LoginUID)))
	if _, ok := ev.Uint(c.capInh); ok {
		t.Caps = Caps{uintOf(ev, c.capInh, 0), uintOf(ev, c.capPrm, 0), uintOf(ev, c.capEff, 0)}
	}
	t.UID = uint32(uintOf(ev, c.uid, uint64(t.UID)))
	t.GID = uint32(uintOf(ev, c.gid, uint64(t.GID)))
}

// setExePath takes the path of the executed file: as the kernel tells it or, in old records, as the
// enter event asked for it.
func (s *State) setExePath(ev *event.Event, t *Thread) {
	p := t.Proc
	p.Exec.Deleted = false
	path, ok := ev.Text(execParams.exepath)
	if !ok {
		if t.enter.isExec() {
			p.ExePath = s.requestedExe(t)
		}
		return
	}
	s.setTrustedExe(p, path)
}

// setTrustedExe takes the path of the executed file as the kernel tells it.
func (s *State) setTrustedExe(p *Process, path string) {
	path, p.Exec.Deleted = strings.CutSuffix(path, " (deleted)")
	p.ExePath = s.names.text(path)
}

// requestedExe is the path that the thread's enter event of execve or execveat named.
func (s *State) requestedExe(t *Thread) string {
	p := t.Proc
	name, dirfd, flags := t.enter.exec()
	if flags&atEmptyPath != 0 && (name == "" || name == na) {
		if fd := p.FDs.Get(dirfd); fd != nil {
			return s.names.text(fd.Name())
		}
		return na
	}
	if name == "" || name == na {
		return na
	}
	dir := s.dirName(p, dirfd)
	if name[0] != '/' && dir == unknownDir {
		return na
	}
	s.scratch = appendPath(s.scratch[:0], dir, name)
	return s.names.str(s.scratch)
}

const atEmptyPath = 1 // published PPM_EXVAT_AT_EMPTY_PATH

// param returns a text parameter as a permanent string.
func (s *State) param(ev *event.Event, i int, def string) string {
	if v, ok := ev.Text(i); ok {
		return s.names.text(v)
	}
	return def
}

// setArgs sets the arguments of a process: b holds them without the first, each with a final NUL.
func (s *State) setArgs(p *Process, comm string, b []byte) {
	key := append(append(append(s.line[:0], comm...), 0), b...)
	s.line = key
	v, ok := s.argvs.get(key)
	if !ok {
		v = splitArgs(comm, b)
		s.argvs.put(string(key), v)
	}
	p.Args, p.CmdLine, p.ArgLine = v.args, v.line, ""
	if len(v.line) > len(comm) {
		p.ArgLine = v.line[len(comm)+1:]
	}
}

// splitArgs makes the command line, of which the arguments are parts.
func splitArgs(comm string, b []byte) argv {
	if len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	if len(b) == 0 {
		return argv{line: comm} // a single empty argument does not show
	}
	var line strings.Builder
	line.Grow(len(comm) + 1 + len(b))
	line.WriteString(comm)
	line.WriteByte(' ')
	n := 1
	for _, c := range b {
		if c == 0 {
			n, c = n+1, ' '
		}
		line.WriteByte(c)
	}
	v := argv{line: line.String(), args: make([]string, 0, n)}
	rest := v.line[len(comm)+1:]
	for from, i := 0, 0; i <= len(b); i++ {
		if i == len(b) || b[i] == 0 {
			v.args = append(v.args, rest[from:i])
			from = i + 1
		}
	}
	return v
}

// setEnv sets the environment of a process: b holds its texts, each with a final NUL. more is what follows,
// from the last byte of b on, in whose place a NUL stands there.
func (s *State) setEnv(p *Process, b, more []byte) {
	if len(b) > 0 && len(more) > 0 {
		s.line = append(append(s.line[:0], b[:len(b)-1]...), more...)
		b = s.line
	}
	if len(b) == 0 {
		p.Env = nil
		return
	}
	v, ok := s.envs.get(b)
	if !ok {
		block := string(b)
		for rest := block; len(rest) > 0; {
			kv, tail, _ := strings.Cut(rest, "\x00")
			v = append(v, kv)
			rest = tail
		}
		s.envs.put(block, v)
	}
	p.Env = v
}

// closeOnExec removes the descriptors that do not survive an exec.
func (s *State) closeOnExec(p *Process) {
	nums := s.nums[:0]
	p.FDs.Each(func(f *FD) bool {
		if f.Flags&FDCloseOnExec != 0 && f.since < s.ts {
			nums = append(nums, f.Num)
		}
		return true
	})
	s.nums = nums
	for _, n := range nums {
		s.pool.remove(&p.FDs, n)
	}
}
