// SPDX-License-Identifier: Apache-2.0

package state

import "cmp"

// Entry is what a capture's process list tells of one thread. Where nothing is known, numbers are
// -1 (NoID for users and groups) and texts empty.
type Entry struct {
	TID, PID, PPID, VTID, VPID int64
	SID, PGID, VPGID           int64
	Comm, Exe, ExePath         string
	Args, Env, Cgroups         []byte // texts with a final NUL each; cgroups read controller=path
	Cwd, Root                  string
	FDLimit                    int64
	Flags, TTY                 uint32
	UID, GID, LoginUID         uint32
	Caps                       Caps
	VM                         VM
	PFMajor, PFMinor           uint64
	Exec                       ExeInfo
	CloneTS, PIDNSStartTS      uint64
	Reaper                     bool

	// What only captures of Gyrfalcon tell.
	ProcCloneTS, StartTime, ExecTS uint64
	ArgsLen, EnvLen                uint64
	ArgsTail                       string
	ExecComm                       string // the name as of the exec; empty: Comm
	Dead                           bool   // the leader has exited, other threads live
}

// Enter makes an entry part of the state, as it was before the first event. Entries come in any
// order. It returns nil if the thread table is full.
func (s *State) Enter(e *Entry) *Thread {
	p := s.addProcess(e.PID)
	t := s.addThread(e.TID, p)
	if t == nil {
		return nil
	}
	t.VTID, t.Comm, t.Flags, t.CloneTS = e.VTID, s.names.text(e.Comm), e.Flags, e.CloneTS
	t.UID, t.GID, t.Caps, t.VM, t.PFMajor, t.PFMinor = e.UID, e.GID, e.Caps, e.VM, e.PFMajor, e.PFMinor
	if e.Dead {
		s.endThread(t)
	}
	if e.TID != e.PID && p.Main != nil {
		return t
	}
	p.VPID, p.SID, p.PGID, p.VPGID = e.VPID, e.SID, e.PGID, e.VPGID
	p.Exe, p.Exec = s.names.text(e.Exe), e.Exec
	s.setTrustedExe(p, e.ExePath)
	p.Exec.Deleted = p.Exec.Deleted || e.Exec.Deleted
	s.setArgs(p, cmp.Or(s.names.text(e.ExecComm), t.Comm), e.Args)
	s.guessScript(p, cmp.Or(s.names.text(e.ExecComm), t.Comm), e.Args)
	s.setEnv(p, e.Env[:min(len(e.Env), MaxEnv)], nil)
	s.setCgroups(p, e.Cgroups)
	if e.Root != "" {
		p.Root = s.names.text(e.Root)
	}
	if e.Cwd != "" {
		s.setCwd(p, e.Cwd)
	}
	p.FDLimit, p.TTY, p.LoginUID, p.Reaper = e.FDLimit, e.TTY, e.LoginUID, e.Reaper
	p.CloneTS, p.PIDNSStartTS = cmp.Or(e.ProcCloneTS, e.CloneTS), e.PIDNSStartTS
	p.StartTime, p.ExecTS, p.ArgsLen, p.EnvLen = e.StartTime, e.ExecTS, e.ArgsLen, e.EnvLen
	p.ArgsTail = e.ArgsTail[:min(len(e.ArgsTail), maxBlock)]
	t.start = e.StartTime
	s.linkParent(p, e.PPID)
	return t
}

// EnterFD makes a copy of f a descriptor of a process, as it was before the first event.
func (s *State) EnterFD(p *Process, f *FD) {
	c := s.pool.get()
	c.copyFrom(f)
	if s.pool.put(&p.FDs, c) == nil {
		s.pool.recycle(c)
	}
}

// Entered says that all entries of a capture are in.
func (s *State) Entered() { s.fixServers() }
