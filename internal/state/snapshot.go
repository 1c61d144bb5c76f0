// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"
	"net/netip"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// snapshot is the state of a series of iterator events.
type snapshot struct {
	open bool // iterator events came and their end was not seen yet
}

// endSnapshot completes what iterator events told, once another event follows them.
func (s *State) endSnapshot() {
	s.snap.open = false
	if s.opt.ProcLookup {
		s.completeParents()
		s.completeFDs()
	}
	s.fixServers()
	s.proc.forgetTables()
}

// completeParents asks /proc for parents that the iterators did not come by. A child may know its
// parent by the number of a thread.
func (s *State) completeParents() {
	var unknown []*family
	for ppid, f := range s.families {
		if s.procs[ppid] == nil {
			unknown = append(unknown, f)
		}
	}
	for _, f := range unknown {
		t := s.threads.known(f.ppid)
		if t == nil {
			if t = s.proc.thread(f.ppid, true); t == nil {
				continue
			}
		}
		for c := f.first; c != nil; {
			next := c.sibNext
			s.setParent(c, t.Proc.PID)
			if c.Lineage == nil {
				s.setLineage(c, t.Proc)
			}
			c = next
		}
	}
}

// maxCompleted bounds the descriptors of which /proc is asked at the end of a snapshot.
const maxCompleted = 20_000

// completeFDs asks /proc for what iterators cannot tell: which descriptors an exec closes, and
// which process a pidfd stands for.
func (s *State) completeFDs() {
	left := maxCompleted
	for _, p := range s.procs {
		p.FDs.Each(func(f *FD) bool {
			if f.since == 0 {
				return true
			}
			if left--; left < 0 {
				s.stats.SnapshotLost++
				return true
			}
			s.proc.complete(f, p)
			return true
		})
	}
}

var taskParams = struct {
	ppid, pgid, vpgid, sid, comm, argv, exepath, flags, env, cwd, fdlimit, uid, gid, capPrm, capEff, capInh,
	ino, ctime, mtime, vmSize, vmRSS, vmSwap, pfMajor, pfMinor, vtgid, vpid, pidns, cgroups, root, start, tty, loginUID,
	pid, dev, nlink, argsLen, envLen, argsTail, envMore int
}{
	index(event.IterTask, "ppid"), index(event.IterTask, "pgid"), index(event.IterTask, "vpgid"),
	index(event.IterTask, "sid"), index(event.IterTask, "comm"), index(event.IterTask, "argv"),
	index(event.IterTask, "exepath"), index(event.IterTask, "flags"), index(event.IterTask, "env"),
	index(event.IterTask, "cwd"), index(event.IterTask, "fdlimit"), index(event.IterTask, "euid"),
	index(event.IterTask, "egid"), index(event.IterTask, "cap_permitted"), index(event.IterTask, "cap_effective"),
	index(event.IterTask, "cap_inheritable"), index(event.IterTask, "exe_ino_num"),
	index(event.IterTask, "exe_ino_ctime"), index(event.IterTask, "exe_ino_mtime"),
	index(event.IterTask, "vm_size"), index(event.IterTask, "vm_rss"), index(event.IterTask, "vm_swap"),
	index(event.IterTask, "pgft_maj"), index(event.IterTask, "pgft_min"), index(event.IterTask, "vtgid"),
	index(event.IterTask, "vpid"), index(event.IterTask, "pidns_init_start_ts"),
	index(event.IterTask, "cgroups"), index(event.IterTask, "root"), index(event.IterTask, "start_time"),
	index(event.IterTask, "tty"), index(event.IterTask, "loginuid"), optional(event.IterTask, "pid"),
	optional(event.IterTask, "exe_dev"), optional(event.IterTask, "exe_nlink"),
	optional(event.IterTask, "args_len"), optional(event.IterTask, "env_len"),
	optional(event.IterTask, "args_tail"), optional(event.IterTask, "env_more"),
}

// taskPID finds the process of the thread that an iterator event tells of. The event has its
// number only in the thread's own pid namespace.
func (s *State) taskPID(ev *event.Event, tid int64) int64 {
	c := &taskParams
	if pid, ok := ev.Int(c.pid); ok {
		return pid
	}
	vtid, vtgid := intOf(ev, c.vtgid, tid), intOf(ev, c.vpid, tid)
	switch {
	case vtgid == vtid:
		return tid
	case vtid == tid:
		return vtgid
	}
	if t := s.threads.known(tid); t != nil {
		return t.Proc.PID
	}
	if st := s.proc.status(tid); st.found && st.tgid > 0 {
		return st.tgid
	}
	return -1
}

// onIterTask enters a thread that a task iterator came by.
func (s *State) onIterTask(ev *event.Event, _ *Thread) {
	s.snap.open = true
	tid := ev.TID()
	pid := s.taskPID(ev, tid)
	if tid <= 0 || pid <= 0 {
		return
	}
	c := &taskParams
	start := uintOf(ev, c.start, 0)
	t := s.threads.get(tid)
	if t != nil && !t.Fake {
		if t.seen > s.ts || t.snapshot > s.ts {
			// Newer events told of it already.
			s.th = t
			return
		}
		if t.Proc.PID != pid || start != 0 && t.start != 0 && start != t.start {
			s.discard(t)
			t = nil
		}
	}
	p := s.addProcess(pid)
	if t == nil || t.Fake {
		if t = s.addThread(tid, p); t == nil {
			return
		}
	}
	s.th = t
	t.snapshot, t.seen, t.start = s.ts, s.ts, start
	// Despite its name the parameter vtgid is the thread's number in its namespace.
	t.VTID = intOf(ev, c.vtgid, tid)
	t.Comm = s.param(ev, c.comm, "")
	t.UID, t.GID = uint32(uintOf(ev, c.uid, uint64(NoID))), uint32(uintOf(ev, c.gid, uint64(NoID)))
	t.Caps = Caps{uintOf(ev, c.capInh, 0), uintOf(ev, c.capPrm, 0), uintOf(ev, c.capEff, 0)}
	t.VM = VM{uint32(uintOf(ev, c.vmSize, 0)), uint32(uintOf(ev, c.vmRSS, 0)), uint32(uintOf(ev, c.vmSwap, 0))}
	t.PFMajor, t.PFMinor = uintOf(ev, c.pfMajor, 0), uintOf(ev, c.pfMinor, 0)
	t.CloneTS = start
	if tid != pid {
		t.Flags = cloneThread | cloneFiles
		if p.Main != nil {
			return
		}
	}
	s.iterProcess(ev, p, t)
}

// iterProcess takes what a task iterator tells of a process.
func (s *State) iterProcess(ev *event.Event, p *Process, t *Thread) {
	c := &taskParams
	p.snapshot, p.snapshotCwd = s.ts, s.ts
	p.VPID = intOf(ev, c.vpid, p.PID)
	p.PGID, p.VPGID, p.SID = intOf(ev, c.pgid, -1), intOf(ev, c.vpgid, -1), intOf(ev, c.sid, -1)
	p.FDLimit = intOf(ev, c.fdlimit, -1)
	p.TTY = uint32(uintOf(ev, c.tty, 0))
	p.LoginUID = uint32(uintOf(ev, c.loginUID, uint64(NoID)))
	p.PIDNSStartTS = uintOf(ev, c.pidns, 0)
	p.CloneTS, p.StartTime = t.start, t.start
	exe, args := firstText(ev.Param(c.argv))
	p.Exe = s.names.str(exe)
	s.setArgs(p, t.Comm, args)
	if b := ev.Param(c.env); len(b) > 0 {
		s.setEnv(p, b, ev.Param(c.envMore))
	}
	p.ArgsLen, p.EnvLen = uintOf(ev, c.argsLen, 0), uintOf(ev, c.envLen, 0)
	p.ArgsTail = argsTail(ev.Param(c.argsTail))
	if b := ev.Param(c.cgroups); len(b) > 0 {
		s.setCgroups(p, b)
	}
	path, ok := ev.Text(c.exepath)
	if !ok {
		path = na
	}
	s.setTrustedExe(p, path)
	flags := uintOf(ev, c.flags, 0)
	p.Exec = ExeInfo{
		Ino: uintOf(ev, c.ino, 0), CTime: uintOf(ev, c.ctime, 0), MTime: uintOf(ev, c.mtime, 0),
		Writable: flags&exeWritable != 0, UpperLayer: flags&exeUpper != 0, LowerLayer: flags&exeLower != 0,
		FromMemFD: flags&exeFromMemFD != 0, Deleted: p.Exec.Deleted || flags&exeDeleted != 0,
		Dev: uint32(uintOf(ev, c.dev, 0)), NLink: uint32(uintOf(ev, c.nlink, 0)),
	}
	s.guessScript(p, t.Comm, args)
	p.Root = s.param(ev, c.root, "/")
	if cwd, ok := ev.Text(c.cwd); ok && cwd != "" {
		s.setCwd(p, cwd)
	}
	s.linkParent(p, intOf(ev, c.ppid, -1))
}

// firstText splits NUL-terminated texts behind the first.
func firstText(b []byte) (first, rest []byte) {
	for i, c := range b {
		if c == 0 {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

var (
	iterFlags  = index(event.IterRegular, "flags")
	iterMount  = index(event.IterRegular, "mnt_id")
	iterRegIno = index(event.IterRegular, "ino_num")
	iterRegDev = optional(event.IterRegular, "dev")
	iterNLink  = optional(event.IterRegular, "nlink")
	iterDirDev = optional(event.IterDirectory, "dev")
	iterType   = index(event.IterAnonInode, "fd_type")
)

// iterFD returns an empty entry for the descriptor that an iterator event tells of, and its
// process; nil if the process is unknown or newer events told of its descriptors already.
func (s *State) iterFD(ev *event.Event) (*FD, *Process) {
	s.snap.open = true
	t := s.threads.known(ev.TID())
	if t == nil {
		s.stats.SnapshotLost++
		return nil, nil
	}
	s.th = t
	num, ok := ev.Int(0)
	if !ok || num < 0 {
		return nil, nil
	}
	f := s.pool.get()
	f.Num, f.since = num, s.ts
	return f, t.Proc
}

// iterPut enters a descriptor that an iterator event told of.
func (s *State) iterPut(p *Process, f *FD) {
	if s.pool.put(&p.FDs, f) == nil {
		s.pool.recycle(f)
	}
	if p.fdsFrom == 0 {
		p.fdsFrom = s.ts
	}
	p.fdsTo = max(p.fdsTo, s.ts)
}

// onIterPlain enters a pipe, memory file or directory: number, path and inode.
func (s *State) onIterPlain(ev *event.Event, _ *Thread) {
	f, p := s.iterFD(ev)
	if f == nil {
		return
	}
	switch ev.Type() {
	case event.IterPipe:
		f.Type = FDFifo
	case event.IterMemFD:
		f.Type = FDMemFD
	default:
		f.Type = FDDirectory
	}
	// A pipe without a name shows as the root of its own file system.
	if path, ok := ev.Text(1); ok && (f.Type != FDFifo || len(path) > 1 && path[0] == '/') {
		f.SetName(path)
	}
	f.Ino = uintOf(ev, 2, 0)
	if f.Type == FDDirectory {
		f.Dev = uint32(uintOf(ev, iterDirDev, 0))
	}
	s.iterPut(p, f)
}

// onIterRegular enters a file.
func (s *State) onIterRegular(ev *event.Event, _ *Thread) {
	f, p := s.iterFD(ev)
	if f == nil {
		return
	}
	f.Type = FDFileV2
	if path, ok := ev.Text(1); ok {
		f.SetName(path)
	}
	f.Open = uint32(uintOf(ev, iterFlags, 0))
	f.MountID = uint32(uintOf(ev, iterMount, 0))
	f.Ino = uintOf(ev, iterRegIno, 0)
	f.NLink = uint32(uintOf(ev, iterNLink, 0))
	if dev, ok := ev.Uint(iterRegDev); ok {
		f.Dev = uint32(dev)
	} else if dev, ok := s.proc.mountDev(p, f.MountID); ok {
		f.Dev = dev
	}
	if f.Open&openCloseExec != 0 {
		f.Flags |= FDCloseOnExec
	}
	s.iterPut(p, f)
}

// The parameters of the iterator events of sockets: number, kind and protocol, then the ends.
const (
	iterSockType = 1
	iterSockProt = 2
	iterLocalIP  = 3
	iterLocal    = 4
	iterRemoteIP = 5
	iterRemote   = 6
	iterSockIno  = 7
)

// onIterInet enters an IP socket.
func (s *State) onIterInet(ev *event.Event, _ *Thread) {
	f, p := s.iterFD(ev)
	if f == nil {
		return
	}
	f.Ino = uintOf(ev, iterSockIno, 0)
	f.L4 = transport(uintOf(ev, iterSockType, 0), uintOf(ev, iterSockProt, 0))
	local, ok1 := iterEnd(ev, iterLocalIP)
	remote, ok2 := iterEnd(ev, iterRemoteIP)
	f.Type = FDIPv4Sock
	if ev.Type() == event.IterInet6 {
		f.Type = FDIPv6Sock
	}
	if ok1 && ok2 {
		s.fillInet(f, local, remote, true)
	}
	s.iterPut(p, f)
}

// iterEnd reads an address and the port behind it.
func iterEnd(ev *event.Event, at int) (netip.AddrPort, bool) {
	b := ev.Param(at)
	addr, ok := netip.AddrFromSlice(b)
	port := ev.Param(at + 1)
	if len(port) < 2 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr, binary.LittleEndian.Uint16(port)), ok
}

// onIterUnix enters a unix socket.
func (s *State) onIterUnix(ev *event.Event, _ *Thread) {
	f, p := s.iterFD(ev)
	if f == nil {
		return
	}
	f.Type = FDUnixSock
	f.UnixSource = uintOf(ev, 3, 0)
	if path, ok := ev.Text(4); ok {
		f.SetName(path)
	}
	f.Ino = uintOf(ev, 5, 0)
	s.iterPut(p, f)
}

// onIterNetlink enters a netlink socket.
func (s *State) onIterNetlink(ev *event.Event, _ *Thread) {
	f, p := s.iterFD(ev)
	if f == nil {
		return
	}
	f.Type = FDNetlink
	f.Ino = uintOf(ev, 3, 0)
	s.iterPut(p, f)
}

// iterAnonTypes are the descriptor types by the published numbers of anonymous inodes.
var iterAnonTypes = [...]FDType{
	FDUnsupported, FDEvent, FDEventPoll, FDInotify, FDSignalFD, FDTimerFD, FDIOUring, FDUserFault, FDPidFD,
	FDBPF, FDBPF, FDBPF, FDBPF, FDUnsupported,
}

// onIterAnon enters a descriptor without a file.
func (s *State) onIterAnon(ev *event.Event, _ *Thread) {
	f, p := s.iterFD(ev)
	if f == nil {
		return
	}
	f.Type = FDUnsupported
	if n := uintOf(ev, iterType, 0); n < uint64(len(iterAnonTypes)) {
		f.Type = iterAnonTypes[n]
	}
	f.Ino = uintOf(ev, 3, 0)
	s.iterPut(p, f)
}
