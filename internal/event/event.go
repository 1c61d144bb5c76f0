// SPDX-License-Identifier: Apache-2.0

// Package event says what can happen: the table of events with their parameters, the system
// calls behind them, the names of their flags, and the wire record in which every source
// delivers them. The encoding, codes and parameter orders are the published ones of Falco's
// drivers, so that a record can go to a capture file as it is.
package event

// Type is the code of an event, the index into the published event table.
type Type uint16

// Counts and codes of the event table.
const (
	// NumPublished is the number of codes of the published table (libs 0.25).
	NumPublished = 454
	// MaxParams is the largest number of parameters any event carries, ours included.
	MaxParams = 48
)

// ParamType is the encoding of a parameter. Its values are the published PT_* numbers, which
// capture files store (facts of the scap format, section 8).
type ParamType uint8

// The parameter types.
const (
	None             ParamType = 0
	Int8             ParamType = 1
	Int16            ParamType = 2
	Int32            ParamType = 3
	Int64            ParamType = 4
	Uint8            ParamType = 5
	Uint16           ParamType = 6
	Uint32           ParamType = 7
	Uint64           ParamType = 8
	CharBuf          ParamType = 9  // text with a final NUL
	ByteBuf          ParamType = 10 // raw bytes
	Errno            ParamType = 11 // int64, negative: -errno
	SockAddr         ParamType = 12 // family byte, then address and port or unix path
	SockTuple        ParamType = 13 // family byte, then source and destination
	FD               ParamType = 14 // int64, -100: AT_FDCWD
	PID              ParamType = 15 // int64
	FDList           ParamType = 16
	FSPath           ParamType = 17 // text with a final NUL
	SyscallID        ParamType = 18 // uint16
	SigType          ParamType = 19 // uint8
	RelTime          ParamType = 20 // uint64 nanoseconds
	AbsTime          ParamType = 21 // uint64 nanoseconds since the epoch
	Port             ParamType = 22 // uint16, host order
	L4Proto          ParamType = 23 // uint8
	SockFamily       ParamType = 24 // uint8
	Bool             ParamType = 25 // uint32
	IPv4Addr         ParamType = 26 // 4 bytes, network order
	Dyn              ParamType = 27 // index byte into Param.Dyn, then that type's encoding
	Flags8           ParamType = 28
	Flags16          ParamType = 29
	Flags32          ParamType = 30
	UID              ParamType = 31 // uint32, 0xFFFFFFFF: none
	GID              ParamType = 32 // uint32, 0xFFFFFFFF: none
	Double           ParamType = 33
	SigSet           ParamType = 34 // uint32, the low 32 signals
	CharBufArray     ParamType = 35 // in our records: texts, each with a final NUL
	CharBufPairArray ParamType = 36
	IPv4Net          ParamType = 37
	IPv6Addr         ParamType = 38 // 16 bytes
	IPv6Net          ParamType = 39
	IPAddr           ParamType = 40 // 4 or 16 bytes
	IPNet            ParamType = 41
	Mode             ParamType = 42 // uint32
	FSRelPath        ParamType = 43 // text with a final NUL, relative to Param.DirFD's descriptor
	EnumFlags8       ParamType = 44
	EnumFlags16      ParamType = 45
	EnumFlags32      ParamType = 46
	FD32             ParamType = 47 // int32
	PID32            ParamType = 48 // int32
)

// Format says how a number is printed.
type Format uint8

// The print formats (published PF_* values).
const (
	FormatNone     Format = 0
	FormatDec      Format = 1
	FormatHex      Format = 2
	FormatPadded10 Format = 3
	FormatID       Format = 4
	FormatDir      Format = 5
	FormatOct      Format = 6
)

// Category is the kind of an event, one base value or-ed with a source bit (published EC_*).
type Category uint16

// The base categories, and the source bits from CatSyscall on.
const (
	CatUnknown    Category = 0
	CatOther      Category = 1
	CatFile       Category = 2
	CatNet        Category = 3
	CatIPC        Category = 4
	CatMemory     Category = 5
	CatProcess    Category = 6
	CatSleep      Category = 7
	CatSystem     Category = 8
	CatSignal     Category = 9
	CatUser       Category = 10
	CatTime       Category = 11
	CatProcessing Category = 12
	CatIORead     Category = 32
	CatIOWrite    Category = 33
	CatIOOther    Category = 34
	CatWait       Category = 64
	CatScheduler  Category = 128
	CatInternal   Category = 256
	CatSyscall    Category = 512
	CatTracepoint Category = 1024
	CatPlugin     Category = 2048
	CatMeta       Category = 4096
	CatIter       Category = 8192
)

// Base is the category without its source bits.
func (c Category) Base() Category { return c & 511 }

// EventFlags describe what an event does to descriptors and state (published EF_*).
type EventFlags uint16

// The event flags.
const (
	CreatesFD        EventFlags = 1
	DestroysFD       EventFlags = 2
	UsesFD           EventFlags = 4
	ReadsFD          EventFlags = 8
	WritesFD         EventFlags = 16
	ModifiesState    EventFlags = 32
	Unused           EventFlags = 64
	Waits            EventFlags = 128
	SkipParseReset   EventFlags = 256
	OldVersion       EventFlags = 512
	LargePayload     EventFlags = 2048
	ConverterManaged EventFlags = 4096
)

// Flag is one named value of a parameter.
type Flag struct {
	Name  string
	Value uint32
}

// FlagTable names the bits or values of a parameter, in printing order.
type FlagTable struct {
	Name  string
	Flags []Flag
}

// Value returns the value of the flag called name.
func (t *FlagTable) Value(name string) (uint32, bool) {
	for i := range t.Flags {
		if t.Flags[i].Name == name {
			return t.Flags[i].Value, true
		}
	}
	return 0, false
}

// DynType is one of the types that a parameter of type Dyn can have.
type DynType struct {
	Type   ParamType
	Format Format
}

// Param describes one parameter of an event.
type Param struct {
	Name   string
	Type   ParamType
	Format Format
	Flags  *FlagTable // names of flag and enum values, nil for other types
	Dyn    []DynType  // types by index byte, for Type Dyn
	DirFD  uint8      // index of the directory descriptor's parameter, for Type FSRelPath
}

// Info describes an event.
type Info struct {
	Code     Type
	Name     string
	Category Category
	Flags    EventFlags
	Params   []Param
	// Published is how many of Params the published table has; the others are ours, appended.
	Published int

	result int8 // index of the return value, -1 without one; set at start
}

// IsSyscall reports whether the event comes from a system call.
func (i *Info) IsSyscall() bool { return i.Category&CatSyscall != 0 }

// ParamIndex returns the index of the parameter called name, or -1.
func (i *Info) ParamIndex(name string) int {
	for n := range i.Params {
		if i.Params[n].Name == name {
			return n
		}
	}
	return -1
}

// Lookup returns the description of an event code; nil if there is no such event.
func Lookup(t Type) *Info {
	if int(t) >= len(table) {
		return nil
	}
	return &table[t]
}

// Infos returns the whole event table, indexed by code. It must not be changed.
func Infos() []Info { return table[:] }

// IsEnter reports whether t is the enter side of a call; events with one side count as enter.
func (t Type) IsEnter() bool { return t&1 == 0 }

// The codes that code elsewhere needs by name: today's exit events of calls that change state,
// and the events without a system call.
const (
	Generic        Type = 1
	OpenEnter      Type = 2
	Open           Type = 3
	Close          Type = 5
	Read           Type = 7
	Write          Type = 9
	Socket         Type = 19
	Bind           Type = 21
	ConnectEnter   Type = 22
	Connect        Type = 23
	Listen         Type = 25
	Send           Type = 29
	SendTo         Type = 31
	Recv           Type = 33
	RecvFrom       Type = 35
	Shutdown       Type = 37
	SocketPair     Type = 43
	GetSockOpt     Type = 47
	SendMsg        Type = 49
	SendMMsg       Type = 51
	RecvMsg        Type = 53
	RecvMMsg       Type = 55
	CreatEnter     Type = 58
	Creat          Type = 59
	Pipe           Type = 61
	EventFD        Type = 63
	GetCwd         Type = 93
	Chdir          Type = 95
	Fchdir         Type = 97
	SignalFD       Type = 127
	Kill           Type = 129
	TKill          Type = 131
	TGKill         Type = 133
	TimerFDCreate  Type = 137
	InotifyInit    Type = 139
	GetRLimit      Type = 141
	SetRLimit      Type = 143
	PRLimit        Type = 145
	Drop           Type = 148
	Fcntl          Type = 151
	Switch         Type = 152
	Ptrace         Type = 169
	Rename         Type = 175
	RenameAt       Type = 177
	Symlink        Type = 179
	SymlinkAt      Type = 181
	ProcExit       Type = 186
	SetResUID      Type = 193
	SetResGID      Type = 195
	SetUID         Type = 199
	SetGID         Type = 201
	Clone          Type = 223
	Fork           Type = 225
	VFork          Type = 227
	SignalDeliver  Type = 232
	SetNS          Type = 241
	Accept         Type = 247
	Mount          Type = 257
	Chroot         Type = 267
	SetSID         Type = 275
	Mkdir          Type = 277
	Rmdir          Type = 279
	Unshare        Type = 285
	PageFault      Type = 290
	Execve         Type = 293
	SetPGID        Type = 295
	Unlink         Type = 301
	UnlinkAt       Type = 303
	MkdirAt        Type = 305
	OpenAtEnter    Type = 306
	OpenAt         Type = 307
	Link           Type = 309
	LinkAt         Type = 311
	FchmodAt       Type = 313
	Chmod          Type = 315
	Fchmod         Type = 317
	RenameAt2      Type = 319
	UserFaultFD    Type = 321
	PluginEvent    Type = 322
	Container      Type = 324
	OpenAt2Enter   Type = 326
	OpenAt2        Type = 327
	MProtect       Type = 329
	Execveat       Type = 331
	Clone3         Type = 335
	OpenByHandleAt Type = 337
	IOUringSetup   Type = 339
	IOUringEnter   Type = 341
	IOUringReg     Type = 343
	Capset         Type = 353
	UserAdded      Type = 354
	UserDeleted    Type = 356
	GroupAdded     Type = 358
	GroupDeleted   Type = 360
	Dup2           Type = 363
	Dup3           Type = 365
	Dup            Type = 367
	BPF            Type = 369
	EpollCreate    Type = 375
	EpollCreate1   Type = 377
	Chown          Type = 379
	LChown         Type = 381
	FChown         Type = 383
	FChownAt       Type = 385
	Umount         Type = 387
	Accept4        Type = 389
	Umount2        Type = 391
	Pipe2          Type = 393
	InotifyInit1   Type = 395
	EventFD2       Type = 397
	SignalFD4      Type = 399
	Prctl          Type = 401
	AsyncEvent     Type = 402
	MemFDCreate    Type = 405
	PidFDGetFD     Type = 407
	PidFDOpen      Type = 409
	InitModule     Type = 411
	FInitModule    Type = 413
	ProcVMWriteV   Type = 423
	SetREUID       Type = 427
	SetREGID       Type = 429
	IterTask       Type = 430
	IterPipe       Type = 432
	IterMemFD      Type = 434
	IterRegular    Type = 436
	IterDirectory  Type = 438
	IterInet       Type = 440
	IterInet6      Type = 442
	IterUnix       Type = 444
	IterNetlink    Type = 446
	IterAnonInode  Type = 448
	CloseRange     Type = 451
)

// ResultName is the name of the parameter that holds the call's result; false for events without one.
func (i *Info) ResultName() (string, bool) {
	if i.result < 0 {
		return "", false
	}
	return i.Params[i.result].Name, true
}
