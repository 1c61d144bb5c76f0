// SPDX-License-Identifier: Apache-2.0

package modernbpf

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// row says which event reports a system call and where its parameters come from. A call without a
// row of its own is reported as the generic event.
type row struct {
	syscall string
	event   event.Type
	want    uint8 // the program
	// critical rows go into the ring that a flood of other events cannot fill: they change who a
	// process is. Calls that failed do not, and go with the others. For the rows of wantMMsg it says that the call receives.
	critical bool
	ops      []op
}

func plain(name string, t event.Type, ops ...op) row { return row{name, t, wantPlain, false, ops} }
func vital(name string, t event.Type, ops ...op) row { return row{name, t, wantPlain, true, ops} }
func file(name string, t event.Type, ops ...op) row  { return row{name, t, wantFile, false, ops} }
func rare(name string, t event.Type, ops ...op) row  { return row{name, t, wantRare, false, ops} }

// onPath is the row of a call on a path: what the kernel resolved it to comes behind the other parameters.
func onPath(name string, t event.Type, ops ...op) row {
	return row{name, t, wantFile, false, append(ops, resolvedOps(t)...)}
}

func sock(name string, t event.Type, ops ...op) row { return row{name, t, wantSocket, false, ops} }

// rows lists the calls that are decoded.
var rows = append(publishedRows, ownRows...)

// publishedRows are the calls with an event of the published table, whose order of parameters they have.
var publishedRows = []row{
	// What processes are.
	{"execve", event.Execve, wantExec, true, nil},
	{"execveat", event.Execveat, wantExec, true, nil},
	{"clone", event.Clone, wantClone, true, nil},
	{"fork", event.Fork, wantClone, true, nil},
	{"vfork", event.VFork, wantClone, true, nil},
	{"clone3", event.Clone3, wantClone, true, nil},
	vital("setuid", event.SetUID, result, u32(0)),
	vital("setgid", event.SetGID, result, u32(0)),
	vital("setreuid", event.SetREUID, result, u32(0), u32(1)),
	vital("setregid", event.SetREGID, result, u32(0), u32(1)),
	vital("setresuid", event.SetResUID, result, u32(0), u32(1), u32(2)),
	vital("setresgid", event.SetResGID, result, u32(0), u32(1), u32(2)),
	vital("capset", event.Capset, result, capSet(0), capSet(1), capSet(2)),
	vital("setns", event.SetNS, result, fd(0), flagBits(1, mapCloneFlags)),
	vital("unshare", event.Unshare, result, flagBits(0, mapCloneFlags)),
	vital("setsid", event.SetSID, result),
	vital("setpgid", event.SetPGID, result, pid(0), pid(1)),
	{"chroot", event.Chroot, wantFile, true, append([]op{result, text(0)}, resolvedOps(event.Chroot)...)},
	vital("prctl", event.Prctl, result, enum32(0, mapSame), op{Kind: opPrctlText, Arg: 1, Arg2: 0}, op{Kind: opPrctlNumber, Arg: 1, Arg2: 0}),
	vital("ptrace", event.Ptrace, result, op{Kind: opPtraceAddr, Arg: 2}, op{Kind: opPtraceData, Arg: 3, Arg2: 0, Map: mapPtrace}, enum16(0, mapPtrace), pid(1)),
	vital("bpf", event.BPF, newFD, enum32(0, mapSame)),
	vital("init_module", event.InitModule, result, bytesOf(0, 1), u64(1), text(2)),
	vital("finit_module", event.FInitModule, result, fd(0), text(1), u32(2)),
	vital("delete_module", 425, result, text(0), flagBits(1, mapDeleteModule)),
	plain("kill", event.Kill, result, pid(0), u8(1)),
	plain("tkill", event.TKill, result, pid(0), u8(1)),
	plain("tgkill", event.TGKill, result, pid(0), pid(1), u8(2)),
	plain("getuid", 203, u32(argResult)),
	plain("geteuid", 205, u32(argResult)),
	plain("getgid", 207, u32(argResult)),
	plain("getegid", 209, u32(argResult)),
	plain("getresuid", 211, result, at32(0, 0), at32(1, 0), at32(2, 0)),
	plain("getresgid", 213, result, at32(0, 0), at32(1, 0), at32(2, 0)),
	rare("keyctl", 453, result, enum32(0, mapSame), keyctlArg(1), keyctlArg(2), keyctlArg(3), keyctlArg(4)),
	rare("quotactl", 191, result, text(1), quota(0), quota(1), quota(2), quota(3), quota(4), quota(5), quota(6), quota(7), quota(8), quota(9),
		quota(10), quota(11), quota(quotaCommand), quota(quotaType), quota(quotaID), quota(quotaFormat)),
	rare("fsconfig", 373, result, fd(0), enum32(1, mapSame), text(2), op{Kind: opFSBytes, Arg: 3, Arg2: 4}, op{Kind: opFSText, Arg: 3}, u32(4)),
	plain("seccomp", 299, result, u64(0), u64(1)),
	plain("setrlimit", event.SetRLimit, result, at64(1, 0), at64(1, 8), enum8(0, mapSame)),
	plain("getrlimit", event.GetRLimit, result, at64(1, 0), at64(1, 8), enum8(0, mapSame)),
	plain("prlimit64", event.PRLimit, result, at64(2, 0), at64(2, 8), at64(3, 0), at64(3, 8), pid(0), enum8(1, mapSame), u64(2)),

	// Opens: what the kernel opened travels beside what the program asked for.
	file("open", event.Open, opened(newFD, text(0), op{Kind: opFileFlags, Arg: 1}, mode(2, 1))...),
	file("openat", event.OpenAt, opened(newFD, fd(0), text(1), op{Kind: opFileFlags, Arg: 2}, mode(3, 2))...),
	file("openat2", event.OpenAt2, opened(newFD, fd(0), text(1), op{Kind: opHowFlags, Arg: 2}, op{Kind: opHowMode, Arg: 2}, op{Kind: opHowResolve, Arg: 2, Map: mapResolve})...),
	file("creat", event.Creat, newFD, text(0), masked(1, 0o7777), op{Kind: opFileDev}, op{Kind: opFileIno}, op{Kind: opFileLayer},
		op{Kind: opFilePath}, op{Kind: opFileNLink}, op{Kind: opFileMnt}),
	file("open_by_handle_at", event.OpenByHandleAt, newFD, fd(0), op{Kind: opFileFlags, Arg: 2}, op{Kind: opFilePath}, op{Kind: opFileDev},
		op{Kind: opFileIno}, op{Kind: opFilePath}, op{Kind: opFileNLink}, op{Kind: opFileMnt}),

	// Descriptors.
	plain("close", event.Close, result, fd(0)),
	plain("close_range", event.CloseRange, result, u32(0), u32(1), u32(2)),
	plain("dup", event.Dup, result, fd(0)),
	plain("dup2", event.Dup2, result, fd(0), fd(1)),
	plain("dup3", event.Dup3, result, fd(0), fd(1), flagBits(2, mapFileFlags)),
	plain("fcntl", event.Fcntl, result, fd(0), enum8(1, mapFcntl), u64(2)),
	file("pipe", event.Pipe, result, fdAt(0, 0), fdAt(0, 4), op{Kind: opInoAt, Arg: 0}),
	file("pipe2", event.Pipe2, result, fdAt(0, 0), fdAt(0, 4), op{Kind: opInoAt, Arg: 0}, flagBits(1, mapFileFlags)),
	plain("eventfd", event.EventFD, result, u64(0), const32(0)),
	plain("eventfd2", event.EventFD2, result, bits16(1, mapFileFlags), u64(0)),
	plain("signalfd", event.SignalFD, result, fd(0), const32(0), const8(0)),
	plain("signalfd4", event.SignalFD4, result, bits16(3, mapFileFlags), fd(0), const32(0)),
	plain("timerfd_create", event.TimerFDCreate, result, const8(0), const8(0)),
	plain("inotify_init", event.InotifyInit, result, const8(0)),
	plain("inotify_init1", event.InotifyInit1, result, bits16(0, mapFileFlags)),
	plain("epoll_create", event.EpollCreate, result, u32(0)),
	plain("epoll_create1", event.EpollCreate1, result, flagBits(0, mapEpoll)),
	plain("memfd_create", event.MemFDCreate, newFD, text(0), u32(1)),
	plain("userfaultfd", event.UserFaultFD, result, flagBits(0, mapFileFlags)),
	plain("pidfd_open", event.PidFDOpen, newFD, pid(0), flagBits(1, mapPidFD)),
	plain("pidfd_getfd", event.PidFDGetFD, newFD, fd(0), fd(1), u32(2)),
	plain("io_uring_setup", event.IOUringSetup, result, u32(0), at32(1, 0), at32(1, 4), atBits32(1, 8, mapRingSetup), at32(1, 12), at32(1, 16), at32(1, 20)),
	rare("io_uring_enter", event.IOUringEnter, result, fd(0), u32(1), u32(2), u32(3), op{Kind: opSigSet, Arg: 4}),
	plain("io_uring_register", event.IOUringReg, result, fd(0), enum16(1, mapSame), u64(2), u32(3)),
	plain("lseek", 87, result, fd(0), u64(1), u8(2)),
	plain("flock", 243, result, fd(0), u32(1)),
	plain("ioctl", 171, result, fd(0), u64(1), u64(2)),

	// Names in the file system.
	onPath("unlink", event.Unlink, result, text(0)),
	onPath("unlinkat", event.UnlinkAt, result, fd(0), text(1), u32(2)),
	onPath("rename", event.Rename, result, text(0), text(1)),
	onPath("renameat", event.RenameAt, result, fd(0), text(1), fd(2), text(3)),
	onPath("renameat2", event.RenameAt2, result, fd(0), text(1), fd(2), text(3), u32(4)),
	onPath("link", event.Link, result, text(0), text(1)),
	onPath("linkat", event.LinkAt, result, fd(0), text(1), fd(2), text(3), u32(4)),
	onPath("symlink", event.Symlink, result, text(0), text(1)),
	onPath("symlinkat", event.SymlinkAt, result, text(0), fd(1), text(2)),
	onPath("mkdir", event.Mkdir, result, text(0), u32(1)),
	onPath("mkdirat", event.MkdirAt, result, fd(0), text(1), u32(2)),
	onPath("rmdir", event.Rmdir, result, text(0)),
	onPath("mknod", 415, result, text(0), u32(1), u32(2)),
	onPath("mknodat", 417, result, fd(0), text(1), u32(2), u32(3)),
	onPath("chmod", event.Chmod, result, text(0), masked(1, 0o7777)),
	plain("fchmod", event.Fchmod, result, fd(0), masked(1, 0o7777)),
	onPath("fchmodat", event.FchmodAt, result, fd(0), text(1), masked(2, 0o7777)),
	onPath("chown", event.Chown, result, text(0), u32(1), u32(2)),
	onPath("lchown", event.LChown, result, text(0), u32(1), u32(2)),
	plain("fchown", event.FChown, result, fd(0), u32(1), u32(2)),
	onPath("fchownat", event.FChownAt, result, fd(0), text(1), u32(2), u32(3), flagBits(4, mapFchownat)),
	plain("access", 265, result, text(0), u32(1)),
	plain("stat", 67, result, text(0)),
	plain("lstat", 69, result, text(0)),
	plain("fstat", 71, result, fd(0)),
	plain("newfstatat", 419, result, fd(0), text(1), u32(3)),
	plain("getdents", 237, result, fd(0)),
	plain("getdents64", 239, result, fd(0)),
	plain("getcwd", event.GetCwd, result, text(0)),
	plain("chdir", event.Chdir, result, text(0)),
	plain("fchdir", event.Fchdir, result, fd(0)),
	onPath("mount", event.Mount, result, text(0), text(1), text(2), u32(3), text(4)),
	onPath("umount2", event.Umount2, result, text(0), u32(1)),

	// Waiting.
	plain("select", 83, result),
	plain("epoll_wait", 79, result, fd(2)),
	rare("poll", 81, result, op{Kind: opFDList, Arg: 0, Arg2: 1}, fd(2)),
	rare("ppoll", 255, result, op{Kind: opFDList, Arg: 0, Arg2: 1}, timeOrNever(2), op{Kind: opSigSet, Arg: 3}),
	rare("nanosleep", 135, result, timeAt(0, 0)),
	plain("futex", 65, result, u64(0), op{Kind: opU16, Arg: 1}, u64(2)),
	rare("semop", 251, result, u32(2), semNumber(0), semNumber(2), semFlags(4), semNumber(6), semNumber(8), semFlags(10), u32(0)),
	rare("semget", 263, result, u32(0), u32(1), flagBits(2, mapSemget)),
	rare("semctl", 253, result, u32(0), u32(1), enum16(2, mapSemctl), op{Kind: opIf, Arg: 3, Arg2: 2, Imm: 16}),

	// Memory.
	plain("mprotect", event.MProtect, result, u64(0), u64(1), flagBits(2, mapProt)),
	plain("mlock", 345, result, u64(0), u64(1)),
	plain("munlock", 347, result, u64(0), u64(1)),
	plain("mlockall", 349, result, u32(0)),
	plain("munlockall", 351, result),
	plain("mlock2", 371, result, u64(0), u64(1), u32(2)),
	plain("brk", 159, inMemory(u64(0))...),
	plain("mmap", 161, inMemory(u64(0), u64(1), flagBits(2, mapProt), flagBits(3, mapMmap), fd(4), u64(5))...),
	plain("munmap", 165, inMemory(u64(0), u64(1))...),
	sock("process_vm_readv", 421, result, s64(0), received(1, 2)),
	sock("process_vm_writev", event.ProcVMWriteV, result, s64(0), received(1, 2)),

	// Sockets.
	plain("socket", event.Socket, newFD, u32(0), u32(1), u32(2), flagBits(1, mapFileFlags)),
	sock("socketpair", event.SocketPair, result, fdAt(3, 0), fdAt(3, 4), op{Kind: opPairSource, Arg: 3}, op{Kind: opPairPeer, Arg: 3}, u32(0), u32(1), u32(2)),
	sock("bind", event.Bind, result, sockaddr(1, 2), fd(0)),
	sock("connect", event.Connect, result, op{Kind: opTupleDone, Arg: 0, Arg2: 1}, fd(0), sockaddr(1, 2)),
	plain("listen", event.Listen, result, fd(0), u32(1)),
	sock("accept", event.Accept, newFD, tupleIn(argResult, argZero), op{Kind: opQueuePct}, op{Kind: opQueueLen}, op{Kind: opQueueMax}),
	sock("accept4", event.Accept4, newFD, tupleIn(argResult, argZero), op{Kind: opQueuePct}, op{Kind: opQueueLen}, op{Kind: opQueueMax}, flagBits(3, mapFileFlags)),
	sock("setsockopt", 45, result, fd(0), enum8(1, mapSockLevel), op{Kind: opSockOptName, Arg: 2, Map: mapSockOption}, op{Kind: opSockOpt, Arg: 3, Arg2: 4}, u32(4)),
	sock("getsockopt", event.GetSockOpt, result, fd(0), enum8(1, mapSockLevel), op{Kind: opSockOptName, Arg: 2, Map: mapSockOption}, op{Kind: opSockOpt, Arg: 3, Arg2: 4, Imm: 1}, at32(4, 0)),
	plain("getsockname", 39),
	plain("getpeername", 41),
	plain("shutdown", event.Shutdown, result, fd(0), enum8(1, mapSame)),
	sock("sendto", event.SendTo, result, written(1, 2), fd(0), u32(2), tupleOut(0, 4)),
	sock("sendmsg", event.SendMsg, result, op{Kind: opMsgData, Arg: 1}, fd(0), op{Kind: opMsgSize, Arg: 1}, op{Kind: opMsgOut, Arg: 1}),
	sock("recvfrom", event.RecvFrom, result, bytesOf(1, argResult), tupleIn(0, 4), fd(0), u32(2)),
	sock("recvmsg", event.RecvMsg, result, length, op{Kind: opMsgData, Arg: 1, Imm: 1}, op{Kind: opMsgIn, Arg: 1}, op{Kind: opMsgControl, Arg: 1}, fd(0)),
	{"sendmmsg", event.SendMMsg, wantMMsg, false, nil},
	{"recvmmsg", event.RecvMMsg, wantMMsg, true, nil},

	// Data: only when a rule asks for it.
	plain("read", event.Read, result, bytesOf(1, argResult), fd(0), u32(2)),
	plain("write", event.Write, result, written(1, 2), fd(0), u32(2)),
	plain("pread64", 113, result, bytesOf(1, argResult), fd(0), u32(2), u64(3)),
	plain("pwrite64", 115, result, written(1, 2), fd(0), u32(2), u64(3)),
	sock("readv", 117, result, length, received(1, 2), fd(0)),
	sock("writev", 119, result, vector(1, 2), fd(0), vectorSize(1, 2)),
	sock("preadv", 121, result, length, received(1, 2), fd(0), u64(3)),
	sock("pwritev", 123, result, vector(1, 2), fd(0), vectorSize(1, 2), u64(3)),
	plain("splice", 167, result, fd(0), fd(2), u64(4), u32(5)),
	plain("sendfile", 189, result, at64(2, 0), fd(0), fd(1), u64(3)),
	plain("copy_file_range", 333, result, fd(2), at64(3, 0), fd(0), at64(1, 0), u64(4)),
}

// rowBySyscall finds a row by the call's name.
var rowBySyscall = func() map[string]*row {
	m := make(map[string]*row, len(rows))
	for i := range rows {
		m[rows[i].syscall] = &rows[i]
	}
	return m
}()

// Decoded reports whether the driver reports the call with the parameters of its own event, or
// as the generic event because it has none. False: it has one that the driver cannot fill yet.
func Decoded(s *event.Syscall) bool {
	return s.Event == event.Generic || rowBySyscall[s.Name] != nil
}

// forKernel lays the row of a call out for the programs.
func forKernel(s *event.Syscall, nr int) (kernelRow, uint8) {
	r := rowBySyscall[s.Name]
	if r == nil {
		g := kernelRow{Event: uint16(event.Generic), OpsLen: 2}
		g.Ops[0], g.Ops[1] = const16(uint32(s.Code)), const16(uint32(nr))
		return g, wantPlain
	}
	k := kernelRow{Event: uint16(r.event), OpsLen: uint8(len(r.ops))}
	if r.critical {
		k.Critical = 1
	}
	if event.Lookup(r.event).ParamIndex(event.ParamIOUring) >= 0 {
		k.Ring = 1
	}
	copy(k.Ops[:], r.ops)
	return k, r.want
}

// ProgramOf names the eBPF program that reports a system call or is its tracepoint's; "" if there is none, since
// this architecture lacks the call.
func ProgramOf(s *event.Syscall) string {
	if p := tracePrograms[s.Name]; p != "" {
		return p
	}
	if s.Event == event.ProcExit {
		return "on_exit"
	}
	nr := s.Number()
	if nr < 0 || nr >= maxSyscalls {
		return ""
	}
	_, want := forKernel(s, nr)
	return tailPrograms[int(want)]
}

// ViaRing reports whether a call can be made through an io_uring and is then reported as itself.
func ViaRing(s *event.Syscall) bool {
	for _, name := range ringCalls {
		if name == s.Name {
			return true
		}
	}
	return false
}
