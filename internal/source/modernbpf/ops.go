// SPDX-License-Identifier: Apache-2.0

package modernbpf

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// The kinds of an operation: enum in bpf/src/sys.h, in the same order.
const (
	opNone = iota
	opS64
	opS32
	opU8
	opU16
	opU32
	opText
	opBits32
	opBits16
	opEnum8
	opEnum16
	opEnum32
	opBytes
	opAt32
	opAtFD
	opAt64
	opCaps
	opPtraceAddr
	opPtraceData
	opPrctlText
	opPrctlNumber
	opConst8
	opConst16
	opConst32
	opConst64
	opMode
	opOpenFlags
	opMask32
	opLen32
	opSnap
	opAtBits32
	opVMSize
	opVMRSS
	opVMSwap
	opPlainEnd

	opFileFlags
	opFileLayer
	opFileDev
	opFileIno
	opFilePath
	opFileNLink
	opFileMnt
	opHowFlags
	opHowMode
	opHowResolve
	opInoAt
	opRealPath
	opRealTarget
	opRealDev
	opRealIno
	opRealNLink
	opFileEnd

	opSockAddr
	opTupleOut
	opTupleIn
	opTupleDone
	opIOV
	opIOVSize
	opMsgData
	opMsgSize
	opMsgOut
	opMsgIn
	opMsgControl
	opQueuePct
	opQueueLen
	opQueueMax
	opPairSource
	opPairPeer
	opSockOptName
	opSockOpt
	opSocketEnd

	opFDList
	opTime
	opSigSet
	opSem16
	opSemBits
	opIf
	opKeyctl
	opFSText
	opFSBytes
	opQuota
	opPidFD
	opFileTime
	opValueAt
)

// The programs that serve a call: enum in bpf/src/sys.h, the values of control.want.
const (
	wantNot = iota
	wantPlain
	wantFile
	wantSocket
	wantClone
	wantExec
	wantMMsg
	wantRare
	wantAIO
)

const (
	maxSyscalls = 512
	maxOps      = 20
	mapPairs    = 40

	argResult = 6
	argZero   = 7
)

// op says where one parameter of an event comes from (struct op in bpf/src/sys.h).
type op struct {
	Kind, Arg, Arg2, Map uint8
	Imm                  uint32
}

// kernelRow is the form in which the programs read a row (struct row in bpf/src/sys.h).
type kernelRow struct {
	Event    uint16
	OpsLen   uint8
	Critical uint8
	Ring     uint32 // the event says whether it came through an io_uring
	Ops      [maxOps]op
}

// The operations by the names in which the rows speak. n is an argument's number, from 0.
var (
	result = op{Kind: opS64, Arg: argResult}
	newFD  = result
	length = op{Kind: opLen32}
)

func fd(n uint8) op            { return op{Kind: opS32, Arg: n} }
func pid(n uint8) op           { return op{Kind: opS32, Arg: n} }
func s64(n uint8) op           { return op{Kind: opS64, Arg: n} }
func u64(n uint8) op           { return op{Kind: opS64, Arg: n} }
func u32(n uint8) op           { return op{Kind: opU32, Arg: n} }
func u8(n uint8) op            { return op{Kind: opU8, Arg: n} }
func text(n uint8) op          { return op{Kind: opText, Arg: n} }
func flagBits(n, m uint8) op   { return op{Kind: opBits32, Arg: n, Map: m} }
func bits16(n, m uint8) op     { return op{Kind: opBits16, Arg: n, Map: m} }
func enum8(n, m uint8) op      { return op{Kind: opEnum8, Arg: n, Map: m} }
func enum16(n, m uint8) op     { return op{Kind: opEnum16, Arg: n, Map: m} }
func enum32(n, m uint8) op     { return op{Kind: opEnum32, Arg: n, Map: m} }
func bytesOf(n, size uint8) op { return op{Kind: opBytes, Arg: n, Arg2: size} }
func written(n, size uint8) op { return op{Kind: opSnap, Arg: n, Arg2: size} }
func at32(n uint8, off uint32) op {
	return op{Kind: opAt32, Arg: n, Imm: off}
}
func fdAt(n uint8, off uint32) op { return op{Kind: opAtFD, Arg: n, Imm: off} }
func at64(n uint8, off uint32) op { return op{Kind: opAt64, Arg: n, Imm: off} }
func capSet(i uint32) op          { return op{Kind: opCaps, Imm: i} }
func const8(v uint32) op          { return op{Kind: opConst8, Imm: v} }
func const16(v uint32) op         { return op{Kind: opConst16, Imm: v} }
func const32(v uint32) op         { return op{Kind: opConst32, Imm: v} }
func masked(n uint8, m uint32) op { return op{Kind: opMask32, Arg: n, Imm: m} }
func mode(n, flags uint8) op      { return op{Kind: opMode, Arg: n, Arg2: flags} }
func sockaddr(n, size uint8) op   { return op{Kind: opSockAddr, Arg: n, Arg2: size} }
func tupleOut(n, usr uint8) op    { return op{Kind: opTupleOut, Arg: n, Arg2: usr} }
func tupleIn(n, usr uint8) op     { return op{Kind: opTupleIn, Arg: n, Arg2: usr} }
func received(n, count uint8) op  { return op{Kind: opIOV, Arg: n, Arg2: count, Imm: 1} }
func vector(n, count uint8) op    { return op{Kind: opIOV, Arg: n, Arg2: count} }
func vectorSize(n, count uint8) op {
	return op{Kind: opIOVSize, Arg: n, Arg2: count}
}

// opened are the parameters that tell what an open really opened: device and inode, and ours.
func opened(before ...op) []op {
	return append(before, op{Kind: opFileDev}, op{Kind: opFileIno}, op{Kind: opFilePath}, op{Kind: opFileNLink}, op{Kind: opFileMnt})
}

// The operations of calls with structures of their own (bpf/src/rare.h).
func atBits32(n uint8, off uint32, m uint8) op { return op{Kind: opAtBits32, Arg: n, Imm: off, Map: m} }
func timeAt(n uint8, off uint32) op            { return op{Kind: opTime, Arg: n, Imm: off} }
func semNumber(off uint32) op                  { return op{Kind: opSem16, Arg: 1, Arg2: 2, Imm: off} }
func semFlags(off uint32) op                   { return op{Kind: opSemBits, Arg: 1, Arg2: 2, Imm: off, Map: mapSemop} }
func keyctlArg(n uint8) op                     { return op{Kind: opKeyctl, Arg: n} }
func pidBehind(n uint8) op                     { return op{Kind: opPidFD, Arg: n} }

// fileTimeAt is the time that a call gives to a file; none if it names none.
func fileTimeAt(n uint8, off uint32) op { return op{Kind: opFileTime, Arg: n, Imm: off} }

// timeOrNever is a time that is -1 if none is given.
func timeOrNever(n uint8) op { return op{Kind: opTime, Arg: n, Imm: 1 << 8} }

// quota is a part of quotactl's structure: enum QUOTA_… in bpf/src/rare.h.
func quota(part uint32) op {
	arg := uint8(3)
	if part == quotaID || part == quotaFormat {
		arg = 2
	}
	return op{Kind: opQuota, Arg: arg, Arg2: 0, Map: mapQuotaCommand, Imm: part}
}

const (
	quotaCommand = 12
	quotaType    = 13
	quotaID      = 14
	quotaFormat  = 15
)

// memory are the parameters of calls that change a task's memory.
var memory = []op{{Kind: opVMSize}, {Kind: opVMRSS}, {Kind: opVMSwap}}

// inMemory are the parameters of such a call: its result, the task's memory, and the others.
func inMemory(others ...op) []op { return append(append([]op{result}, memory...), others...) }

// resolvedOps are the parameters of an event that tell what the kernel resolved paths to.
func resolvedOps(t event.Type) []op {
	info := event.Lookup(t)
	if info.ParamIndex(event.ParamRealPath) < 0 {
		return nil
	}
	check := checkOf[t]
	ops := []op{{Kind: opRealPath, Imm: check}}
	if info.ParamIndex(event.ParamRealTarget) >= 0 {
		ops = append(ops, op{Kind: opRealTarget, Imm: check})
	}
	return append(ops, op{Kind: opRealDev, Imm: check}, op{Kind: opRealIno, Imm: check}, op{Kind: opRealNLink, Imm: check})
}

// width is the number of bytes that an operation writes; -1 if that varies.
func (o op) width() int {
	switch o.Kind {
	case opS64, opS32, opAtFD, opAt64, opCaps, opPrctlNumber, opConst64, opFileIno, opInoAt, opPairSource, opPairPeer,
		opTime, opFileTime, opPidFD, opRealIno:
		return 8
	case opU32, opBits32, opEnum32, opAt32, opConst32, opMode, opOpenFlags, opMask32, opLen32, opFileFlags, opFileDev,
		opFileNLink, opFileMnt, opHowFlags, opHowMode, opHowResolve, opIOVSize, opMsgSize, opQueueLen, opQueueMax,
		opAtBits32, opVMSize, opVMRSS, opVMSwap, opSigSet, opIf, opRealDev, opRealNLink:
		return 4
	case opU16, opBits16, opEnum16, opConst16, opFileLayer, opSem16, opSemBits:
		return 2
	case opU8, opEnum8, opConst8, opQueuePct, opSockOptName:
		return 1
	case opQuota:
		return quotaWidth(o.Imm)
	}
	return -1
}

// quotaWidth is the number of bytes of a part of quotactl's structure; -1 for the file's name.
func quotaWidth(part uint32) int {
	switch part {
	case 0:
		return -1
	case quotaCommand:
		return 2
	case quotaID:
		return 4
	case 10, 11, quotaType, quotaFormat:
		return 1
	}
	return 8
}

// The translations of flags and numbers from the kernel's to the published ones.
const (
	mapNone = iota
	mapFileFlags
	mapCloneFlags
	mapFcntl
	mapPtrace
	mapProt
	mapEpoll
	mapPidFD
	mapResolve
	mapSockLevel
	mapSockOption
	mapMmap
	mapSemop
	mapSemctl
	mapSemget
	mapQuotaCommand
	mapFchownat
	mapDeleteModule
	mapRingSetup
	mapSame
	mapCount
)

// kernelTranslation is the form in which the programs read one (struct translation).
type kernelTranslation struct {
	Pair      [mapPairs]struct{ From, To uint32 }
	Len       uint32
	Otherwise uint32
}

// keep says that a number without a translation stays as it is.
const keep = ^uint32(0)

type translation struct {
	table     *event.FlagTable
	otherwise uint32
	kernel    map[string]uint32 // the kernel's value by the published name
}

// translations give the kernel's values (include/uapi of Linux) to the published names.
var translations = [mapCount]translation{
	mapFileFlags: {&event.FileFlags, 0, map[string]uint32{
		"O_CLOEXEC": 0o2000000, "O_NONBLOCK": 0o4000, "O_DIRECT": oDirect,
	}},
	mapCloneFlags: {&event.CloneFlags, 0, map[string]uint32{
		"CLONE_FILES": 0x400, "CLONE_FS": 0x200, "CLONE_IO": 0x80000000, "CLONE_NEWIPC": 0x08000000,
		"CLONE_NEWNET": 0x40000000, "CLONE_NEWNS": 0x00020000, "CLONE_NEWPID": 0x20000000,
		"CLONE_NEWUTS": 0x04000000, "CLONE_SIGHAND": 0x800, "CLONE_SYSVSEM": 0x40000, "CLONE_THREAD": 0x10000,
		"CLONE_VM": 0x100, "CLONE_NEWUSER": 0x10000000, "CLONE_NEWCGROUP": 0x02000000,
	}},
	mapFcntl: {&event.FcntlCommands, 0, map[string]uint32{
		"F_DUPFD": 0, "F_GETFD": 1, "F_SETFD": 2, "F_GETFL": 3, "F_SETFL": 4, "F_GETLK": 5, "F_SETLK": 6,
		"F_SETLKW": 7, "F_SETOWN": 8, "F_GETOWN": 9, "F_SETSIG": 10, "F_GETSIG": 11, "F_GETLK64": 12,
		"F_SETLK64": 13, "F_SETLKW64": 14, "F_SETOWN_EX": 15, "F_GETOWN_EX": 16, "F_OFD_GETLK": 36,
		"F_OFD_SETLK": 37, "F_OFD_SETLKW": 38, "F_SETLEASE": 1024, "F_GETLEASE": 1025, "F_NOTIFY": 1026,
		"F_CANCELLK": 1029, "F_DUPFD_CLOEXEC": 1030, "F_SETPIPE_SZ": 1031, "F_GETPIPE_SZ": 1032,
	}},
	mapPtrace: {&event.PtraceRequests, 0, map[string]uint32{
		"PTRACE_TRACEME": 0, "PTRACE_PEEKTEXT": 1, "PTRACE_PEEKDATA": 2, "PTRACE_PEEKUSR": 3, "PTRACE_POKETEXT": 4,
		"PTRACE_POKEDATA": 5, "PTRACE_POKEUSR": 6, "PTRACE_CONT": 7, "PTRACE_KILL": 8, "PTRACE_SINGLESTEP": 9,
		"PTRACE_GETREGS": 12, "PTRACE_SETREGS": 13, "PTRACE_GETFPREGS": 14, "PTRACE_SETFPREGS": 15,
		"PTRACE_ATTACH": 16, "PTRACE_DETACH": 17, "PTRACE_GETFPXREGS": 18, "PTRACE_SETFPXREGS": 19,
		"PTRACE_OLDSETOPTIONS": 21, "PTRACE_SYSCALL": 24, "PTRACE_GET_THREAD_AREA": 25,
		"PTRACE_SET_THREAD_AREA": 26, "PTRACE_ARCH_PRCTL": 30, "PTRACE_SYSEMU": 31,
		"PTRACE_SYSEMU_SINGLESTEP": 32, "PTRACE_SINGLEBLOCK": 33, "PTRACE_SETOPTIONS": 0x4200,
		"PTRACE_GETEVENTMSG": 0x4201, "PTRACE_GETSIGINFO": 0x4202, "PTRACE_SETSIGINFO": 0x4203,
		"PTRACE_GETREGSET": 0x4204, "PTRACE_SETREGSET": 0x4205, "PTRACE_SEIZE": 0x4206,
		"PTRACE_INTERRUPT": 0x4207, "PTRACE_LISTEN": 0x4208, "PTRACE_PEEKSIGINFO": 0x4209,
		"PTRACE_GETSIGMASK": 0x420a, "PTRACE_SETSIGMASK": 0x420b,
	}},
	mapProt: {&event.ProtFlags, 0, map[string]uint32{
		"PROT_READ": 1, "PROT_WRITE": 2, "PROT_EXEC": 4, "PROT_SEM": 8, "PROT_SAO": 0x10,
		"PROT_GROWSDOWN": 0x01000000, "PROT_GROWSUP": 0x02000000,
	}},
	mapEpoll: {&event.EpollCreate1Flags, 0, map[string]uint32{"EPOLL_CLOEXEC": 0o2000000}},
	mapPidFD: {&event.PidfdOpenFlags, 0, map[string]uint32{"PIDFD_NONBLOCK": 0o4000}},
	mapResolve: {&event.Openat2Flags, 0, map[string]uint32{
		"RESOLVE_NO_XDEV": 1, "RESOLVE_NO_MAGICLINKS": 2, "RESOLVE_NO_SYMLINKS": 4, "RESOLVE_BENEATH": 8,
		"RESOLVE_IN_ROOT": 0x10, "RESOLVE_CACHED": 0x20,
	}},
	mapSockLevel: {&event.SockoptLevels, 0, map[string]uint32{"SOL_SOCKET": 1, "SOL_TCP": 6}},
	// Most options have the published number; those of later kernels do not.
	mapSockOption: {&event.SockoptOptions, keep, map[string]uint32{
		"SO_MEMINFO": 55, "SO_COOKIE": 57, "SO_PEERGROUPS": 59, "SO_RCVTIMEO": 66, "SO_SNDTIMEO": 67,
	}},
	mapMmap: {&event.MmapFlags, 0, map[string]uint32{
		"MAP_SHARED": 1, "MAP_PRIVATE": 2, "MAP_FIXED": 0x10, "MAP_ANONYMOUS": 0x20, "MAP_32BIT": 0x40,
		"MAP_GROWSDOWN": 0x100, "MAP_DENYWRITE": 0x800, "MAP_EXECUTABLE": 0x1000, "MAP_LOCKED": 0x2000,
		"MAP_NORESERVE": 0x4000, "MAP_POPULATE": 0x8000, "MAP_NONBLOCK": 0x10000,
	}},
	mapSemop: {&event.SemopFlags, 0, map[string]uint32{"IPC_NOWAIT": 0o4000, "SEM_UNDO": 0x1000}},
	mapSemctl: {&event.SemctlCommands, 0, map[string]uint32{
		"IPC_RMID": 0, "IPC_SET": 1, "IPC_STAT": 2, "IPC_INFO": 3, "GETPID": 11, "GETVAL": 12, "GETALL": 13,
		"GETNCNT": 14, "GETZCNT": 15, "SETVAL": 16, "SETALL": 17, "SEM_STAT": 18, "SEM_INFO": 19,
	}},
	mapSemget: {&event.SemgetFlags, 0, map[string]uint32{"IPC_CREAT": 0o1000, "IPC_EXCL": 0o2000}},
	mapQuotaCommand: {&event.QuotactlCmds, 0, map[string]uint32{
		"Q_SYNC": 0x800001, "Q_QUOTAON": 0x800002, "Q_QUOTAOFF": 0x800003, "Q_GETFMT": 0x800004, "Q_GETINFO": 0x800005,
		"Q_SETINFO": 0x800006, "Q_GETQUOTA": 0x800007, "Q_SETQUOTA": 0x800008, "Q_XQUOTAON": 0x5801,
		"Q_XQUOTAOFF": 0x5802, "Q_XGETQUOTA": 0x5803, "Q_XSETQLIM": 0x5804, "Q_XGETQSTAT": 0x5805,
		"Q_XQUOTARM": 0x5806, "Q_XQUOTASYNC": 0x5807,
	}},
	mapFchownat:     {&event.FchownatFlags, 0, map[string]uint32{"AT_SYMLINK_NOFOLLOW": 0x100, "AT_EMPTY_PATH": 0x1000}},
	mapDeleteModule: {&event.DeleteModuleFlags, 0, map[string]uint32{"O_NONBLOCK": 0o4000, "O_TRUNC": 0o1000}},
	mapRingSetup: {&event.IoUringSetupFlags, 0, map[string]uint32{
		"IORING_SETUP_IOPOLL": 1, "IORING_SETUP_SQPOLL": 2, "IORING_SETUP_SQ_AFF": 4, "IORING_SETUP_CQSIZE": 8,
		"IORING_SETUP_CLAMP": 16, "IORING_SETUP_ATTACH_RW": 32, "IORING_SETUP_R_DISABLED": 64,
	}},
	mapSame: {nil, keep, nil},
}

// forKernel lays the translation out for the programs.
func (t *translation) forKernel() kernelTranslation {
	k := kernelTranslation{Otherwise: t.otherwise}
	if t.table == nil {
		return k
	}
	for _, f := range t.table.Flags {
		if from, ok := t.kernel[f.Name]; ok {
			k.Pair[k.Len].From, k.Pair[k.Len].To = from, f.Value
			k.Len++
		}
	}
	return k
}
