/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Paths as the kernel resolved them, and what else a struct file tells. */
#ifndef GYR_PATH_H
#define GYR_PATH_H

#include "common.h"

#define MAX_COMPONENTS 100
#define MAX_CGROUP_COMPONENTS 12
#define OVERLAYFS_MAGIC 0x794c7630
#define FMODE_CREATED 0x100000

/* prepend puts "/" and the name before the path. Paths that outgrow the buffer begin with "?". */
static __always_inline bool prepend(struct scratch *s, u64 name, u32 len)
{
	if (len > 255)
		len = 255;
	u32 off = s->walk.off;
	if (off < len + 2) {
		s->path[LOW(off - 1, PATH_LEN - 1)] = '?';
		s->walk.off = off - 1;
		return false;
	}
	off -= len + 1;
	s->walk.off = off;
	s->path[LOW(off, PATH_LEN - 1)] = '/';
	bpf_probe_read_kernel(&s->path[LOW(off + 1, PATH_LEN - 1)], LOW(len, 255), (void *)name);
	return true;
}

STEP walk_step(u32 i, struct scratch **context)
{
	struct scratch *s = *context;
	u64 mnt_at = bpf_core_field_offset(struct mount, mnt);
	u64 d = s->walk.dentry, m = s->walk.mnt;
	if (!d || !m)
		return 1;
	struct dentry *dent = AS(struct dentry, d);
	u64 up = NUM(GET(dent, d_parent));
	if (d == NUM(GET(AS(struct vfsmount, m), mnt_root))) {
		struct mount *mount = AS(struct mount, m - mnt_at);
		u64 above = NUM(GET(mount, mnt_parent));
		if (above == m - mnt_at) {
			s->walk.ended = 1;
			return 1;
		}
		s->walk.dentry = NUM(GET(mount, mnt_mountpoint));
		s->walk.mnt = above + mnt_at;
		return 0;
	}
	u32 len = GET(dent, d_name.len);
	if (up == d && len <= 1) {
		/* Neither place nor name: pipes, sockets, namespaces ("/"). */
		s->walk.ended = 1;
		s->walk.detached = 1;
		return 1;
	}
	if (!prepend(s, NUM(GET(dent, d_name.name)), len)) {
		s->walk.ended = 1;
		return 1;
	}
	if (up == d) {
		/* A file without a place: memfd, or a directory lazily unmounted. */
		s->walk.ended = 1;
		s->walk.detached = 1;
		return 1;
	}
	s->walk.dentry = up;
	return 0;
}

/* walk writes the path of (in[0], in[1]), a mount and a dentry, to the end of scratch.path. */
__noinline int walk(u32 key)
{
	struct scratch *s = slot(key);
	if (!s)
		return 0;
	u64 mnt = s->in[0], dentry = s->in[1];
	s->walk.mnt = mnt;
	s->walk.dentry = dentry;
	s->walk.off = PATH_LEN - 1;
	s->walk.ended = 0;
	s->walk.detached = 0;
	s->path[PATH_LEN - 1] = 0;
	u64 mnt_at = bpf_core_field_offset(struct mount, mnt);
	s->walk.mnt_id = mnt ? GET(AS(struct mount, mnt - mnt_at), mnt_id) : 0;
	REPEAT(MAX_COMPONENTS, walk_step, &s);
	u32 off = s->walk.off;
	if (!s->walk.ended && off > 1 && off < PATH_LEN) {
		s->path[LOW(off - 1, PATH_LEN - 1)] = '?';
		s->walk.off = off - 1;
	} else if (off == PATH_LEN - 1 && !s->walk.detached) {
		s->path[PATH_LEN - 2] = '/';
		s->walk.off = PATH_LEN - 2;
	}
	return 0;
}

static __always_inline void walk_up(struct scratch *s, struct vfsmount *mnt, struct dentry *dentry)
{
	s->in[0] = (u64)mnt;
	s->in[1] = (u64)dentry;
	walk(s->slot);
}

/* put_walked copies the path of the newest walk into the record: none of a file that has none. */
static __always_inline void put_walked(struct scratch *s)
{
	u32 off = LOW(s->walk.off, PATH_LEN - 1);
	u32 len = PATH_LEN - off;
	if (s->overflow || len == 1) {
		put_none(s);
		return;
	}
	if (len > PATH_LEN - 1) {
		off = 1;
		len = PATH_LEN - 1;
	}
	bpf_probe_read_kernel(here(s), LOW(len, PATH_LEN - 1), &s->path[LOW(off, PATH_LEN - 1)]);
	end_param(s, len);
}

static __always_inline void put_file_path(struct scratch *s, struct file *f)
{
	if (!f) {
		put_none(s);
		return;
	}
	walk_up(s, GET(f, f_path.mnt), GET(f, f_path.dentry));
	put_walked(s);
}

/* fd_file returns the open file behind a descriptor of the task; NULL if there is none. */
static __always_inline struct file *fd_file(struct task_struct *t, s64 fd)
{
	u64 p = 0;
	if (fd < 0)
		return NULL;
	struct fdtable *fdt = GET(t, files, fdt);
	if (!fdt || fd >= GET(fdt, max_fds))
		return NULL;
	u64 fds = NUM(GET(fdt, fd));
	bpf_probe_read_kernel(&p, sizeof(p), (void *)(fds + 8 * fd));
	if (!p)
		return NULL;
	return AS(struct file, p);
}

/* user_dev is a device number as user space sees it. */
static __always_inline u32 user_dev(u32 dev)
{
	u32 major = dev >> 20, minor = dev & 0xfffff;
	return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

enum { LAYER_NONE, LAYER_UPPER, LAYER_LOWER };

/* overlay_layer says in which layer of an overlay a file lies. struct ovl_inode begins with the
 * inode, and the upper dentry's pointer comes next (fs/overlayfs/ovl_entry.h). */
static __always_inline int overlay_layer(struct file *f)
{
	struct dentry *d = GET(f, f_path.dentry);
	if (GET(d, d_sb, s_magic) != OVERLAYFS_MAGIC)
		return LAYER_NONE;
	u64 inode = NUM(GET(d, d_inode));
	u64 upper = 0;
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)(inode + bpf_core_type_size(struct inode)));
	if (!upper)
		return LAYER_LOWER;
	return GET(AS(struct dentry, upper), d_inode) ? LAYER_UPPER : LAYER_LOWER;
}

static __always_inline u64 ns(s64 sec, s64 nsec) { return sec * 1000000000ULL + nsec; }

static __always_inline u64 inode_mtime(struct inode *i)
{
	if (bpf_core_field_exists(((struct inode *)0)->i_mtime_sec))
		return ns(BPF_CORE_READ(i, i_mtime_sec), BPF_CORE_READ(i, i_mtime_nsec));
	if (bpf_core_field_exists(((struct inode___underscore *)0)->__i_mtime)) {
		struct inode___underscore *u = (void *)i;
		return ns(BPF_CORE_READ(u, __i_mtime.tv_sec), BPF_CORE_READ(u, __i_mtime.tv_nsec));
	}
	struct inode___timespec *o = (void *)i;
	return ns(BPF_CORE_READ(o, i_mtime.tv_sec), BPF_CORE_READ(o, i_mtime.tv_nsec));
}

static __always_inline u64 inode_ctime(struct inode *i)
{
	if (bpf_core_field_exists(((struct inode *)0)->i_ctime_sec))
		return ns(BPF_CORE_READ(i, i_ctime_sec), BPF_CORE_READ(i, i_ctime_nsec));
	if (bpf_core_field_exists(((struct inode___underscore *)0)->__i_ctime)) {
		struct inode___underscore *u = (void *)i;
		return ns(BPF_CORE_READ(u, __i_ctime.tv_sec), BPF_CORE_READ(u, __i_ctime.tv_nsec));
	}
	struct inode___timespec *o = (void *)i;
	return ns(BPF_CORE_READ(o, i_ctime.tv_sec), BPF_CORE_READ(o, i_ctime.tv_nsec));
}

static __always_inline u64 cgroup_parent(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(((struct kernfs_node *)0)->__parent))
		return (u64)BPF_CORE_READ(kn, __parent);
	return (u64)BPF_CORE_READ((struct kernfs_node___old *)kn, parent);
}

static __always_inline bool is_root_cgroup(u64 node) { return !cgroup_parent((struct kernfs_node *)node); }

STEP cgroup_step(u32 i, struct scratch **context)
{
	struct scratch *s = *context;
	struct kernfs_node *kn = (void *)s->walk.dentry;
	u64 up = cgroup_parent(kn);
	if (!up)
		return 1;
	/* The name's length is not known: it is read behind the path first. */
	u64 name = (u64)BPF_CORE_READ(kn, name);
	long n = bpf_probe_read_kernel_str(&s->path[PATH_LEN], 256, (void *)name);
	if (n < 1 || !prepend(s, (u64)&s->path[PATH_LEN], n - 1))
		return 1;
	s->walk.dentry = up;
	return 0;
}

/* walk_cgroup writes the path of a cgroup's node to the end of scratch.path. */
__noinline int walk_cgroup(u32 key, u64 node)
{
	struct scratch *s = slot(key);
	if (!s)
		return 0;
	s->walk.off = PATH_LEN - 1;
	s->walk.dentry = node;
	s->path[PATH_LEN - 1] = 0;
	REPEAT(MAX_CGROUP_COMPONENTS, cgroup_step, &s);
	if (s->walk.off == PATH_LEN - 1) {
		s->path[PATH_LEN - 2] = '/';
		s->walk.off = PATH_LEN - 2;
	}
	return 0;
}

/*
 * add_cgroup appends "controller=path" to the parameter being written and returns its new length. The
 * controller's name with its sign of equality comes as a number of up to eight letters.
 */
__noinline int add_cgroup(u32 key, u32 have, u64 name, u32 len, u64 kn)
{
	struct scratch *s = slot(key);
	if (!s || !kn || have > TEXT_MAX || len > 8)
		return have;
	if (s->spare != kn) { /* all controllers of a unified hierarchy share one path */
		walk_cgroup(key, kn);
		s->spare = kn;
	}
	STORE(64, &s->data[LOW(s->off + have, DATA_MAX - 1)], name);
	u32 off = LOW(s->walk.off, PATH_LEN - 1);
	u32 size = PATH_LEN - off;
	if (size > TEXT_MAX / 8)
		size = TEXT_MAX / 8;
	u64 at = LOW(s->off + have + len, DATA_MAX - 1);
	bpf_probe_read_kernel(&s->data[at], LOW(size, TEXT_MAX - 1), &s->path[LOW(off, PATH_LEN - 1)]);
	have += len + size;
	s->data[LOW(s->off + have - 1, DATA_MAX - 1)] = 0;
	return have;
}

#endif
