/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The operations of calls with structures of their own, which few rules ask for. */
#ifndef GYR_RARE_H
#define GYR_RARE_H

#include "ops.h"

static __always_inline u16 user_u16(u64 p)
{
	u16 v = 0;
	bpf_probe_read_user(&v, 2, (void *)p);
	return v;
}

#define MAX_POLL 16

struct poll_walk {
	struct scratch *s;
	u64 fds;
	u32 count, have;
};

/* poll_flags turns the kernel's events of poll into the published ones. */
static __always_inline u16 poll_flags(u16 k)
{
	return (k & 7) | ((k >> 10) & 8) | ((k & 0x38) << 1) | ((k & 0x3c0) << 1);
}

STEP poll_step(u32 i, struct poll_walk *w)
{
	struct {
		s32 fd;
		u16 events, revents;
	} one = {};
	if (i >= w->count || bpf_probe_read_user(&one, sizeof(one), (void *)(w->fds + 8 * i)))
		return 1;
	at_u64(w->s, 2 + 10 * w->have, (s64)one.fd);
	at_u16(w->s, 10 + 10 * w->have, poll_flags(one.revents));
	w->have++;
	return 0;
}

/* put_fd_list writes the descriptors of poll with the events that came. */
__noinline int put_fd_list(u32 key, u64 fds, u32 count)
{
	struct poll_walk w = {.s = slot(key), .fds = fds, .count = fds ? count : 0};
	if (!w.s)
		return 0;
	REPEAT(MAX_POLL, poll_step, &w);
	at_u16(w.s, 0, w.have);
	end_param(w.s, 2 + 10 * w.have);
	return 0;
}

/* user_time reads a struct timespec as nanoseconds. */
static __always_inline u64 user_time(struct scratch *s, u64 p)
{
	if (s->compat)
		return user_u32(p) * 1000000000ULL + user_u32(p + 4);
	return user_u64(p) * 1000000000ULL + user_u64(p + 8);
}

/* The nanoseconds with which a call leaves a file's time alone, or takes the present one (include/uapi/linux/stat.h). */
#define UTIME_NOW ((1L << 30) - 1L)
#define UTIME_OMIT ((1L << 30) - 2L)

/* put_file_time writes the time that a call gives to a file, if it names one. */
static __always_inline void put_file_time(struct scratch *s, u64 p)
{
	u64 nsec = s->compat ? user_u32(p + 4) : user_u64(p + 8);
	if (nsec == UTIME_NOW || nsec == UTIME_OMIT)
		put_none(s);
	else
		put_u64(s, user_time(s, p));
}

/* Kernel's numbers of quotactl's commands. */
#define Q_QUOTAON 0x800002
#define Q_GETFMT 0x800004
#define Q_GETINFO 0x800005
#define Q_SETINFO 0x800006
#define Q_GETQUOTA 0x800007
#define Q_SETQUOTA 0x800008
#define Q_XSETQLIM 0x5804
#define Q_XGETQUOTA 0x5803

enum { QUOTA_FILE, QUOTA_BHARD, QUOTA_BSOFT, QUOTA_SPACE, QUOTA_IHARD, QUOTA_ISOFT, QUOTA_BTIME, QUOTA_ITIME,
       QUOTA_BGRACE, QUOTA_IGRACE, QUOTA_FLAGS, QUOTA_FMT_OUT, QUOTA_CMD, QUOTA_TYPE, QUOTA_ID, QUOTA_FMT };

static __always_inline u8 quota_format(u32 k) { return k == 1 ? 2 : k == 2 ? 4 : k == 4 ? 8 : 1; }

/* put_quota writes a part of struct if_dqblk or if_dqinfo at p (include/uapi/linux/quota.h); parts that
 * the structure says are not valid are 0. */
static __always_inline void put_quota(struct scratch *s, struct op *op, u64 p, u64 command)
{
	u32 cmd = (u32)command >> 8, part = op->imm;
	bool block = cmd == Q_GETQUOTA || cmd == Q_SETQUOTA, info = cmd == Q_GETINFO || cmd == Q_SETINFO;
	u32 valid = block ? user_u32(p + 64) : info ? user_u32(p + 20) : 0;
	switch (part) {
	case QUOTA_FILE:
		if (cmd == Q_QUOTAON)
			put_user_text(s, p, TEXT_MAX);
		else
			put_none(s);
		break;
	case QUOTA_BHARD:
	case QUOTA_BSOFT: put_u64(s, block && (valid & 1) ? user_u64(p + 8 * (part - QUOTA_BHARD)) : 0); break;
	case QUOTA_SPACE: put_u64(s, block && (valid & 2) ? user_u64(p + 16) : 0); break;
	case QUOTA_IHARD:
	case QUOTA_ISOFT: put_u64(s, block && (valid & 4) ? user_u64(p + 24 + 8 * (part - QUOTA_IHARD)) : 0); break;
	case QUOTA_BTIME:
	case QUOTA_ITIME:
		put_u64(s, block && (valid & (part == QUOTA_BTIME ? 16 : 32)) ? user_u64(p + 48 + 8 * (part - QUOTA_BTIME)) : 0);
		break;
	case QUOTA_BGRACE:
	case QUOTA_IGRACE:
		put_u64(s, info && (valid & (part == QUOTA_BGRACE ? 1 : 2)) ? user_u64(p + 8 * (part - QUOTA_BGRACE)) : 0);
		break;
	case QUOTA_FLAGS: put_u8(s, info && (valid & 4) ? user_u32(p + 16) << 1 : 0); break;
	case QUOTA_FMT_OUT: put_u8(s, cmd == Q_GETFMT ? quota_format(user_u32(p)) : 1); break;
	case QUOTA_CMD: put_u16(s, translate(op->map, cmd, false)); break;
	case QUOTA_TYPE: put_u8(s, (u8)command == 0 ? 1 : (u8)command == 1 ? 2 : 0); break;
	case QUOTA_ID: put_u32(s, block || cmd == Q_XGETQUOTA || cmd == Q_XSETQLIM ? p : 0); break;
	default: put_u8(s, cmd == Q_QUOTAON ? quota_format(p) : 1); break;
	}
}

/* keyctl_is_text says which arguments (from 1) of a keyctl operation are texts. */
static __always_inline bool keyctl_is_text(u32 operation, u32 arg)
{
	switch (operation) {
	case 1: return arg == 1;                   /* JOIN_SESSION_KEYRING */
	case 10:                                   /* SEARCH */
	case 29: return arg == 2 || arg == 3;      /* RESTRICT_KEYRING */
	case 24: return arg == 3;                  /* PKEY_QUERY */
	case 25:
	case 26:
	case 27:
	case 28: return arg == 2;                  /* PKEY_ENCRYPT to VERIFY */
	}
	return false;
}

static __always_inline void put_keyctl(struct scratch *s, u32 arg, u64 v)
{
	if (!keyctl_is_text(s->args[0], arg)) {
		at_u8(s, 0, 0);
		at_u64(s, 1, v);
		end_param(s, 9);
		return;
	}
	at_u8(s, 0, 1);
	long n = v && !s->overflow ? bpf_probe_read_user_str(at(s, 1), TEXT_MAX, (void *)v) : 0;
	if (n <= 0) {
		at_u8(s, 1, 0);
		n = 1;
	}
	end_param(s, 1 + n);
}

#define FSCONFIG_SET_STRING 1
#define FSCONFIG_SET_BINARY 2
#define FSCONFIG_SET_PATH 3
#define FSCONFIG_SET_PATH_EMPTY 4
#define PIDFS_MAGIC 0x50494446

/* pidfd_pid is the process behind a descriptor of the current task; -1 if that is none. */
static __always_inline s64 pidfd_pid(s64 fd)
{
	struct file *f = fd_file(CURRENT(), fd);
	if (!f)
		return -1;
	u64 p = 0;
	if (GET(f, f_inode, i_sb, s_magic) == PIDFS_MAGIC) {
		p = NUM(GET(f, f_inode, i_private));
	} else {
		u64 name = 0;
		bpf_probe_read_kernel(&name, 7, (void *)NUM(GET(f, f_path.dentry, d_name.name)));
		if (name == 0x5d64666469705bULL) /* "[pidfd]" */
			p = NUM(GET(f, private_data));
	}
	return p ? in_root_ns(AS(struct pid, p)) : -1;
}

static __always_inline void rare_op(struct scratch *s, struct op *op, u64 v, u64 v2)
{
	switch (op->kind) {
	case OP_FD_LIST: put_fd_list(s->slot, v, v2); break;
	case OP_FILE_TIME:
		if (v)
			put_file_time(s, v + op->imm);
		else
			put_none(s);
		break;
	case OP_TIME: put_u64(s, v ? user_time(s, v + (op->imm & 0xff)) : (s64)(s32)(op->imm >> 8) * -1); break;
	case OP_SIGSET: put_u32(s, v ? user_u32(v) : 0); break;
	case OP_SEM16: put_u16(s, v && v2 > op->imm / 6 ? user_u16(v + op->imm) : 0); break;
	case OP_SEM_BITS: put_u16(s, v && v2 > op->imm / 6 ? translate(op->map, user_u16(v + op->imm), true) : 0); break;
	case OP_IF: put_u32(s, (u32)v2 == op->imm ? v : 0); break;
	case OP_KEYCTL: put_keyctl(s, op->arg, v); break;
	case OP_FS_TEXT: {
		u32 cmd = s->args[1];
		if (cmd == FSCONFIG_SET_STRING || cmd == FSCONFIG_SET_PATH || cmd == FSCONFIG_SET_PATH_EMPTY)
			put_user_text(s, v, TEXT_MAX);
		else
			put_none(s);
		break;
	}
	case OP_FS_BYTES: put_user_bytes(s, v, (u32)s->args[1] == FSCONFIG_SET_BINARY ? snap((u32)v2) : 0); break;
	case OP_QUOTA: put_quota(s, op, v, v2); break;
	case OP_PIDFD: put_u64(s, pidfd_pid((s32)v)); break;
	case OP_VALUE_AT: put_user_bytes(s, v ? user_u64(v) : 0, v ? snap(user_u32(v + 8)) : 0); break;
	default: plain_op(s, op, v, v2); break;
	}
}

#endif
