// SPDX-License-Identifier: Apache-2.0

package event

// Tables of flags that only our events have. Their values are the kernel's own (include/uapi/linux).
var (
	// AtFlags are the flags of calls that end in "at".
	AtFlags = FlagTable{Name: "at_flags", Flags: []Flag{
		{"AT_SYMLINK_NOFOLLOW", 0x100}, {"AT_EACCESS", 0x200}, {"AT_SYMLINK_FOLLOW", 0x400},
		{"AT_NO_AUTOMOUNT", 0x800}, {"AT_EMPTY_PATH", 0x1000}, {"AT_STATX_FORCE_SYNC", 0x2000},
		{"AT_STATX_DONT_SYNC", 0x4000}, {"AT_RECURSIVE", 0x8000},
	}}
	// MountAttrFlags are the attributes of the new calls for mounts.
	MountAttrFlags = FlagTable{Name: "mount_attr_flags", Flags: []Flag{
		{"MOUNT_ATTR_RDONLY", 1}, {"MOUNT_ATTR_NOSUID", 2}, {"MOUNT_ATTR_NODEV", 4}, {"MOUNT_ATTR_NOEXEC", 8},
		{"MOUNT_ATTR_NOATIME", 0x10}, {"MOUNT_ATTR_STRICTATIME", 0x20}, {"MOUNT_ATTR_NODIRATIME", 0x80},
		{"MOUNT_ATTR_IDMAP", 0x100000}, {"MOUNT_ATTR_NOSYMFOLLOW", 0x200000},
	}}
	// MoveMountFlags are the flags of move_mount.
	MoveMountFlags = FlagTable{Name: "move_mount_flags", Flags: []Flag{
		{"MOVE_MOUNT_F_SYMLINKS", 1}, {"MOVE_MOUNT_F_AUTOMOUNTS", 2}, {"MOVE_MOUNT_F_EMPTY_PATH", 4},
		{"MOVE_MOUNT_T_SYMLINKS", 0x10}, {"MOVE_MOUNT_T_AUTOMOUNTS", 0x20}, {"MOVE_MOUNT_T_EMPTY_PATH", 0x40},
		{"MOVE_MOUNT_SET_GROUP", 0x100}, {"MOVE_MOUNT_BENEATH", 0x200},
	}}
	// OpenTreeFlags are the flags of open_tree and of mount_setattr.
	OpenTreeFlags = FlagTable{Name: "open_tree_flags", Flags: []Flag{
		{"OPEN_TREE_CLONE", 1}, {"AT_SYMLINK_NOFOLLOW", 0x100}, {"AT_NO_AUTOMOUNT", 0x800},
		{"AT_EMPTY_PATH", 0x1000}, {"AT_RECURSIVE", 0x8000}, {"OPEN_TREE_CLOEXEC", 0o2000000},
	}}
	// RWFlags are the flags of preadv2 and pwritev2.
	RWFlags = FlagTable{Name: "rw_flags", Flags: []Flag{
		{"RWF_HIPRI", 1}, {"RWF_DSYNC", 2}, {"RWF_SYNC", 4}, {"RWF_NOWAIT", 8}, {"RWF_APPEND", 0x10},
		{"RWF_NOAPPEND", 0x20}, {"RWF_ATOMIC", 0x40}, {"RWF_DONTCACHE", 0x80},
	}}
	// KexecFileFlags are the flags of kexec_file_load.
	KexecFileFlags = FlagTable{Name: "kexec_file_flags", Flags: []Flag{
		{"KEXEC_FILE_UNLOAD", 1}, {"KEXEC_FILE_ON_CRASH", 2}, {"KEXEC_FILE_NO_INITRAMFS", 4}, {"KEXEC_FILE_DEBUG", 8},
	}}
	// AIOOperations are the operations of io_submit.
	AIOOperations = FlagTable{Name: "aio_operations", Flags: []Flag{
		{"IOCB_CMD_PREAD", 0}, {"IOCB_CMD_PWRITE", 1}, {"IOCB_CMD_FSYNC", 2}, {"IOCB_CMD_FDSYNC", 3},
		{"IOCB_CMD_POLL", 5}, {"IOCB_CMD_NOOP", 6}, {"IOCB_CMD_PREADV", 7}, {"IOCB_CMD_PWRITEV", 8},
	}}
)
