/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Programs at the scheduler's tracepoints: exec, fork, exit. They fill the critical ring. */
#ifndef GYR_TASK_H
#define GYR_TASK_H

#include "path.h"

#define EVENT_PROCEXIT 186
#define EVENT_CLONE 223
#define EVENT_FORK 225
#define EVENT_VFORK 227
#define EVENT_EXECVE 293
#define EVENT_EXECVEAT 331
#define EVENT_CLONE3 335

#define EXEC_PARAMS 40  /* 31 published, 9 of ours */
#define CLONE_PARAMS 24 /* 21 published, 3 of ours */

/* Published values (flag tables of the event table). */
#define EXE_WRITABLE 1
#define EXE_UPPER_LAYER 2
#define EXE_FROM_MEMFD 4
#define EXE_LOWER_LAYER 8
#define EXE_DELETED (1 << 16) /* ours */
#define P_CLONE_CHILD_IN_PIDNS (1 << 29)
#define P_CLONE_THREAD (1 << 13)

#define PF_EXITING 4
#define PF_KTHREAD 0x200000
#define RLIMIT_NOFILE 7
#define CAP_DAC_OVERRIDE 1
#define MAX_REAPER_WALK 16
#define MORE_ENV_CHUNKS 3 /* of the environment beyond the published part, TEXT_MAX - 1 bytes each */
#define NO_ID 0xffffffffU

static __always_inline u64 start_time(struct task_struct *t)
{
	struct control *c = control();
	return GET(t, start_boottime) + (c ? c->start_epoch : 0);
}

/* in_ns is the number of a struct pid in its own, innermost pid namespace. */
static __always_inline s64 in_ns(struct pid *p)
{
	int nr = 0;
	u32 level;
	if (!p)
		return 0;
	level = GET(p, level);
	u64 at = NUM(p) + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
	bpf_probe_read_kernel(&nr, sizeof(nr), (void *)(at + bpf_core_field_offset(struct upid, nr)));
	return nr;
}

static __always_inline s64 in_root_ns(struct pid *p) { return p ? GET(p, numbers[0].nr) : 0; }

static __always_inline struct pid_namespace *pid_ns(struct pid *p)
{
	u64 ns = 0;
	if (!p)
		return NULL;
	u64 at = NUM(p) + bpf_core_field_offset(struct pid, numbers) + GET(p, level) * bpf_core_type_size(struct upid);
	bpf_probe_read_kernel(&ns, sizeof(ns), (void *)(at + bpf_core_field_offset(struct upid, ns)));
	return ns ? AS(struct pid_namespace, ns) : NULL;
}

static __always_inline struct pid *group_pid(struct task_struct *t, enum pid_type type)
{
	return GET(t, signal, pids[type]);
}

static __always_inline u64 pidns_start(struct task_struct *t)
{
	struct pid_namespace *n = pid_ns(group_pid(t, PIDTYPE_TGID));
	struct task_struct *init = n ? GET(n, child_reaper) : NULL;
	return init ? start_time(init) : 0;
}

static __always_inline u32 tty_number(struct task_struct *t)
{
	struct tty_struct *tty = GET(t, signal, tty);
	if (!tty)
		return 0;
	u32 major = GET(tty, driver, major);
	u32 minor = GET(tty, driver, minor_start) + GET(tty, index);
	return user_dev(major << 20 | (minor & 0xfffff));
}

static __always_inline u64 cap(const void *set)
{
	u64 v = 0;
	bpf_probe_read_kernel(&v, sizeof(v), set);
	return v & 0x1ffffffffffULL;
}

static __always_inline u32 loginuid(struct task_struct *t)
{
	if (bpf_core_field_exists(t->loginuid))
		return GET(t, loginuid.val);
	return NO_ID;
}

static __always_inline u64 rss_pages(struct mm_struct *mm, int i)
{
	s64 n = 0;
	struct mm_struct___rss *old = (void *)mm;
	if (bpf_core_field_exists(((struct mm_struct___rss *)0)->rss_stat.count))
		n = BPF_CORE_READ(old, rss_stat.count[i].counter);
	else
		/* An index that is not a constant would use the stride of the structure as it stands here. */
		bpf_probe_read_kernel(&n, sizeof(n), (void *)(NUM(mm) + bpf_core_field_offset(struct mm_struct, rss_stat) +
			i * bpf_core_type_size(struct percpu_counter) + bpf_core_field_offset(struct percpu_counter, count)));
	return n > 0 ? n : 0;
}

static __always_inline void put_memory(struct scratch *s, struct task_struct *t, struct mm_struct *mm)
{
	put_u64(s, GET(t, maj_flt));
	put_u64(s, GET(t, min_flt));
	put_u32(s, mm ? GET(mm, total_vm) << 2 : 0);
	put_u32(s, mm ? (rss_pages(mm, 0) + rss_pages(mm, 1) + rss_pages(mm, 3)) << 2 : 0);
	put_u32(s, mm ? rss_pages(mm, 2) << 2 : 0);
}

/* put_command writes exe (argv[0]) and args (the others), together at most TEXT_MAX bytes. */
static __always_inline void put_command(struct scratch *s, struct mm_struct *mm)
{
	u64 start = mm ? GET(mm, arg_start) : 0, end = mm ? GET(mm, arg_end) : 0;
	long n = 0;
	if (start && start < end && !s->overflow)
		n = bpf_probe_read_user_str(here(s), TEXT_MAX, (void *)start);
	end_param(s, n > 0 ? n : 0);
	if (n <= 0 || n >= TEXT_MAX || start + n >= end) {
		put_none(s);
		return;
	}
	u64 len = end - start - n, room = TEXT_MAX - n;
	if (len > room)
		len = room;
	u32 got = add_user(s, 0, start + n, len);
	if (got > 0)
		s->data[LOW(s->off + got - 1, DATA_MAX - 1)] = 0;
	end_param(s, got);
}

static __always_inline void put_env(struct scratch *s, struct mm_struct *mm)
{
	u64 start = mm ? GET(mm, env_start) : 0, end = mm ? GET(mm, env_end) : 0;
	u32 got = 0;
	if (start && start < end)
		got = add_user(s, 0, start, end - start);
	if (got > 0)
		s->data[LOW(s->off + got - 1, DATA_MAX - 1)] = 0;
	end_param(s, got);
}

/* put_args_tail writes the end of arguments of which put_command leaves some out. */
static __always_inline void put_args_tail(struct scratch *s, struct mm_struct *mm)
{
	u64 start = mm ? GET(mm, arg_start) : 0, end = mm ? GET(mm, arg_end) : 0;
	u32 got = 0;
	if (start && start < end && end - start > TEXT_MAX)
		got = add_user(s, 0, end - (TEXT_MAX - 1), TEXT_MAX - 1);
	end_param(s, got);
}

/* put_env_more writes what follows the part of the environment that put_env writes, from the byte on in
 * whose place that one puts its final NUL. */
static __always_inline void put_env_more(struct scratch *s, struct mm_struct *mm)
{
	u64 start = mm ? GET(mm, env_start) : 0, end = mm ? GET(mm, env_end) : 0;
	u32 have = 0;
	if (start && start < end && end - start > TEXT_MAX - 1) {
		start += TEXT_MAX - 2;
		for (u32 i = 0; i < MORE_ENV_CHUNKS; i++) {
			u32 got = add_user(s, have, start + have, end - start - have);
			have = LOW(have + got, 4 * TEXT_MAX - 1);
			if (got < TEXT_MAX - 1)
				break;
		}
	}
	end_param(s, have);
}

static __always_inline u64 cgroup_node(struct css_set *set, u32 i)
{
	struct cgroup_subsys_state *css = GET(set, subsys[i]);
	return css ? NUM(GET(css, cgroup, kn)) : 0;
}

/* Up to eight letters as a number. */
#define LETTERS(text) ({ char __t[9] = text; *(u64 *)__t; })

#define ADD_CGROUP(name, id)                                                                        \
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, id)) {                                \
		u32 i = bpf_core_enum_value(enum cgroup_subsys_id, id);                             \
		u64 css = 0;                                                                        \
		bpf_probe_read_kernel(&css, 8, (void *)(at + 8 * i));                               \
		if (css)                                                                            \
			have = add_cgroup(key, have, LETTERS(name "="), sizeof(name),               \
					  (u64)BPF_CORE_READ((struct cgroup_subsys_state *)css, cgroup, kn)); \
	}

/* cgroups writes "controller=path", NUL, for the controllers that the published driver reads,
 * and the unified hierarchy's path where it is another one, of the task in[0]. */
__noinline int cgroups(u32 key)
{
	struct scratch *s = slot(key);
	u32 have = 0;
	if (!s)
		return 0;
	struct task_struct *t = (void *)s->in[0]; /* not inside the macro, which would relocate it */
	u64 set = (u64)BPF_CORE_READ(t, cgroups);
	u64 at = set + bpf_core_field_offset(struct css_set, subsys);
	s->spare = 0;
	if (set && !s->overflow) {
		ADD_CGROUP("cpuset", cpuset_cgrp_id)
		ADD_CGROUP("cpu", cpu_cgrp_id)
		ADD_CGROUP("cpuacct", cpuacct_cgrp_id)
		ADD_CGROUP("io", io_cgrp_id)
		ADD_CGROUP("memory", memory_cgrp_id)
		u64 kn = (u64)BPF_CORE_READ((struct css_set *)set, dfl_cgrp, kn);
		if (kn && kn != s->spare && !is_root_cgroup(kn))
			have = add_cgroup(key, have, LETTERS("unified="), 8, kn);
	}
	end_param(s, LOW(have, 2 * TEXT_MAX - 1));
	return 0;
}

static __always_inline void put_cgroups(struct scratch *s, struct task_struct *t)
{
	s->in[0] = (u64)t;
	cgroups(s->slot);
}

static __always_inline void put_cwd(struct scratch *s, struct task_struct *t)
{
	struct fs_struct *fs = GET(t, fs);
	if (!fs) {
		put_none(s);
		return;
	}
	walk_up(s, GET(fs, pwd.mnt), GET(fs, pwd.dentry));
	put_walked(s);
}

/* exe_flags describes the executed file: who may write it, its overlay layer, whether it has a place. */
static __always_inline u32 exe_flags(struct task_struct *t, struct file *f)
{
	u32 flags = 0;
	if (!f)
		return 0;
	struct inode *i = GET(f, f_inode);
	const struct cred *c = GET(t, cred);
	u32 mode = GET(i, i_mode), uid = GET(i, i_uid.val), gid = GET(i, i_gid.val);
	u32 fsuid = GET(c, fsuid.val), fsgid = GET(c, fsgid.val);
	if (uid == fsuid || (gid == fsgid && (mode & 020)) || (mode & 02) ||
	    (cap(&c->cap_effective) & (1 << CAP_DAC_OVERRIDE)))
		flags |= EXE_WRITABLE;
	int layer = overlay_layer(f);
	if (layer == LAYER_UPPER)
		flags |= EXE_UPPER_LAYER;
	else if (layer == LAYER_LOWER)
		flags |= EXE_LOWER_LAYER;
	struct dentry *d = GET(f, f_path.dentry);
	if (NUM(GET(d, d_parent)) == NUM(d)) {
		u64 name = 0;
		bpf_probe_read_kernel(&name, 6, (void *)NUM(GET(d, d_name.name)));
		if (name == 0x3a64666d656dULL) /* "memfd:" */
			flags |= EXE_FROM_MEMFD;
	} else if (!GET(d, d_hash.pprev)) {
		flags |= EXE_DELETED;
	}
	return flags;
}

static __always_inline void put_ids(struct scratch *s, struct task_struct *t)
{
	put_u64(s, GET(t, pid));
	put_u64(s, GET(t, tgid));
	put_u64(s, GET(t, real_parent, pid));
}

/* put_process writes what the events of exec and of the clone family tell in the same order: numbers,
 * working directory, limit of descriptors, memory, name, cgroups. */
static __always_inline void put_process(struct scratch *s, struct task_struct *t, struct mm_struct *mm)
{
	put_ids(s, t);
	put_cwd(s, t);
	put_u64(s, GET(t, signal, rlim[RLIMIT_NOFILE].rlim_cur));
	put_memory(s, t, mm);
	put_kernel_text(s, NUM(t) + bpf_core_field_offset(struct task_struct, comm), 16);
	put_cgroups(s, t);
}

/* put_caps writes the three capability sets. */
static __always_inline void put_caps(struct scratch *s, const struct cred *c)
{
	put_u64(s, cap(&c->cap_inheritable));
	put_u64(s, cap(&c->cap_permitted));
	put_u64(s, cap(&c->cap_effective));
}

HOOK("sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
	struct task_struct *t = AS(struct task_struct, task);
	struct linux_binprm *bprm = AS(struct linux_binprm, binary);
	struct scratch *s = idle(SCRATCH_EXEC) ? NULL : enter(SCRATCH_EXEC);
	if (!s)
		return 0;
	begin(s, EVENT_EXECVE, EXEC_PARAMS, GET(t, pid));
	struct mm_struct *mm = GET(t, mm);
	struct file *exe = GET(bprm, file);
	const struct cred *c = GET(t, cred);
	struct inode *inode = GET(exe, f_inode);

	put_u64(s, 0);
	put_command(s, mm);
	put_process(s, t, mm);
	put_env(s, mm);
	put_u32(s, tty_number(t));
	put_u64(s, in_ns(group_pid(t, PIDTYPE_PGID)));
	put_u32(s, loginuid(t));
	put_u32(s, exe_flags(t, exe));
	put_caps(s, c);
	put_u64(s, GET(inode, i_ino));
	put_u64(s, inode_ctime(inode));
	put_u64(s, inode_mtime(inode));
	put_u32(s, GET(c, euid.val));
	put_file_path(s, exe);
	put_u64(s, in_root_ns(group_pid(t, PIDTYPE_PGID)));
	put_u32(s, GET(c, egid.val));
	u64 filename = NUM(GET(bprm, filename)), interp = NUM(GET(bprm, interp));
	put_kernel_text(s, filename, TEXT_MAX);
	/* ours */
	put_u32(s, user_dev(GET(inode, i_sb, s_dev)));
	put_u32(s, GET(inode, i_nlink));
	if (interp != filename)
		put_kernel_text(s, interp, TEXT_MAX);
	else
		put_none(s);
	put_u64(s, in_root_ns(group_pid(t, PIDTYPE_SID)));
	put_u64(s, mm ? GET(mm, arg_end) - GET(mm, arg_start) : 0);
	put_u64(s, mm ? GET(mm, env_end) - GET(mm, env_start) : 0);
	put_u64(s, start_time(t));
	put_args_tail(s, mm);
	put_env_more(s, mm);
	send(s, true);
	return leave(s);
}

/* clone_flags turns the kernel's flags into the published ones. */
static __always_inline u32 clone_flags(u64 k)
{
	u32 p = 0;
#define MAP(kernel, published)                                                                      \
	if (k & (kernel))                                                                           \
		p |= (published);
	MAP(0x00000400, 1 << 0)    /* FILES */
	MAP(0x00000200, 1 << 1)    /* FS */
	MAP(0x80000000, 1 << 2)    /* IO */
	MAP(0x08000000, 1 << 3)    /* NEWIPC */
	MAP(0x40000000, 1 << 4)    /* NEWNET */
	MAP(0x00020000, 1 << 5)    /* NEWNS */
	MAP(0x20000000, 1 << 6)    /* NEWPID */
	MAP(0x04000000, 1 << 7)    /* NEWUTS */
	MAP(0x00008000, 1 << 8)    /* PARENT */
	MAP(0x00100000, 1 << 9)    /* PARENT_SETTID */
	MAP(0x00002000, 1 << 10)   /* PTRACE */
	MAP(0x00000800, 1 << 11)   /* SIGHAND */
	MAP(0x00040000, 1 << 12)   /* SYSVSEM */
	MAP(0x00010000, 1 << 13)   /* THREAD */
	MAP(0x00800000, 1 << 14)   /* UNTRACED */
	MAP(0x00000100, 1 << 15)   /* VM */
	MAP(0x10000000, 1 << 20)   /* NEWUSER */
	MAP(0x00200000, 1 << 23)   /* CHILD_CLEARTID */
	MAP(0x01000000, 1 << 24)   /* CHILD_SETTID */
	MAP(0x00080000, 1 << 25)   /* SETTLS */
	MAP(0x00004000, 1 << 27)   /* VFORK */
	MAP(0x02000000, 1 << 28)   /* NEWCGROUP */
#undef MAP
	return p;
}

/*
 * put_clone writes the parameters of the clone family: with a child's task and result 0 from the
 * fork tracepoint, with the caller's task and the child's number from the system call's exit.
 */
static __always_inline void put_clone(struct scratch *s, struct task_struct *t, s64 res, u32 flags, s64 caller)
{
	struct mm_struct *mm = GET(t, mm);
	const struct cred *c = GET(t, cred);
	put_u64(s, res);
	put_command(s, mm);
	put_process(s, t, mm);
	put_u32(s, flags);
	put_u32(s, GET(c, euid.val));
	put_u32(s, GET(c, egid.val));
	put_u64(s, in_ns(GET(t, thread_pid)));
	put_u64(s, in_ns(group_pid(t, PIDTYPE_TGID)));
	put_u64(s, pidns_start(t));
	put_u64(s, in_root_ns(group_pid(t, PIDTYPE_SID)));
	put_u64(s, caller);
	put_u64(s, start_time(t));
}

/* entry_regs are the registers with which t, the current task, entered the kernel. */
static __always_inline struct pt_regs *entry_regs(struct task_struct *t)
{
#ifdef GYR_FAST
	return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
#else
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	/* Before 5.15 they lie at the very top of the stack; newer kernels may leave room above them. */
#ifdef __TARGET_ARCH_arm64
	u64 top = (u64)BPF_CORE_READ(t, stack) + 16384 - 16;
#else
	u64 top = (u64)BPF_CORE_READ(t, stack) + 16384;
#endif
	return (struct pt_regs *)(top - bpf_core_type_size(struct pt_regs));
#endif
}

#ifdef __TARGET_ARCH_arm64
#define NR_CLONE 220
#define NR_CLONE3 435
#define NR_FORK 0x10000
#define NR_VFORK 0x10000
#else
#define NR_CLONE 56
#define NR_FORK 57
#define NR_VFORK 58
#define NR_CLONE3 435
#endif

HOOK("sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *caller, struct task_struct *new)
{
	struct task_struct *parent = AS(struct task_struct, caller), *child = AS(struct task_struct, new);
	if ((GET(child, flags) & PF_KTHREAD) || idle(SCRATCH_FORK))
		return 0;
	struct scratch *s = enter(SCRATCH_FORK);
	if (!s)
		return 0;
	struct pt_regs *regs = entry_regs(parent);
	u16 type = EVENT_CLONE;
	u64 flags = 0;
#ifdef __TARGET_ARCH_arm64
	u64 nr = GET(regs, syscallno), arg0 = GET(regs, orig_x0);
#else
	u64 nr = GET(regs, orig_ax), arg0 = GET(regs, di);
	if (GET(parent, thread_info.status) & 2) { /* TS_COMPAT: 120 clone, 2 fork, 190 vfork */
		arg0 = GET(regs, bx);
		nr = nr == 120 ? NR_CLONE : nr == 2 ? NR_FORK : nr == 190 ? NR_VFORK : nr;
	}
#endif
	if (nr == NR_CLONE) {
		flags = arg0;
	} else if (nr == NR_CLONE3) {
		type = EVENT_CLONE3;
		bpf_probe_read_user(&flags, sizeof(flags), (void *)arg0);
	} else if (nr == NR_VFORK) {
		type = EVENT_VFORK;
		flags = 0x4100;
	} else if (nr == NR_FORK) {
		type = EVENT_FORK;
	}
	u32 published = clone_flags(flags);
	/* What the kernel did counts, not what an argument says by now. */
	if (GET(child, tgid) != GET(child, pid))
		published |= P_CLONE_THREAD;
	else
		published &= ~P_CLONE_THREAD;
	if (GET(child, thread_pid, level) != 0)
		published |= P_CLONE_CHILD_IN_PIDNS;
	begin(s, type, CLONE_PARAMS, GET(child, pid));
	put_clone(s, child, 0, published, GET(parent, pid));
	send(s, true);
	return leave(s);
}

/* living_thread finds a thread of the group that is not exiting: 0 if there is none, -1 if unknown. */
static __always_inline int living_thread(struct task_struct *t)
{
	u64 node = bpf_core_field_offset(struct task_struct, thread_node);
	u64 head = (u64)BPF_CORE_READ(t, signal) + bpf_core_field_offset(struct signal_struct, thread_head);
	u64 next = (u64)BPF_CORE_READ((struct list_head *)head, next);
	for (int i = 0; i < MAX_REAPER_WALK; i++) {
		if (next == head || !next)
			return 0;
		struct task_struct *o = (void *)(next - node);
		if (!(BPF_CORE_READ(o, flags) & PF_EXITING))
			return BPF_CORE_READ(o, pid);
		next = (u64)BPF_CORE_READ((struct list_head *)next, next);
	}
	return -1;
}

/*
 * reaper finds who adopts the children of an exiting task, as the kernel will (find_new_reaper in
 * kernel/exit.c): another thread of the group, the nearest subreaper of the pid namespace, its init.
 * 0: there are no children to adopt; -1: it could not be found out.
 */
static __always_inline s64 reaper(struct task_struct *t)
{
	u64 head = NUM(t) + bpf_core_field_offset(struct task_struct, children);
	if ((u64)BPF_CORE_READ((struct list_head *)head, next) == head)
		return 0;
	int tid = living_thread(t);
	if (tid)
		return tid;
	struct pid *p = GET(t, thread_pid);
	struct pid_namespace *n = pid_ns(p);
	struct task_struct *init = n ? GET(n, child_reaper) : NULL;
	if (!init || NUM(init) == NUM(t))
		return 0;
	struct signal_struct *sig = BPF_CORE_READ(t, signal);
	if (!BPF_CORE_READ_BITFIELD_PROBED(sig, has_child_subreaper))
		return GET(init, pid);
	u32 level = GET(p, level);
	struct task_struct *up = BPF_CORE_READ(t, real_parent);
	for (int i = 0; i < MAX_REAPER_WALK; i++) {
		if (NUM(up) == NUM(init) || BPF_CORE_READ(up, thread_pid, level) != level)
			return GET(init, pid);
		sig = BPF_CORE_READ(up, signal);
		if (BPF_CORE_READ_BITFIELD_PROBED(sig, is_child_subreaper) &&
		    !(BPF_CORE_READ(up, flags) & PF_EXITING))
			return BPF_CORE_READ(up, pid);
		up = BPF_CORE_READ(up, real_parent);
	}
	return -1;
}

HOOK("sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct task_struct *t = AS(struct task_struct, task);
	if ((GET(t, flags) & PF_KTHREAD) || idle(SCRATCH_EXIT))
		return 0;
	struct scratch *s = enter(SCRATCH_EXIT);
	if (!s)
		return 0;
	int code = GET(t, exit_code);
	begin(s, EVENT_PROCEXIT, 5, GET(t, pid));
	put_u64(s, (s64)code);
	put_u64(s, (code >> 8) & 0xff);
	put_u8(s, code & 0x7f);
	put_u8(s, (code & 0x80) != 0);
	put_u64(s, reaper(t));
	send(s, true);
	return leave(s);
}

#endif
