/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Iterators over all tasks and their open files: the state of the machine at the start. */
#ifndef GYR_ITER_H
#define GYR_ITER_H

#include "task.h"
#include "sock.h"

#ifdef GYR_FAST
#define EVENT_TASK 430
#define EVENT_FD_PIPE 432
#define EVENT_FD_MEMFD 434
#define EVENT_FD_REGULAR 436
#define EVENT_FD_DIRECTORY 438
#define EVENT_FD_INET 440
#define EVENT_FD_INET6 442
#define EVENT_FD_UNIX 444
#define EVENT_FD_NETLINK 446
#define EVENT_FD_ANON 448
#define TASK_PARAMS 39 /* 32 published, 7 of ours */
#define AF_NETLINK 16
#define SEQ_MAX 0x8000 /* the kernel's buffer of an iterator, 8 pages: a longer record ends the reading */
#define ANON_INODE_MAGIC 0x09041934
#define PIDFS_MAGIC 0x50494446

/* The iterators' output goes through seq files, not through a ring; one reader runs them. */
static __always_inline struct scratch *iter_memory(void)
{
	struct scratch *s = slot(SLOT_ITER);
	if (s)
		s->slot = SLOT_ITER;
	return s;
}

static __always_inline void finish(struct scratch *s, struct seq_file *seq)
{
	u64 size = s->off;
	if (size > DATA_MAX || size < 26)
		return;
	STORE(32, &s->data[16], size);
	bpf_seq_write(seq, s->data, size);
}

/* add_task_bytes is add_bytes for another task's memory; a read of many pages may end early. */
static __always_inline u32 add_task_bytes(struct scratch *s, struct task_struct *t, u32 have, u64 p, u64 len)
{
	u64 at = LOW(s->off + have, DATA_MAX - 1);
	if (len > TEXT_MAX - 1)
		len = TEXT_MAX - 1;
	if (p && !s->overflow && bpf_copy_from_user_task(&s->data[at], LOW(len, TEXT_MAX - 1), (void *)p, t, 0) == 0)
		return len;
	return 0;
}

static __always_inline void put_task_bytes(struct scratch *s, struct task_struct *t, u64 p, u64 len)
{
	u32 got = add_task_bytes(s, t, 0, p, len);
	if (got > 0)
		s->data[LOW(s->off + got - 1, DATA_MAX - 1)] = 0;
	end_param(s, got);
}

static __always_inline bool seq_has_room(struct scratch *s, u32 have) { return s->off + have + TEXT_MAX < SEQ_MAX; }

/* put_task_more writes what the published parameters leave out, as the programs for exec do, and as far as
 * there is room: the end of the arguments, and more of the environment. */
static __always_inline void put_task_more(struct scratch *s, struct task_struct *t, struct mm_struct *mm)
{
	u64 start = mm->arg_start, end = mm->arg_end;
	u32 have = 0;
	if (start < end && end - start > TEXT_MAX && seq_has_room(s, 0))
		have = add_task_bytes(s, t, 0, end - (TEXT_MAX - 1), TEXT_MAX - 1);
	end_param(s, have);
	start = mm->env_start;
	end = mm->env_end;
	have = 0;
	if (start < end && end - start > TEXT_MAX - 1) {
		start += TEXT_MAX - 2;
		for (u32 i = 0; i < MORE_ENV_CHUNKS && seq_has_room(s, have); i++) {
			u32 got = add_task_bytes(s, t, have, start + have, end - start - have);
			have = LOW(have + got, 4 * TEXT_MAX - 1);
			if (got < TEXT_MAX - 1)
				break;
		}
	}
	end_param(s, have);
}

static __always_inline void put_u32s(struct scratch *s, s64 v) { put_u32(s, (s32)v); }

SEC("iter.s/task")
int dump_task(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct scratch *s = iter_memory();
	if (!task || !s || (task->flags & (PF_KTHREAD | PF_EXITING)))
		return 0;
	struct task_struct *t = AS(struct task_struct, task);
	bool leader = t->pid == t->tgid;
	struct mm_struct *mm = t->mm;
	const struct cred *c = t->cred;
	struct file *exe = mm ? GET(mm, exe_file) : NULL;
	struct inode *inode = exe ? GET(exe, f_inode) : NULL;
	begin(s, EVENT_TASK, TASK_PARAMS, t->pid);
	put_u32s(s, GET(t, real_parent, tgid));
	put_u32s(s, in_root_ns(group_pid(t, PIDTYPE_PGID)));
	put_u32s(s, in_ns(group_pid(t, PIDTYPE_PGID)));
	put_u32s(s, in_root_ns(group_pid(t, PIDTYPE_SID)));
	put_kernel_text(s, NUM(t) + bpf_core_field_offset(struct task_struct, comm), 16);
	if (leader && mm)
		put_task_bytes(s, task, mm->arg_start, mm->arg_end - mm->arg_start);
	else
		put_none(s);
	put_file_path(s, leader ? exe : NULL);
	put_u32(s, exe_flags(t, exe));
	if (leader && mm)
		put_task_bytes(s, task, mm->env_start, mm->env_end - mm->env_start);
	else
		put_none(s);
	put_cwd(s, t);
	put_u64(s, GET(t, signal, rlim[RLIMIT_NOFILE].rlim_cur));
	put_u32(s, GET(c, euid.val));
	put_u32(s, GET(c, egid.val));
	put_u64(s, cap(&c->cap_permitted));
	put_u64(s, cap(&c->cap_effective));
	put_u64(s, cap(&c->cap_inheritable));
	put_u64(s, inode ? GET(inode, i_ino) : 0);
	put_u64(s, inode ? inode_ctime(inode) : 0);
	put_u64(s, inode ? inode_mtime(inode) : 0);
	put_u32(s, mm ? GET(mm, total_vm) << 2 : 0);
	put_u32(s, mm ? (rss_pages(mm, 0) + rss_pages(mm, 1) + rss_pages(mm, 3)) << 2 : 0);
	put_u32(s, mm ? rss_pages(mm, 2) << 2 : 0);
	put_u64(s, GET(t, maj_flt));
	put_u64(s, GET(t, min_flt));
	put_u32s(s, in_ns(GET(t, thread_pid)));
	put_u32s(s, in_ns(group_pid(t, PIDTYPE_TGID)));
	put_u64(s, pidns_start(t));
	put_cgroups(s, t);
	struct fs_struct *fs = GET(t, fs);
	if (fs) {
		walk_up(s, GET(fs, root.mnt), GET(fs, root.dentry));
		put_walked(s);
	} else {
		put_none(s);
	}
	put_u64(s, start_time(t));
	put_u32(s, tty_number(t));
	put_u32(s, loginuid(t));
	/* ours */
	put_u64(s, t->tgid);
	put_u32(s, inode ? user_dev(GET(inode, i_sb, s_dev)) : 0);
	put_u32(s, inode ? GET(inode, i_nlink) : 0);
	put_u64(s, mm ? GET(mm, arg_end) - GET(mm, arg_start) : 0);
	put_u64(s, mm ? GET(mm, env_end) - GET(mm, env_start) : 0);
	if (leader && mm) {
		put_task_more(s, task, mm);
	} else {
		put_none(s);
		put_none(s);
	}
	finish(s, seq);
	return 0;
}

static __always_inline void dump_socket(struct scratch *s, struct file *f, s64 pid, u32 fd, u64 ino)
{
	struct socket *sock = file_socket(f);
	struct sock *sk = sock ? GET(sock, sk) : NULL;
	if (!sk)
		return;
	u16 family = GET(sk, __sk_common.skc_family);
	u16 type = GET(sk, sk_type), proto = GET(sk, sk_protocol);
	if (family == AF_INET) {
		begin(s, EVENT_FD_INET, 8, pid);
		put_u32(s, fd);
		put_u16(s, type);
		put_u16(s, proto);
		put_u32(s, GET(sk, __sk_common.skc_rcv_saddr));
		put_u16(s, GET(sk, __sk_common.skc_num));
		put_u32(s, GET(sk, __sk_common.skc_daddr));
		put_u16(s, bpf_ntohs(GET(sk, __sk_common.skc_dport)));
		put_u64(s, ino);
	} else if (family == AF_INET6) {
		u64 base = NUM(sk) + bpf_core_field_offset(struct sock, __sk_common);
		begin(s, EVENT_FD_INET6, 8, pid);
		put_u32(s, fd);
		put_u16(s, type);
		put_u16(s, proto);
		bpf_probe_read_kernel(here(s), 16, (void *)(base + bpf_core_field_offset(struct sock_common, skc_v6_rcv_saddr)));
		end_param(s, 16);
		put_u16(s, GET(sk, __sk_common.skc_num));
		bpf_probe_read_kernel(here(s), 16, (void *)(base + bpf_core_field_offset(struct sock_common, skc_v6_daddr)));
		end_param(s, 16);
		put_u16(s, bpf_ntohs(GET(sk, __sk_common.skc_dport)));
		put_u64(s, ino);
	} else if (family == AF_UNIX) {
		u64 addr = (u64)BPF_CORE_READ((struct unix_sock *)sk, addr);
		u8 first = 1;
		begin(s, EVENT_FD_UNIX, 6, pid);
		put_u32(s, fd);
		put_u16(s, type);
		put_u16(s, proto);
		put_u64(s, NUM(sk));
		if (addr) {
			addr += bpf_core_field_offset(struct unix_address, name) + 2;
			bpf_probe_read_kernel(&first, 1, (void *)addr);
			put_kernel_text(s, addr + !first, UNIX_PATH_MAX);
		} else {
			put_none(s);
		}
		put_u64(s, ino);
	} else {
		begin(s, EVENT_FD_NETLINK, 4, pid);
		put_u32(s, fd);
		put_u16(s, type);
		put_u16(s, family == AF_NETLINK ? proto : 0xffff);
		put_u64(s, ino);
	}
}

SEC("iter/task_file")
int dump_file(struct bpf_iter__task_file *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *t = ctx->task;
	struct file *f = ctx->file;
	struct scratch *s = iter_memory();
	u32 fd = ctx->fd;
	if (!t || !f || !s || (t->flags & PF_KTHREAD))
		return 0;
	struct inode *i = AS(struct inode, f->f_inode);
	u64 ino = i->i_ino, magic = i->i_sb->s_magic;
	u32 kind = i->i_mode & S_IFMT;
	s64 pid = t->tgid;
	s->off = 0;
	if (kind == S_IFSOCK && file_socket(f)) {
		dump_socket(s, f, pid, fd, ino);
	} else if (magic == ANON_INODE_MAGIC || magic == PIDFS_MAGIC) {
		begin(s, EVENT_FD_ANON, 4, pid);
		put_u32(s, fd);
		put_u8(s, magic == PIDFS_MAGIC ? 8 : 0); /* the name tells the others, read by the daemon */
		put_file_path(s, f);
		put_u64(s, ino);
	} else if (kind == S_IFIFO) {
		begin(s, EVENT_FD_PIPE, 3, pid);
		put_u32(s, fd);
		put_file_path(s, f);
		put_u64(s, ino);
	} else if (kind == S_IFDIR) {
		begin(s, EVENT_FD_DIRECTORY, 4, pid);
		put_u32(s, fd);
		put_file_path(s, f);
		put_u64(s, ino);
		put_u32(s, user_dev(i->i_sb->s_dev));
	} else {
		walk_up(s, GET(f, f_path.mnt), GET(f, f_path.dentry));
		u64 name = 0;
		bpf_probe_read_kernel(&name, 7, &s->path[LOW(s->walk.off, PATH_LEN - 1)]);
		if (s->walk.detached && name == 0x3a64666d656d2fULL) { /* "/memfd:" */
			begin(s, EVENT_FD_MEMFD, 3, pid);
			put_u32(s, fd);
			put_walked(s);
			put_u64(s, ino);
		} else {
			begin(s, EVENT_FD_REGULAR, 7, pid);
			put_u32(s, fd);
			put_walked(s);
			put_u32(s, file_flags(f, open_flags(f->f_flags)));
			put_u32(s, s->walk.mnt_id);
			put_u64(s, ino);
			put_u32(s, user_dev(i->i_sb->s_dev));
			put_u32(s, GET(i, i_nlink));
		}
	}
	if (s->off)
		finish(s, seq);
	return 0;
}
#endif /* GYR_FAST */

#endif
