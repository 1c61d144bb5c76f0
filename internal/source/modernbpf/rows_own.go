// SPDX-License-Identifier: Apache-2.0

package modernbpf

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// ownRows are the calls with an event of ours: what the published table leaves generic.
var ownRows = []row{
	// Twins of calls that rules name.
	onPath("fchmodat2", event.FchmodAt2, result, fd(0), text(1), masked(2, 0o7777), u32(3)),
	plain("pkey_mprotect", event.PKeyMProtect, result, u64(0), u64(1), flagBits(2, mapProt), u32(3)),
	plain("rt_sigqueueinfo", event.RTSigQueueInfo, result, pid(0), u8(1)),
	plain("rt_tgsigqueueinfo", event.RTTGSigQueueInfo, result, pid(0), pid(1), u8(2)),
	rare("pidfd_send_signal", event.PidFDSendSignal, result, fd(0), pidBehind(0), u8(1), u32(3)),
	rare("semtimedop", event.SemTimedOp, result, u32(2), semNumber(0), semNumber(2), semFlags(4), semNumber(6), semNumber(8), semFlags(10), u32(0), timeOrNever(3)),
	onPath("truncate", event.Truncate, result, text(0), u64(1)),
	plain("ftruncate", event.FTruncate, result, fd(0), u64(1)),
	plain("fallocate", event.FAllocate, result, fd(0), u32(1), u64(2), u64(3)),
	plain("faccessat", event.FAccessAt, result, fd(0), text(1), u32(2)),
	plain("faccessat2", event.FAccessAt2, result, fd(0), text(1), u32(2), u32(3)),
	plain("statx", event.StatX, result, fd(0), text(1), u32(2), u32(3)),
	plain("readlink", event.ReadLink, result, text(0), bytesOf(1, argResult)),
	plain("readlinkat", event.ReadLinkAt, result, fd(0), text(1), bytesOf(2, argResult)),
	rare("utimensat", event.UTimeNSAt, result, fd(0), text(1), fileTimeAt(2, 16), u32(3)),
	plain("name_to_handle_at", event.NameToHandleAt, result, fd(0), text(1), u32(4)),

	// Attributes of files.
	plain("setxattr", event.SetXAttr, result, text(0), text(1), bytesOf(2, 3), u32(4)),
	plain("lsetxattr", event.LSetXAttr, result, text(0), text(1), bytesOf(2, 3), u32(4)),
	plain("fsetxattr", event.FSetXAttr, result, fd(0), text(1), bytesOf(2, 3), u32(4)),
	rare("setxattrat", event.SetXAttrAt, result, fd(0), text(1), text(3), op{Kind: opValueAt, Arg: 4}, u32(2)),
	plain("removexattr", event.RemoveXAttr, result, text(0), text(1)),
	plain("lremovexattr", event.LRemoveXAttr, result, text(0), text(1)),
	plain("fremovexattr", event.FRemoveXAttr, result, fd(0), text(1)),
	plain("removexattrat", event.RemoveXAttrAt, result, fd(0), text(1), text(3), u32(2)),

	// Mounts.
	plain("fsopen", event.FSOpen, newFD, text(0), u32(1)),
	plain("fsmount", event.FSMount, newFD, fd(0), u32(1), u32(2)),
	plain("fspick", event.FSPick, newFD, fd(0), text(1), u32(2)),
	onPath("move_mount", event.MoveMount, result, fd(0), text(1), fd(2), text(3), u32(4)),
	plain("open_tree", event.OpenTree, newFD, fd(0), text(1), u32(2)),
	plain("open_tree_attr", event.OpenTreeAttr, newFD, fd(0), text(1), u32(2), at32(3, 0), at32(3, 8)),
	plain("mount_setattr", event.MountSetAttr, result, fd(0), text(1), u32(2), at32(3, 0), at32(3, 8), at32(3, 16), fdAt(3, 24)),
	onPath("pivot_root", event.PivotRoot, result, text(0), text(1)),
	plain("swapon", event.SwapOn, result, text(0), u32(1)),
	plain("swapoff", event.SwapOff, result, text(0)),
	rare("quotactl_fd", event.QuotactlFD, result, fd(0), op{Kind: opQuota, Arg: 3, Arg2: 1, Map: mapQuotaCommand, Imm: quotaCommand},
		op{Kind: opQuota, Arg: 3, Arg2: 1, Imm: quotaType}, u32(2)),

	// Data.
	sock("preadv2", event.PReadV2, result, length, received(1, 2), fd(0), u64(3), u32(5)),
	sock("pwritev2", event.PWriteV2, result, vector(1, 2), fd(0), vectorSize(1, 2), u64(3), u32(5)),
	plain("tee", event.Tee, result, fd(0), fd(1), u64(2), u32(3)),
	sock("vmsplice", event.VMSplice, result, fd(0), vector(1, 2), vectorSize(1, 2), u32(3)),
	{"io_submit", event.IOSubmit, wantAIO, false, nil},

	// The kernel and what watches it.
	vital("kexec_load", event.KexecLoad, result, u64(0), u64(1), u32(3)),
	vital("kexec_file_load", event.KexecFileLoad, result, fd(0), fd(1), text(3), u32(4)),
	vital("reboot", event.Reboot, result, u32(2)),
	plain("perf_event_open", event.PerfEventOpen, newFD, at32(0, 0), at64(0, 8), pid(1), u32(2), u32(4)),
	plain("sethostname", event.SetHostName, result, bytesOf(0, 1)),
	plain("acct", event.Acct, result, text(0)),
	plain("inotify_add_watch", event.InotifyAddWatch, result, fd(0), text(1), u32(2)),
	plain("fanotify_init", event.FanotifyInit, newFD, u32(0), u32(1)),
	plain("fanotify_mark", event.FanotifyMark, result, fd(0), u32(1), u64(2), fd(3), text(4)),

	// Processes and their memory.
	plain("setfsuid", event.SetFSUID, result, u32(0)),
	plain("setfsgid", event.SetFSGID, result, u32(0)),
	plain("setgroups", event.SetGroups, result, u32(0), at32(1, 0)),
	plain("personality", event.Personality, result, u32(0)),
	plain("uselib", event.UseLib, result, text(0)),
	plain("memfd_secret", event.MemFDSecret, newFD, u32(0)),
	plain("mremap", event.MRemap, result, u64(0), u64(1), u64(2), u32(3), u64(4)),
	plain("shmat", event.ShmAt, result, u32(0), u64(1), u32(2)),
	rare("process_madvise", event.ProcessMAdvise, result, fd(0), pidBehind(0), u64(2), u32(3), u32(4)),
	rare("process_mrelease", event.ProcessMRelease, result, fd(0), pidBehind(0), u32(1)),
	plain("landlock_create_ruleset", event.LandlockCreate, newFD, at64(0, 0), at64(0, 8), u32(2)),
	plain("landlock_add_rule", event.LandlockAddRule, result, fd(0), u32(1), at64(2, 0), fdAt(2, 8), u32(3)),
	plain("landlock_restrict_self", event.LandlockRestrict, result, fd(0), u32(1)),
	plain("add_key", event.AddKey, result, text(0), text(1), u64(3), u32(4)),
	plain("request_key", event.RequestKey, result, text(0), text(1), text(2), u32(3)),
}
