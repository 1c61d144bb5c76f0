/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The kernel's types, as far as the programs read them. Only names matter: CO-RE finds the real
 * offsets in the running kernel's BTF when the programs are loaded, so a structure here lists the
 * members that are used and nothing else. A name with three underscores is another form of the same
 * structure, in older or newer kernels.
 */
#ifndef GYR_KERNEL_H
#define GYR_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum bpf_func_id { BPF_FUNC_task_pt_regs = 175 };
enum { BPF_F_NO_PREALLOC = 1U << 0, BPF_F_MMAPABLE = 1U << 10 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };

#define CORE __attribute__((preserve_access_index))

#ifdef __TARGET_ARCH_arm64
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp, pc, pstate;
} CORE;
struct pt_regs {
	__u64 regs[31];
	__u64 sp, pc, pstate;
	__u64 orig_x0;
	__s32 syscallno;
} CORE;
#else
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip;
} CORE;
#endif

struct list_head {
	struct list_head *next, *prev;
} CORE;
struct hlist_bl_node {
	struct hlist_bl_node *next, **pprev;
} CORE;

struct thread_info {
	unsigned long flags;
	u32 status;
} CORE;

typedef struct {
	unsigned int val;
} kuid_t;
typedef struct {
	unsigned int val;
} kgid_t;
typedef struct {
	u64 val;
} kernel_cap_t;
typedef struct {
	s64 counter;
} atomic64_t;

struct cred {
	kuid_t uid, euid, fsuid;
	kgid_t gid, egid, fsgid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective;
} CORE;

struct pid_namespace;
struct upid {
	int nr;
	struct pid_namespace *ns;
} CORE;
struct pid {
	unsigned int level;
	struct upid numbers[1];
} CORE;
struct task_struct;
struct pid_namespace {
	struct task_struct *child_reaper;
	unsigned int level;
} CORE;
struct nsproxy {
	struct pid_namespace *pid_ns_for_children;
} CORE;

struct rlimit {
	unsigned long rlim_cur, rlim_max;
} CORE;
struct tty_driver {
	int major, minor_start;
} CORE;
struct tty_struct {
	int index;
	struct tty_driver *driver;
} CORE;
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID };
struct signal_struct {
	struct list_head thread_head;
	unsigned int is_child_subreaper : 1;
	unsigned int has_child_subreaper : 1;
	struct pid *pids[4];
	struct tty_struct *tty;
	struct rlimit rlim[16];
} CORE;

struct dentry;
struct super_block {
	u32 s_dev;
	unsigned long s_magic;
	struct dentry *s_root;
} CORE;
typedef s64 time64_t;
struct timespec64 {
	time64_t tv_sec;
	long tv_nsec;
} CORE;
struct inode {
	u16 i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	unsigned int i_flags;
	struct super_block *i_sb;
	unsigned long i_ino;
	void *i_private;
	unsigned int i_nlink;
	s64 i_mtime_sec, i_ctime_sec;
	u32 i_mtime_nsec, i_ctime_nsec;
} CORE;
struct inode___timespec {
	struct timespec64 i_mtime, i_ctime;
} CORE;
struct inode___underscore {
	struct timespec64 __i_mtime, __i_ctime;
} CORE;

struct qstr {
	u32 len;
	const unsigned char *name;
} CORE;
struct dentry {
	unsigned int d_flags;
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
} CORE;
struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
} CORE;
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	int mnt_id;
} CORE;
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} CORE;
struct file {
	unsigned int f_mode;
	void *private_data;
	struct inode *f_inode;
	unsigned int f_flags;
	struct path f_path;
} CORE;
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} CORE;
struct files_struct {
	struct fdtable *fdt;
} CORE;
struct fs_struct {
	struct path root, pwd;
} CORE;

struct percpu_counter {
	s64 count;
} CORE;
struct mm_struct {
	unsigned long total_vm;
	unsigned long arg_start, arg_end, env_start, env_end;
	struct percpu_counter rss_stat[4];
	struct file *exe_file;
} CORE;
typedef struct {
	s64 counter;
} atomic_long_t;
struct mm_rss_stat {
	atomic_long_t count[4];
} CORE;
struct mm_struct___rss {
	struct mm_rss_stat rss_stat;
} CORE;

struct kernfs_node {
	struct kernfs_node *__parent;
	const char *name;
} CORE;
struct kernfs_node___old {
	struct kernfs_node *parent;
	const char *name;
} CORE;
struct cgroup {
	struct kernfs_node *kn;
} CORE;
struct cgroup_subsys_state {
	struct cgroup *cgroup;
} CORE;
enum cgroup_subsys_id {
	cpuset_cgrp_id = 0,
	cpu_cgrp_id = 1,
	cpuacct_cgrp_id = 2,
	io_cgrp_id = 3,
	memory_cgrp_id = 4,
};
struct css_set {
	struct cgroup_subsys_state *subsys[14];
	struct cgroup *dfl_cgrp;
} CORE;

struct task_struct {
	struct thread_info thread_info;
	void *stack;
	unsigned int flags;
	struct mm_struct *mm;
	int exit_code;
	int pid, tgid;
	struct task_struct *real_parent;
	struct list_head children;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct list_head thread_node;
	u64 start_boottime;
	unsigned long min_flt, maj_flt;
	const struct cred *real_cred, *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	kuid_t loginuid;
	struct css_set *cgroups;
} CORE;
struct audit_task_info {
	kuid_t loginuid;
} CORE;

union __sifields {
	struct {
		int _pid;
	} _kill;
} CORE;
struct kernel_siginfo {
	int si_code;
	union __sifields _sifields;
} CORE;
struct k_sigaction;

struct linux_binprm {
	struct file *file;
	const char *filename, *interp;
} CORE;

struct in6_addr {
	u8 addr[16];
};
struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
} CORE;
struct sock {
	struct sock_common __sk_common;
	u16 sk_type, sk_protocol;
	u32 sk_ack_backlog, sk_max_ack_backlog;
} CORE;
struct socket {
	short type;
	struct sock *sk;
} CORE;
struct inet_sock {
	__be32 inet_saddr;
	__be16 inet_sport;
} CORE;
struct unix_address {
	int len;
	char name[0]; /* struct sockaddr_un: family, then the path */
} CORE;
struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
} CORE;

/* io_uring: a request holds the prepared arguments of its operation in its first bytes. */
struct filename {
	const char *name;
} CORE;
struct delayed_filename {
	struct filename *__incomplete_filename;
} CORE;
struct open_how {
	u64 flags, mode, resolve;
};
struct io_open {
	int dfd;
	u32 file_slot;
	struct filename *filename;
	struct open_how how;
} CORE;
struct io_open___delayed {
	struct delayed_filename filename;
} CORE;
struct io_rename {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
} CORE;
struct io_rename___delayed {
	struct delayed_filename oldpath, newpath;
} CORE;
struct io_link {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
} CORE;
struct io_link___delayed {
	struct delayed_filename oldpath, newpath;
} CORE;
struct io_hardlink {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
} CORE;
struct io_symlink {
	int new_dfd;
	struct filename *oldpath, *newpath;
} CORE;
struct io_unlink {
	int dfd, flags;
	struct filename *filename;
} CORE;
struct io_unlink___delayed {
	struct delayed_filename filename;
} CORE;
struct io_mkdir {
	int dfd;
	u16 mode;
	struct filename *filename;
} CORE;
struct io_mkdir___delayed {
	struct delayed_filename filename;
} CORE;
struct io_statx {
	int dfd;
	unsigned int mask, flags;
	struct filename *filename;
} CORE;
struct io_statx___delayed {
	struct delayed_filename filename;
} CORE;
struct kernel_xattr_ctx {
	void *kname;
	u32 flags;
} CORE;
struct io_xattr {
	struct kernel_xattr_ctx ctx;
	struct filename *filename;
} CORE;
struct io_xattr___delayed {
	struct delayed_filename filename;
} CORE;
struct io_close {
	int fd;
	u32 file_slot;
} CORE;
struct io_connect {
	void *addr;
	int addr_len;
} CORE;
struct io_bind {
	int addr_len;
} CORE;
struct io_listen {
	int backlog;
} CORE;
struct io_accept {
	int flags;
	u32 file_slot;
} CORE;
struct io_socket {
	int domain, type, protocol, flags;
	u32 file_slot;
} CORE;
struct io_sr_msg {
	void *umsg; /* or the buffer */
	unsigned int len;
	unsigned int msg_flags;
	void *addr;
} CORE;
struct io_shutdown {
	int how;
} CORE;
struct io_sync {
	s64 len, off;
	int mode;
} CORE;
struct io_ftrunc {
	s64 len;
} CORE;
struct io_splice {
	u64 len;
	int splice_fd_in;
	unsigned int flags;
} CORE;
struct io_uring_cmd {
	u32 cmd_op;
} CORE;
struct io_pipe {
	int *fds;
	int flags;
} CORE;
struct kiocb {
	s64 ki_pos;
} CORE;
struct io_rw {
	struct kiocb kiocb;
	u64 addr;
	u32 len;
} CORE;
struct __kernel_sockaddr_storage {
	u16 ss_family;
} CORE;
struct io_async_msghdr {
	struct __kernel_sockaddr_storage addr;
} CORE;
struct io_async_connect {
	struct __kernel_sockaddr_storage address;
} CORE;
struct io_ring_ctx;
struct io_cqe {
	u64 user_data;
	int res;
	int fd;
} CORE;
struct io_kiocb {
	u8 opcode;
	u32 flags; /* wider in newer kernels: only its low half is read */
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
	void *async_data;
	u64 user_data;
} CORE;
struct io_uring_cqe {
	u64 user_data;
	int res;
	u32 flags;
} CORE;

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id, seq_num;
} CORE;
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} CORE;
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
} CORE;

#endif
