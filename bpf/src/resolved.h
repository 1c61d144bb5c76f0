/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What the kernel resolved the paths of a call to, told by programs at the entry of its security checks (fentry).
 * Kernels that are locked down refuse such programs; then these parameters stay empty. What a check saw is kept by
 * task until the call's end, where the row takes it if the call succeeded: each of these calls passes its
 * check before it does anything, so that nothing older can be taken for it.
 */
#ifndef GYR_RESOLVED_H
#define GYR_RESOLVED_H

#include "path.h"

/* The checks. A row names the one that its call passes, as op.imm. */
enum { CHECK_NONE, CHECK_RENAME, CHECK_LINK, CHECK_SYMLINK, CHECK_UNLINK, CHECK_RMDIR, CHECK_MKDIR, CHECK_MKNOD,
       CHECK_CHMOD, CHECK_CHOWN, CHECK_TRUNCATE, CHECK_CHROOT, CHECK_MOUNT, CHECK_UMOUNT, CHECK_MOVE };

struct resolved {
	u32 check, dev, nlink;
	u16 len[2];
	u64 ino;
	u8 path[2][PATH_LEN];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct resolved);
} resolved_map SEC(".maps");

#define RESOLVED_AT 0x8000

static __always_inline struct resolved *resolving(struct scratch *s) { return (struct resolved *)&s->data[RESOLVED_AT]; }

/* note_path walks up from a dentry on a mount and keeps the path as the first or the second. */
static __always_inline void note_path(struct scratch *s, u32 which, u64 mnt, u64 dentry)
{
	struct resolved *r = resolving(s);
	r->len[which] = 0;
	if (!mnt || !dentry)
		return;
	walk_up(s, (struct vfsmount *)mnt, (struct dentry *)dentry);
	u32 off = LOW(s->walk.off, PATH_LEN - 1), len = PATH_LEN - off;
	if (len > PATH_LEN - 1)
		len = PATH_LEN - 1;
	bpf_probe_read_kernel(r->path[which], LOW(len, PATH_LEN - 1), &s->path[off]);
	r->len[which] = len;
}

/* note_inode keeps device and inode of a dentry, if it has one. */
static __always_inline void note_inode(struct scratch *s, u64 dentry)
{
	struct resolved *r = resolving(s);
	struct inode *i = dentry ? BPF_CORE_READ((struct dentry *)dentry, d_inode) : NULL;
	r->dev = i ? user_dev(BPF_CORE_READ(i, i_sb, s_dev)) : 0;
	r->ino = i ? BPF_CORE_READ(i, i_ino) : 0;
	r->nlink = i ? BPF_CORE_READ(i, i_nlink) : 0;
}

/* note_text keeps a text of the kernel's as the second path. */
static __always_inline void note_text(struct scratch *s, u64 text)
{
	struct resolved *r = resolving(s);
	long n = text ? bpf_probe_read_kernel_str(r->path[1], PATH_LEN - 1, (void *)text) : 0;
	r->len[1] = n > 0 ? n : 0;
}

static __always_inline int note(struct scratch *s, u32 check)
{
	struct resolved *r = resolving(s);
	u64 id = bpf_get_current_pid_tgid();
	r->check = check;
	bpf_map_update_elem(&resolved_map, &id, r, BPF_ANY);
	return leave(s);
}

/* enter_free is enter, unless a task that lost its processor is still in there: such programs can be held up on
 * every kernel. What they would have said is missing then. */
static __always_inline struct scratch *enter_free(void)
{
	struct scratch *s = scratch(SCRATCH_RESOLVE);
	if (!s || *(volatile u32 *)&s->busy) /* an exchange would need 5.12 */
		return NULL;
	*(volatile u32 *)&s->busy = 1;
	return s;
}

#define PATH_MNT(p) ((u64)BPF_CORE_READ((struct path *)(p), mnt))
#define PATH_DENTRY(p) ((u64)BPF_CORE_READ((struct path *)(p), dentry))

/* on_path keeps one path: of a dentry in a directory, or a whole one. */
static __always_inline int on_path(u32 check, u64 mnt, u64 dentry, u64 text)
{
	struct scratch *s = enter_free();
	if (!s)
		return 0;
	note_path(s, 0, mnt, dentry);
	note_inode(s, dentry);
	note_text(s, text);
	return note(s, check);
}

/* on_paths keeps two. */
static __always_inline int on_paths(u32 check, u64 mnt, u64 dentry, u64 mnt2, u64 dentry2)
{
	struct scratch *s = enter_free();
	if (!s)
		return 0;
	note_path(s, 0, mnt, dentry);
	note_path(s, 1, mnt2, dentry2);
	note_inode(s, dentry);
	return note(s, check);
}

SEC("fentry/security_path_rename")
int BPF_PROG(see_rename, u64 dir, u64 dentry, u64 dir2, u64 dentry2)
{
	return on_paths(CHECK_RENAME, PATH_MNT(dir), dentry, PATH_MNT(dir2), dentry2);
}
SEC("fentry/security_path_link")
int BPF_PROG(see_link, u64 dentry, u64 dir, u64 dentry2)
{
	return on_paths(CHECK_LINK, PATH_MNT(dir), dentry, PATH_MNT(dir), dentry2);
}
SEC("fentry/security_path_symlink")
int BPF_PROG(see_symlink, u64 dir, u64 dentry, u64 text) { return on_path(CHECK_SYMLINK, PATH_MNT(dir), dentry, text); }
SEC("fentry/security_path_unlink")
int BPF_PROG(see_unlink, u64 dir, u64 dentry) { return on_path(CHECK_UNLINK, PATH_MNT(dir), dentry, 0); }
SEC("fentry/security_path_rmdir")
int BPF_PROG(see_rmdir, u64 dir, u64 dentry) { return on_path(CHECK_RMDIR, PATH_MNT(dir), dentry, 0); }
SEC("fentry/security_path_mkdir")
int BPF_PROG(see_mkdir, u64 dir, u64 dentry) { return on_path(CHECK_MKDIR, PATH_MNT(dir), dentry, 0); }
SEC("fentry/security_path_mknod")
int BPF_PROG(see_mknod, u64 dir, u64 dentry) { return on_path(CHECK_MKNOD, PATH_MNT(dir), dentry, 0); }
SEC("fentry/security_path_chmod")
int BPF_PROG(see_chmod, u64 path) { return on_path(CHECK_CHMOD, PATH_MNT(path), PATH_DENTRY(path), 0); }
SEC("fentry/security_path_chown")
int BPF_PROG(see_chown, u64 path) { return on_path(CHECK_CHOWN, PATH_MNT(path), PATH_DENTRY(path), 0); }
SEC("fentry/security_path_truncate")
int BPF_PROG(see_truncate, u64 path) { return on_path(CHECK_TRUNCATE, PATH_MNT(path), PATH_DENTRY(path), 0); }
SEC("fentry/security_path_chroot")
int BPF_PROG(see_chroot, u64 path) { return on_path(CHECK_CHROOT, PATH_MNT(path), PATH_DENTRY(path), 0); }
SEC("fentry/security_sb_mount")
int BPF_PROG(see_mount, u64 dev, u64 path) { return on_path(CHECK_MOUNT, PATH_MNT(path), PATH_DENTRY(path), dev); }
SEC("fentry/security_sb_umount")
int BPF_PROG(see_umount, u64 mnt)
{
	return on_path(CHECK_UMOUNT, mnt, (u64)BPF_CORE_READ((struct vfsmount *)mnt, mnt_root), 0);
}
SEC("fentry/security_move_mount")
int BPF_PROG(see_move, u64 from, u64 to)
{
	return on_paths(CHECK_MOVE, PATH_MNT(to), PATH_DENTRY(to), PATH_MNT(from), PATH_DENTRY(from));
}

/* resolved_of is what a check of the current task's call saw; NULL if none did. */
static __always_inline struct resolved *resolved_of(struct scratch *s, u32 check)
{
	struct control *c = control();
	u64 id = bpf_get_current_pid_tgid();
	if (!c || !c->resolving || s->via || (s64)s->args[6] < 0)
		return NULL;
	struct resolved *r = bpf_map_lookup_elem(&resolved_map, &id);
	if (!r || (r->check != check && !(check == CHECK_UNLINK && r->check == CHECK_RMDIR))) /* unlinkat does both */
		return NULL;
	return r;
}

/* put_resolved writes one of the paths. */
static __always_inline void put_resolved(struct scratch *s, struct resolved *r, u32 which)
{
	u32 len = r ? r->len[which] : 0;
	if (!len || s->overflow) {
		put_none(s);
		return;
	}
	bpf_probe_read_kernel(here(s), LOW(len, PATH_LEN - 1), r->path[which]);
	end_param(s, LOW(len, PATH_LEN - 1));
}

#endif
