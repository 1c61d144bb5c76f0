// SPDX-License-Identifier: Apache-2.0

package event

// Events of our own: system calls that the published table leaves generic, with all their parameters.
// Captures for other tools carry them as the generic event. Their codes begin behind a gap, so that
// the published table can grow; only odd ones are used, since all are reported at the call's end.
const (
	// FirstOwn is the code from which on events are ours.
	FirstOwn = 512
	// NumTypes is the number of codes of the whole table, ours and unused ones included.
	NumTypes = 640
)

// The codes of our events.
const (
	FchmodAt2        Type = 513
	FSOpen           Type = 515
	FSMount          Type = 517
	FSPick           Type = 519
	MoveMount        Type = 521
	OpenTree         Type = 523
	OpenTreeAttr     Type = 525
	MountSetAttr     Type = 527
	PReadV2          Type = 529
	PWriteV2         Type = 531
	PidFDSendSignal  Type = 533
	KexecLoad        Type = 535
	KexecFileLoad    Type = 537
	MemFDSecret      Type = 539
	LandlockCreate   Type = 541
	LandlockAddRule  Type = 543
	LandlockRestrict Type = 545
	AddKey           Type = 547
	RequestKey       Type = 549
	ProcessMAdvise   Type = 551
	Tee              Type = 553
	VMSplice         Type = 555
	NameToHandleAt   Type = 557
	IOSubmit         Type = 559
	StatX            Type = 561
	FAccessAt        Type = 563
	FAccessAt2       Type = 565
	ReadLink         Type = 567
	ReadLinkAt       Type = 569
	Truncate         Type = 571
	FTruncate        Type = 573
	SetXAttr         Type = 575
	LSetXAttr        Type = 577
	FSetXAttr        Type = 579
	RemoveXAttr      Type = 581
	LRemoveXAttr     Type = 583
	FRemoveXAttr     Type = 585
	UTimeNSAt        Type = 587
	FAllocate        Type = 589
	PivotRoot        Type = 591
	SetFSUID         Type = 593
	SetFSGID         Type = 595
	SetGroups        Type = 597
	PerfEventOpen    Type = 599
	SwapOn           Type = 601
	SwapOff          Type = 603
	Acct             Type = 605
	SetHostName      Type = 607
	Personality      Type = 609
	PKeyMProtect     Type = 611
	RTSigQueueInfo   Type = 613
	RTTGSigQueueInfo Type = 615
	SemTimedOp       Type = 617
	InotifyAddWatch  Type = 619
	FanotifyInit     Type = 621
	FanotifyMark     Type = 623
	QuotactlFD       Type = 625
	ProcessMRelease  Type = 627
	UseLib           Type = 629
	Reboot           Type = 631
	MRemap           Type = 633
	ShmAt            Type = 635
	SetXAttrAt       Type = 637
	RemoveXAttrAt    Type = 639
)

// Parameters that recur.
var (
	resParam    = Param{Name: "res", Type: Errno, Format: FormatDec}
	newFDParam  = Param{Name: "fd", Type: FD, Format: FormatDec}
	dataParam   = Param{Name: "data", Type: ByteBuf}
	pathParam   = Param{Name: "path", Type: FSPath}
	atPathParam = Param{Name: "path", Type: FSRelPath, DirFD: 1}
)

func fdParam(name string) Param    { return Param{Name: name, Type: FD, Format: FormatDec} }
func pidParam(name string) Param   { return Param{Name: name, Type: PID, Format: FormatDec} }
func textParam(name string) Param  { return Param{Name: name, Type: CharBuf} }
func u32Param(name string) Param   { return Param{Name: name, Type: Uint32, Format: FormatDec} }
func u64Param(name string) Param   { return Param{Name: name, Type: Uint64, Format: FormatDec} }
func hex64Param(name string) Param { return Param{Name: name, Type: Uint64, Format: FormatHex} }
func sigParam(name string) Param   { return Param{Name: name, Type: SigType, Format: FormatDec} }
func flagsParam(t *FlagTable) Param {
	return Param{Name: "flags", Type: Flags32, Format: FormatHex, Flags: t}
}
func plainFlags(name string) Param { return Param{Name: name, Type: Uint32, Format: FormatHex} }
func modeParam(t *FlagTable) Param {
	return Param{Name: "mode", Type: Mode, Format: FormatOct, Flags: t}
}
func uidParam(name string, t ParamType) Param {
	return Param{Name: name, Type: t, Format: FormatDec}
}
func enumParam(name string, t *FlagTable) Param {
	return Param{Name: name, Type: EnumFlags32, Format: FormatDec, Flags: t}
}

// own lists our events.
var own = []Info{
	{FchmodAt2, "fchmodat2", CatFile, UsesFD, []Param{resParam, fdParam("dirfd"), {Name: "filename", Type: FSRelPath, DirFD: 1}, modeParam(&ChmodMode), flagsParam(&AtFlags)}, 0, 0},
	{FSOpen, "fsopen", CatFile, CreatesFD | ModifiesState, []Param{newFDParam, textParam("fsname"), plainFlags("flags")}, 0, 0},
	{FSMount, "fsmount", CatFile, CreatesFD | ModifiesState, []Param{newFDParam, fdParam("fs_fd"), plainFlags("flags"), {Name: "attr_flags", Type: Flags32, Format: FormatHex, Flags: &MountAttrFlags}}, 0, 0},
	{FSPick, "fspick", CatFile, CreatesFD | ModifiesState, []Param{newFDParam, fdParam("dirfd"), atPathParam, plainFlags("flags")}, 0, 0},
	{MoveMount, "move_mount", CatFile, UsesFD, []Param{resParam, fdParam("from_dirfd"), {Name: "from_path", Type: FSRelPath, DirFD: 1}, fdParam("to_dirfd"), {Name: "to_path", Type: FSRelPath, DirFD: 3}, flagsParam(&MoveMountFlags)}, 0, 0},
	{OpenTree, "open_tree", CatFile, CreatesFD | ModifiesState, []Param{newFDParam, fdParam("dirfd"), atPathParam, flagsParam(&OpenTreeFlags)}, 0, 0},
	{OpenTreeAttr, "open_tree_attr", CatFile, CreatesFD | ModifiesState, []Param{newFDParam, fdParam("dirfd"), atPathParam, flagsParam(&OpenTreeFlags), {Name: "attr_set", Type: Flags32, Format: FormatHex, Flags: &MountAttrFlags}, {Name: "attr_clr", Type: Flags32, Format: FormatHex, Flags: &MountAttrFlags}}, 0, 0},
	{MountSetAttr, "mount_setattr", CatFile, UsesFD, []Param{resParam, fdParam("dirfd"), atPathParam, flagsParam(&OpenTreeFlags), {Name: "attr_set", Type: Flags32, Format: FormatHex, Flags: &MountAttrFlags}, {Name: "attr_clr", Type: Flags32, Format: FormatHex, Flags: &MountAttrFlags}, {Name: "propagation", Type: Flags32, Format: FormatHex, Flags: &MountFlags}, fdParam("userns_fd")}, 0, 0},
	{PReadV2, "preadv2", CatIORead, UsesFD | ReadsFD, []Param{resParam, u32Param("size"), dataParam, newFDParam, u64Param("pos"), flagsParam(&RWFlags)}, 0, 0},
	{PWriteV2, "pwritev2", CatIOWrite, UsesFD | WritesFD, []Param{resParam, dataParam, newFDParam, u32Param("size"), u64Param("pos"), flagsParam(&RWFlags)}, 0, 0},
	{PidFDSendSignal, "pidfd_send_signal", CatSignal, UsesFD, []Param{resParam, fdParam("pid_fd"), pidParam("pid"), sigParam("sig"), plainFlags("flags")}, 0, 0},
	{KexecLoad, "kexec_load", CatSystem, 0, []Param{resParam, hex64Param("entry"), u64Param("nr_segments"), plainFlags("flags")}, 0, 0},
	{KexecFileLoad, "kexec_file_load", CatSystem, UsesFD, []Param{resParam, fdParam("kernel_fd"), fdParam("initrd_fd"), textParam("cmdline"), flagsParam(&KexecFileFlags)}, 0, 0},
	{MemFDSecret, "memfd_secret", CatMemory, CreatesFD | ModifiesState, []Param{newFDParam, plainFlags("flags")}, 0, 0},
	{LandlockCreate, "landlock_create_ruleset", CatProcess, CreatesFD | ModifiesState, []Param{newFDParam, hex64Param("handled_access_fs"), hex64Param("handled_access_net"), plainFlags("flags")}, 0, 0},
	{LandlockAddRule, "landlock_add_rule", CatProcess, UsesFD, []Param{resParam, fdParam("ruleset_fd"), u32Param("rule_type"), hex64Param("allowed_access"), {Name: "object", Type: Int64, Format: FormatDec}, plainFlags("flags")}, 0, 0},
	{LandlockRestrict, "landlock_restrict_self", CatProcess, UsesFD, []Param{resParam, fdParam("ruleset_fd"), plainFlags("flags")}, 0, 0},
	{AddKey, "add_key", CatOther, 0, []Param{resParam, textParam("type"), textParam("description"), u64Param("size"), {Name: "keyring", Type: Int32, Format: FormatDec}}, 0, 0},
	{RequestKey, "request_key", CatOther, 0, []Param{resParam, textParam("type"), textParam("description"), textParam("callout"), {Name: "keyring", Type: Int32, Format: FormatDec}}, 0, 0},
	{ProcessMAdvise, "process_madvise", CatMemory, UsesFD, []Param{resParam, fdParam("pid_fd"), pidParam("pid"), u64Param("vlen"), u32Param("advice"), plainFlags("flags")}, 0, 0},
	{Tee, "tee", CatIOOther, UsesFD, []Param{resParam, fdParam("fd_in"), fdParam("fd_out"), u64Param("size"), flagsParam(&SpliceFlags)}, 0, 0},
	{VMSplice, "vmsplice", CatIOOther, UsesFD, []Param{resParam, newFDParam, dataParam, u32Param("size"), flagsParam(&SpliceFlags)}, 0, 0},
	{NameToHandleAt, "name_to_handle_at", CatFile, UsesFD, []Param{resParam, fdParam("dirfd"), atPathParam, flagsParam(&AtFlags)}, 0, 0},
	{IOSubmit, "io_submit", CatIOOther, UsesFD, []Param{resParam, newFDParam, enumParam("operation", &AIOOperations), u32Param("size"), u64Param("pos"), dataParam}, 0, 0},
	{StatX, "statx", CatFile, UsesFD, []Param{resParam, fdParam("dirfd"), atPathParam, flagsParam(&AtFlags), plainFlags("mask")}, 0, 0},
	{FAccessAt, "faccessat", CatFile, UsesFD, []Param{resParam, fdParam("dirfd"), atPathParam, {Name: "mode", Type: Flags32, Format: FormatHex, Flags: &AccessFlags}}, 0, 0},
	{FAccessAt2, "faccessat2", CatFile, UsesFD, []Param{resParam, fdParam("dirfd"), atPathParam, {Name: "mode", Type: Flags32, Format: FormatHex, Flags: &AccessFlags}, flagsParam(&AtFlags)}, 0, 0},
	{ReadLink, "readlink", CatFile, 0, []Param{resParam, pathParam, {Name: "target", Type: ByteBuf}}, 0, 0},
	{ReadLinkAt, "readlinkat", CatFile, UsesFD, []Param{resParam, fdParam("dirfd"), atPathParam, {Name: "target", Type: ByteBuf}}, 0, 0},
	{Truncate, "truncate", CatFile, 0, []Param{resParam, pathParam, u64Param("length")}, 0, 0},
	{FTruncate, "ftruncate", CatFile, UsesFD, []Param{resParam, newFDParam, u64Param("length")}, 0, 0},
	{SetXAttr, "setxattr", CatFile, 0, []Param{resParam, pathParam, textParam("name"), {Name: "value", Type: ByteBuf}, plainFlags("flags")}, 0, 0},
	{LSetXAttr, "lsetxattr", CatFile, 0, []Param{resParam, pathParam, textParam("name"), {Name: "value", Type: ByteBuf}, plainFlags("flags")}, 0, 0},
	{FSetXAttr, "fsetxattr", CatFile, UsesFD, []Param{resParam, newFDParam, textParam("name"), {Name: "value", Type: ByteBuf}, plainFlags("flags")}, 0, 0},
	{RemoveXAttr, "removexattr", CatFile, 0, []Param{resParam, pathParam, textParam("name")}, 0, 0},
	{LRemoveXAttr, "lremovexattr", CatFile, 0, []Param{resParam, pathParam, textParam("name")}, 0, 0},
	{FRemoveXAttr, "fremovexattr", CatFile, UsesFD, []Param{resParam, newFDParam, textParam("name")}, 0, 0},
	{UTimeNSAt, "utimensat", CatFile, UsesFD, []Param{resParam, fdParam("dirfd"), atPathParam, {Name: "mtime", Type: AbsTime, Format: FormatDec}, flagsParam(&AtFlags)}, 0, 0},
	{FAllocate, "fallocate", CatFile, UsesFD, []Param{resParam, newFDParam, plainFlags("mode"), u64Param("pos"), u64Param("length")}, 0, 0},
	{PivotRoot, "pivot_root", CatFile, 0, []Param{resParam, {Name: "new_root", Type: FSPath}, {Name: "put_old", Type: FSPath}}, 0, 0},
	{SetFSUID, "setfsuid", CatUser, 0, []Param{resParam, uidParam("uid", UID)}, 0, 0},
	{SetFSGID, "setfsgid", CatUser, 0, []Param{resParam, uidParam("gid", GID)}, 0, 0},
	{SetGroups, "setgroups", CatUser, 0, []Param{resParam, u32Param("size"), uidParam("first", GID)}, 0, 0},
	{PerfEventOpen, "perf_event_open", CatSystem, CreatesFD | ModifiesState, []Param{newFDParam, u32Param("type"), u64Param("config"), pidParam("pid"), {Name: "cpu", Type: Int32, Format: FormatDec}, plainFlags("flags")}, 0, 0},
	{SwapOn, "swapon", CatSystem, 0, []Param{resParam, pathParam, plainFlags("flags")}, 0, 0},
	{SwapOff, "swapoff", CatSystem, 0, []Param{resParam, pathParam}, 0, 0},
	{Acct, "acct", CatSystem, 0, []Param{resParam, pathParam}, 0, 0},
	{SetHostName, "sethostname", CatSystem, 0, []Param{resParam, dataParam}, 0, 0},
	{Personality, "personality", CatProcess, 0, []Param{resParam, plainFlags("persona")}, 0, 0},
	{PKeyMProtect, "pkey_mprotect", CatMemory, 0, []Param{resParam, hex64Param("addr"), u64Param("length"), {Name: "prot", Type: Flags32, Format: FormatHex, Flags: &ProtFlags}, {Name: "pkey", Type: Int32, Format: FormatDec}}, 0, 0},
	{RTSigQueueInfo, "rt_sigqueueinfo", CatSignal, 0, []Param{resParam, pidParam("pid"), sigParam("sig")}, 0, 0},
	{RTTGSigQueueInfo, "rt_tgsigqueueinfo", CatSignal, 0, []Param{resParam, pidParam("pid"), pidParam("tid"), sigParam("sig")}, 0, 0},
	{SemTimedOp, "semtimedop", CatIPC, 0, []Param{resParam, u32Param("nsops"), {Name: "sem_num_0", Type: Uint16, Format: FormatDec}, {Name: "sem_op_0", Type: Int16, Format: FormatDec}, {Name: "sem_flg_0", Type: Flags16, Format: FormatHex, Flags: &SemopFlags}, {Name: "sem_num_1", Type: Uint16, Format: FormatDec}, {Name: "sem_op_1", Type: Int16, Format: FormatDec}, {Name: "sem_flg_1", Type: Flags16, Format: FormatHex, Flags: &SemopFlags}, {Name: "semid", Type: Int32, Format: FormatDec}, {Name: "timeout", Type: RelTime, Format: FormatDec}}, 0, 0},
	{InotifyAddWatch, "inotify_add_watch", CatFile, UsesFD, []Param{resParam, newFDParam, pathParam, plainFlags("mask")}, 0, 0},
	{FanotifyInit, "fanotify_init", CatFile, CreatesFD | ModifiesState, []Param{newFDParam, plainFlags("flags"), plainFlags("event_flags")}, 0, 0},
	{FanotifyMark, "fanotify_mark", CatFile, UsesFD, []Param{resParam, newFDParam, plainFlags("flags"), hex64Param("mask"), fdParam("dirfd"), {Name: "path", Type: FSRelPath, DirFD: 4}}, 0, 0},
	{QuotactlFD, "quotactl_fd", CatOther, UsesFD, []Param{resParam, newFDParam, {Name: "cmd", Type: Flags16, Format: FormatDec, Flags: &QuotactlCmds}, {Name: "type", Type: Flags8, Format: FormatDec, Flags: &QuotactlTypes}, u32Param("id")}, 0, 0},
	{ProcessMRelease, "process_mrelease", CatMemory, UsesFD, []Param{resParam, fdParam("pid_fd"), pidParam("pid"), plainFlags("flags")}, 0, 0},
	{UseLib, "uselib", CatProcess, 0, []Param{resParam, pathParam}, 0, 0},
	{Reboot, "reboot", CatSystem, 0, []Param{resParam, plainFlags("cmd")}, 0, 0},
	{MRemap, "mremap", CatMemory, 0, []Param{{Name: "res", Type: Errno, Format: FormatHex}, hex64Param("addr"), u64Param("old_length"), u64Param("new_length"), plainFlags("flags"), hex64Param("new_addr")}, 0, 0},
	{ShmAt, "shmat", CatMemory, 0, []Param{{Name: "res", Type: Errno, Format: FormatHex}, {Name: "shmid", Type: Int32, Format: FormatDec}, hex64Param("addr"), plainFlags("flags")}, 0, 0},
	{SetXAttrAt, "setxattrat", CatFile, UsesFD, []Param{resParam, fdParam("dirfd"), atPathParam, textParam("name"), {Name: "value", Type: ByteBuf}, flagsParam(&AtFlags)}, 0, 0},
	{RemoveXAttrAt, "removexattrat", CatFile, UsesFD, []Param{resParam, fdParam("dirfd"), atPathParam, textParam("name"), flagsParam(&AtFlags)}, 0, 0},
}

// IsOwn reports whether the event is ours and not in the published table.
func (i *Info) IsOwn() bool { return i.Code >= FirstOwn }

// table is the whole event table: the published one, then ours.
var table = makeTable()

// makeTable joins the two; codes between them are unused. The parameters that the kernel programs
// append to several events (extra.go) are added behind all others.
func makeTable() (t [NumTypes]Info) {
	copy(t[:], published[:])
	for i := NumPublished; i < NumTypes; i++ {
		t[i] = Info{Code: Type(i), Name: "NA", Flags: Unused}
	}
	for _, info := range own {
		info.Category |= CatSyscall
		t[info.Code] = info
	}
	appendExtra(&t)
	return t
}
