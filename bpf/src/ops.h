/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The operations of rows: where each parameter of an event comes from, and how it is written. */
#ifndef GYR_OPS_H
#define GYR_OPS_H

#include "path.h"
#include "resolved.h"
#include "sock.h"
#include "task.h"

enum {
	OP_NONE,       /* an empty parameter */
	OP_S64,        /* as it is, 8 bytes */
	OP_S32,        /* its low half with its sign, 8 bytes: descriptors and pids */
	OP_U8,
	OP_U16,
	OP_U32,
	OP_TEXT,       /* the text that it points to */
	OP_BITS32,     /* flags, each bit translated by the map op.map */
	OP_BITS16,
	OP_ENUM8,      /* a number, translated by the map op.map */
	OP_ENUM16,
	OP_ENUM32,
	OP_BYTES,      /* the bytes that it points to, as many as the argument op.arg2, cut to snaplen */
	OP_AT32,       /* the 32-bit number at op.imm behind it, 4 bytes */
	OP_ATFD,       /* the same, 8 bytes with its sign */
	OP_AT64,       /* the 64-bit number at op.imm behind it */
	OP_CAPS,       /* the task's capability set op.imm */
	OP_PTRACE_ADDR,
	OP_PTRACE_DATA,
	OP_PRCTL_TEXT,
	OP_PRCTL_NUMBER,
	OP_CONST8, OP_CONST16, OP_CONST32, OP_CONST64, /* op.imm */
	OP_MODE,       /* a file mode, which counts only if the flags in argument op.arg2 make a file */
	OP_OPENFLAGS,  /* open flags */
	OP_MASK32,     /* a number and op.imm */
	OP_LEN32,      /* the result, 0 if the call failed */
	OP_SNAP,       /* like OP_BYTES; the length is the result, or argument op.arg2 if the call failed */
	OP_AT_BITS32,  /* like OP_AT32, each bit translated */
	OP_VM_SIZE, OP_VM_RSS, OP_VM_SWAP, /* the task's memory, in KiB */
	OP_PLAIN_END,

	OP_FILE_FLAGS, /* open flags, and what the opened file tells (created, overlay layer) */
	OP_FILE_LAYER, /* the overlay layer alone, 16 bits */
	OP_FILE_DEV,
	OP_FILE_INO,
	OP_FILE_PATH,  /* the path to which the kernel resolved the open */
	OP_FILE_NLINK,
	OP_FILE_MNT,
	OP_HOW_FLAGS,  /* struct open_how of openat2 */
	OP_HOW_MODE,
	OP_HOW_RESOLVE,
	OP_INO_AT,     /* the inode of the descriptor that it points to */
	OP_REAL_PATH,  /* what the kernel resolved a path to: see resolved.h */
	OP_REAL_TARGET,
	OP_REAL_DEV,
	OP_REAL_INO,
	OP_REAL_NLINK,
	OP_FILE_END,

	OP_SOCKADDR,   /* an address of op.arg2 bytes */
	OP_TUPLE_OUT,  /* the ends of socket op.arg, with the caller's address op.arg2 */
	OP_TUPLE_IN,
	OP_TUPLE_DONE, /* like OUT, only if the call succeeded or is in progress */
	OP_IOV,        /* the bytes of a vector, op.arg2 long */
	OP_IOV_SIZE,
	OP_MSG_DATA,   /* of a message header */
	OP_MSG_SIZE,
	OP_MSG_OUT,    /* the ends of socket 0, with the address of the message header */
	OP_MSG_IN,
	OP_MSG_CONTROL,
	OP_QUEUE_PCT, OP_QUEUE_LEN, OP_QUEUE_MAX, /* of the listening socket */
	OP_PAIR_SOURCE, OP_PAIR_PEER,
	OP_SOCKOPT_NAME,
	OP_SOCKOPT,    /* op.arg2 is the value's length; with op.imm, a pointer to it */
	OP_SOCKET_END,

	OP_FD_LIST,    /* the descriptors of poll, op.arg2 many */
	OP_TIME,       /* the time at op.imm & 0xff behind it, in ns; op.imm >> 8: what it is without one, less 1 */
	OP_SIGSET,     /* the low 32 signals of the set it points to */
	OP_SEM16,      /* 16 bits at op.imm behind it, if the list of operations (op.arg2 many) goes that far */
	OP_SEM_BITS,   /* the same, translated */
	OP_IF,         /* 32 bits, if the argument op.arg2 is op.imm; otherwise 0 */
	OP_KEYCTL,     /* an argument of keyctl: text or number */
	OP_FS_TEXT,    /* the value of fsconfig as a text */
	OP_FS_BYTES,   /* the same as bytes */
	OP_QUOTA,      /* the part op.imm of quotactl's structure, with the command op.arg2 */
	OP_PIDFD,      /* the process behind a descriptor */
	OP_FILE_TIME,  /* the time of a file at op.imm behind it; none if that is the present or left alone */
	OP_VALUE_AT,   /* the bytes of the pair of pointer and size that it points to */
};

struct op {
	u8 kind, arg, arg2, map;
	u32 imm;
};
struct row {
	u16 event;
	u8 ops_len;
	u8 critical;
	u32 ring; /* the event says whether it came through an io_uring */
	struct op ops[MAX_OPS];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SYSCALLS);
	__type(key, u32);
	__type(value, struct row);
} rows SEC(".maps");

#define MAP_PAIRS 40
struct translation {
	struct {
		u32 from, to;
	} pair[MAP_PAIRS];
	u32 len;
	u32 otherwise; /* what an unknown number becomes; with ~0 it stays as it is */
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, u32);
	__type(value, struct translation);
} translations SEC(".maps");

#ifndef __TARGET_ARCH_arm64
/* From 32-bit numbers to 64-bit ones; filled by the loader. 0xffff: no such call. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SYSCALLS);
	__type(key, u32);
	__type(value, u16);
} numbers32 SEC(".maps");
#endif

struct translating {
	struct translation *t;
	u32 v, out;
	bool bits;
};

STEP translate_step(u32 i, struct translating *x)
{
	if (i >= x->t->len || i >= MAP_PAIRS)
		return 1;
	u32 from = x->t->pair[i].from;
	if (x->bits) {
		if ((x->v & from) == from)
			x->out |= x->t->pair[i].to;
	} else if (x->v == from) {
		x->out = x->t->pair[i].to;
		return 1;
	}
	return 0;
}

__noinline int translate(u32 map, u32 v, bool bits)
{
	struct translating x = {.v = v, .bits = bits};
	x.t = bpf_map_lookup_elem(&translations, &map);
	if (!x.t)
		return v;
	if (!bits)
		x.out = x.t->otherwise == ~0U ? v : x.t->otherwise;
	REPEAT(MAP_PAIRS, translate_step, &x);
	return x.out;
}

#ifdef __TARGET_ARCH_arm64
#define K_O_DIRECTORY 040000
#define K_O_DIRECT 0200000
#define K_O_LARGEFILE 0400000
#else
#define K_O_DIRECTORY 0200000
#define K_O_DIRECT 040000
#define K_O_LARGEFILE 0100000
#endif
#define K_O_CREAT 0100
#define K_O_TMPFILE (020000000 | K_O_DIRECTORY)

/* open_flags turns the kernel's open flags into the published ones. */
static __always_inline u32 open_flags(u32 k)
{
	u32 acc = k & 3, p = acc == 0 ? 1 : acc == 1 ? 2 : 3;
	p |= (k & K_O_CREAT) ? 4 : 0;
	p |= (k & 02000) ? 8 : 0;                    /* APPEND */
	p |= (k & 010000) ? 16 : 0;                  /* DSYNC */
	p |= (k & 0200) ? 32 : 0;                    /* EXCL */
	p |= (k & 04000) ? 64 : 0;                   /* NONBLOCK */
	p |= (k & 04010000) == 04010000 ? 128 : 0;   /* SYNC */
	p |= (k & 01000) ? 256 : 0;                  /* TRUNC */
	p |= (k & K_O_DIRECT) ? 512 : 0;
	p |= (k & K_O_DIRECTORY) ? 1024 : 0;
	p |= (k & K_O_LARGEFILE) ? 2048 : 0;
	p |= (k & 02000000) ? 4096 : 0;              /* CLOEXEC */
	p |= (k & K_O_TMPFILE) == K_O_TMPFILE ? 8192 : 0;
	return p;
}

static __always_inline u32 open_mode(u32 flags, u32 mode)
{
	if ((flags & K_O_CREAT) || (flags & K_O_TMPFILE) == K_O_TMPFILE)
		return mode & 07777;
	return 0;
}

/* file_flags adds to published open flags what only the opened file tells. */
static __always_inline u32 file_flags(struct file *f, u32 p)
{
	if (!f)
		return p;
	if (GET(f, f_mode) & FMODE_CREATED)
		p |= 1 << 14;
	int layer = overlay_layer(f);
	p |= layer == LAYER_UPPER ? 1 << 15 : layer == LAYER_LOWER ? 1 << 16 : 0;
	return p;
}

static __always_inline u32 snap(u64 len)
{
	struct control *c = control();
	u32 max = c ? c->snaplen : 0;
	return len > max ? max : len;
}

static __always_inline u64 user_u64(u64 p)
{
	u64 v = 0;
	bpf_probe_read_user(&v, 8, (void *)p);
	return v;
}
static __always_inline u32 user_u32(u64 p)
{
	u32 v = 0;
	bpf_probe_read_user(&v, 4, (void *)p);
	return v;
}

/* Published request numbers (flag table of ptrace requests). */
#define PTRACE_P_PEEKTEXT 2
#define PTRACE_P_PEEKUSR 4
#define PTRACE_P_CONT 8
#define PTRACE_P_SINGLESTEP 10
#define PTRACE_P_DETACH 12
#define PTRACE_P_SYSCALL 13
#define DYN_U64 0
#define DYN_SIGNAL 1

static __always_inline void put_dyn64(struct scratch *s, u64 v)
{
	at_u8(s, 0, DYN_U64);
	at_u64(s, 1, v);
	end_param(s, 9);
}

static __always_inline void put_ptrace_data(struct scratch *s, u32 request, u64 v)
{
	if ((s64)s->args[6] < 0) {
		put_dyn64(s, 0);
	} else if (request >= PTRACE_P_PEEKTEXT && request <= PTRACE_P_PEEKUSR) {
		put_dyn64(s, user_u64(v));
	} else if (request == PTRACE_P_CONT || request == PTRACE_P_SINGLESTEP ||
		   request == PTRACE_P_DETACH || request == PTRACE_P_SYSCALL) {
		at_u8(s, 0, DYN_SIGNAL);
		at_u8(s, 1, v);
		end_param(s, 2);
	} else {
		put_dyn64(s, v);
	}
}

#define PR_SET_NAME 15
#define PR_SET_CHILD_SUBREAPER 36
#define PR_GET_CHILD_SUBREAPER 37

static __always_inline void put_vm(struct scratch *s, u32 kind)
{
	struct task_struct *t = CURRENT();
	struct mm_struct *mm = GET(t, mm);
	put_u32(s, !mm ? 0 : kind == OP_VM_SIZE ? GET(mm, total_vm) << 2 :
		   kind == OP_VM_SWAP ? rss_pages(mm, 2) << 2 :
		   (rss_pages(mm, 0) + rss_pages(mm, 1) + rss_pages(mm, 3)) << 2);
}

static __always_inline void plain_op(struct scratch *s, struct op *op, u64 v, u64 v2)
{
	switch (op->kind) {
	case OP_S64: put_u64(s, v); break;
	case OP_S32: put_u64(s, (s64)(s32)v); break;
	case OP_U8: put_u8(s, v); break;
	case OP_U16: put_u16(s, v); break;
	case OP_U32: put_u32(s, v); break;
	case OP_TEXT: put_user_text(s, v, TEXT_MAX); break;
	case OP_BITS32: put_u32(s, translate(op->map, v, true)); break;
	case OP_BITS16: put_u16(s, translate(op->map, v, true)); break;
	case OP_ENUM8: put_u8(s, translate(op->map, v, false)); break;
	case OP_ENUM16: put_u16(s, translate(op->map, v, false)); break;
	case OP_ENUM32: put_u32(s, translate(op->map, v, false)); break;
	case OP_BYTES: put_user_bytes(s, v, snap((s64)v2 > 0 ? v2 : 0)); break;
	case OP_SNAP: put_user_bytes(s, v, snap((s64)s->args[6] >= 0 ? s->args[6] : v2)); break;
	case OP_AT32: put_u32(s, v ? user_u32(v + op->imm) : 0); break;
	case OP_ATFD: put_u64(s, v ? (s64)(s32)user_u32(v + op->imm) : -1); break;
	case OP_AT64: put_u64(s, v ? user_u64(v + op->imm) : 0); break;
	case OP_CAPS: {
		const struct cred *c = GET(CURRENT(), cred);
		put_u64(s, op->imm == 0 ? cap(&c->cap_inheritable) :
			   op->imm == 1 ? cap(&c->cap_permitted) : cap(&c->cap_effective));
		break;
	}
	case OP_PTRACE_ADDR: put_dyn64(s, (s64)s->args[6] < 0 ? 0 : v); break;
	case OP_PTRACE_DATA: put_ptrace_data(s, translate(op->map, v2, false), v); break;
	case OP_PRCTL_TEXT:
		if ((u32)v2 == PR_SET_NAME)
			put_user_text(s, v, TEXT_MAX);
		else
			put_none(s);
		break;
	case OP_PRCTL_NUMBER:
		if ((u32)v2 == PR_SET_NAME)
			put_u64(s, 0);
		else if ((u32)v2 == PR_GET_CHILD_SUBREAPER)
			put_u64(s, (s64)(s32)user_u32(v));
		else
			put_u64(s, v);
		break;
	case OP_CONST8: put_u8(s, op->imm); break;
	case OP_CONST16: put_u16(s, op->imm); break;
	case OP_CONST32: put_u32(s, op->imm); break;
	case OP_CONST64: put_u64(s, op->imm); break;
	case OP_MODE: put_u32(s, open_mode(v2, v)); break;
	case OP_OPENFLAGS: put_u32(s, open_flags(v)); break;
	case OP_LEN32: put_u32(s, (s64)s->args[6] > 0 ? s->args[6] : 0); break;
	case OP_MASK32: put_u32(s, v & op->imm); break;
	case OP_AT_BITS32: put_u32(s, v ? translate(op->map, user_u32(v + op->imm), true) : 0); break;
	case OP_VM_SIZE:
	case OP_VM_RSS:
	case OP_VM_SWAP: put_vm(s, op->kind); break;
	default: put_none(s); break;
	}
}

/* real_op writes what the kernel resolved the call's path to; op.imm is the check that saw it. */
static __always_inline void real_op(struct scratch *s, struct op *op)
{
	struct resolved *r = resolved_of(s, op->imm);
	if (op->kind == OP_REAL_PATH)
		put_resolved(s, r, 0);
	else if (op->kind == OP_REAL_TARGET)
		put_resolved(s, r, 1);
	else if (!r)
		put_none(s);
	else if (op->kind == OP_REAL_INO)
		put_u64(s, r->ino);
	else
		put_u32(s, op->kind == OP_REAL_DEV ? r->dev : r->nlink);
}

/* how is a member of struct open_how. */
static __always_inline u64 how(struct scratch *s, u64 p, u32 off)
{
	u64 v = 0;
	read_arg(s, &v, 8, p + off);
	return v;
}

static __always_inline void file_op(struct scratch *s, struct op *op, u64 v, u64 v2)
{
	struct file *f = s->file ? AS(struct file, s->file) : NULL;
	switch (op->kind) {
	case OP_FILE_FLAGS: put_u32(s, file_flags(f, open_flags(v))); break;
	case OP_FILE_LAYER: put_u16(s, file_flags(f, 0) >> 15); break;
	case OP_FILE_DEV: put_u32(s, f ? user_dev(GET(f, f_inode, i_sb, s_dev)) : 0); break;
	case OP_FILE_INO: put_u64(s, f ? GET(f, f_inode, i_ino) : 0); break;
	case OP_FILE_PATH: put_file_path(s, f); break;
	case OP_FILE_NLINK: put_u32(s, f ? GET(f, f_inode, i_nlink) : 0); break;
	case OP_FILE_MNT: put_u32(s, f ? s->walk.mnt_id : 0); break;
	case OP_HOW_FLAGS: put_u32(s, file_flags(f, open_flags(how(s, v, 0) & ~(s->via ? K_O_LARGEFILE : 0)))); break;
	case OP_HOW_MODE: put_u32(s, open_mode(how(s, v, 0), how(s, v, 8))); break;
	case OP_HOW_RESOLVE: put_u32(s, translate(op->map, how(s, v, 16), true)); break;
	case OP_REAL_PATH:
	case OP_REAL_TARGET:
	case OP_REAL_DEV:
	case OP_REAL_INO:
	case OP_REAL_NLINK: real_op(s, op); break;
	case OP_INO_AT: {
		struct file *o = (s64)s->args[6] < 0 ? NULL : fd_file(CURRENT(), (s32)user_u32(v));
		put_u64(s, o ? GET(o, f_inode, i_ino) : 0);
		break;
	}
	default: plain_op(s, op, v, v2); break;
	}
}

/* arg_file is the open file behind the descriptor in an argument. */
static __always_inline struct file *arg_file(struct scratch *s, u32 arg)
{
	if (s->via && arg != 6 && s->ring_file)
		return AS(struct file, s->ring_file);
	return s->strange ? NULL : fd_file(CURRENT(), (s32)s->args[LOW(arg, 7)]);
}

static __always_inline struct sock *arg_sock(struct scratch *s, u32 arg)
{
	struct socket *sock = file_socket(arg_file(s, arg));
	return sock ? GET(sock, sk) : NULL;
}

__noinline int put_message(u32 key, u32 kind, u64 p)
{
	struct scratch *s = slot(key);
	if (!s)
		return 0;
	struct msg64 m = {};
	if (!read_msg(s, p, &m)) {
		if (kind == OP_MSG_SIZE)
			put_u32(s, 0);
		else
			put_none(s);
		return 0;
	}
	s64 res = s->args[6];
	switch (kind) {
	case OP_MSG_DATA:
		put_iov(s->slot, m.iov, m.iovlen, snap(res >= 0 ? res : iov_size(s->slot, m.iov, m.iovlen)));
		break;
	case OP_MSG_SIZE: put_u32(s, iov_size(s->slot, m.iov, m.iovlen)); break;
	case OP_MSG_OUT: put_tuple(s, arg_file(s, 0), true, m.name); break;
	case OP_MSG_IN: put_tuple(s, arg_file(s, 0), false, m.name); break;
	default:
		put_user_bytes(s, m.control, m.controllen > 1024 ? 1024 : m.controllen);
		break;
	}
	return 0;
}

#define SOL_SOCKET 1
#define SO_ERROR 4
#define SO_RCVTIMEO_OLD 20
#define SO_SNDTIMEO_OLD 21
#define SO_RCVTIMEO_NEW 66
#define SO_SNDTIMEO_NEW 67
#define SO_COOKIE 57

/* Indices of the published table of dynamic types for socket options. */
enum { SOCKOPT_BYTES, SOCKOPT_ERRNO, SOCKOPT_U32, SOCKOPT_U64, SOCKOPT_TIME };

/* put_sockopt writes an option's value with the type that the option has. */
static __always_inline void put_sockopt(struct scratch *s, u64 p, u32 len)
{
	u32 level = s->args[1], name = s->args[2];
	if (level == SOL_SOCKET && name == SO_ERROR) {
		at_u8(s, 0, SOCKOPT_ERRNO);
		at_u64(s, 1, -(s64)(s32)user_u32(p));
		end_param(s, 9);
	} else if (level == SOL_SOCKET && (name == SO_RCVTIMEO_OLD || name == SO_SNDTIMEO_OLD ||
					   name == SO_RCVTIMEO_NEW || name == SO_SNDTIMEO_NEW)) {
		at_u8(s, 0, SOCKOPT_TIME);
		at_u64(s, 1, user_u64(p) * 1000000000 + user_u64(p + 8) * 1000);
		end_param(s, 9);
	} else if (level == SOL_SOCKET && name == SO_COOKIE) {
		at_u8(s, 0, SOCKOPT_U64);
		at_u64(s, 1, user_u64(p));
		end_param(s, 9);
	} else if (level == SOL_SOCKET && len == 4) {
		at_u8(s, 0, SOCKOPT_U32);
		at_u32(s, 1, user_u32(p));
		end_param(s, 5);
	} else {
		at_u8(s, 0, SOCKOPT_BYTES);
		end_param(s, 1 + add_user(s, 1, p, len > 256 ? 256 : len));
	}
}

static __always_inline void socket_op(struct scratch *s, struct op *op, u64 v, u64 v2)
{
	s64 res = s->args[6];
	switch (op->kind) {
	case OP_SOCKADDR: put_sockaddr(s, v, v2 > 255 ? 255 : v2); break;
	case OP_TUPLE_DONE:
	case OP_TUPLE_OUT:
	case OP_TUPLE_IN:
		if (res < 0 && !(op->kind == OP_TUPLE_DONE && res == -EINPROGRESS))
			put_none(s);
		else
			put_tuple(s, arg_file(s, op->arg), op->kind != OP_TUPLE_IN, v2);
		break;
	case OP_IOV: /* op.imm: the call receives, so that nothing is there if it failed */
		put_iov(s->slot, v, v2, res < 0 && op->imm ? 0 : snap(res >= 0 ? res : iov_size(s->slot, v, v2)));
		break;
	case OP_IOV_SIZE: put_u32(s, iov_size(s->slot, v, v2)); break;
	case OP_MSG_OUT:
	case OP_MSG_DATA:
	case OP_MSG_SIZE:
	case OP_MSG_IN:
	case OP_MSG_CONTROL:
		if (res < 0 && op->kind != OP_MSG_DATA && op->kind != OP_MSG_SIZE)
			put_none(s);
		else if (res < 0 && op->imm) { /* nothing was received */
			if (op->kind == OP_MSG_SIZE)
				put_u32(s, 0);
			else
				put_none(s);
		} else
			put_message(s->slot, op->kind, v);
		break;
	case OP_SOCKOPT_NAME:
		put_u8(s, (u32)s->args[1] == SOL_SOCKET ? translate(op->map, v, false) : 0);
		break;
	case OP_SOCKOPT: put_sockopt(s, v, op->imm ? user_u32(v2) : v2); break;
	case OP_QUEUE_PCT:
	case OP_QUEUE_LEN:
	case OP_QUEUE_MAX: {
		struct sock *sk = res < 0 ? NULL : arg_sock(s, op->arg);
		u32 len = sk ? GET(sk, sk_ack_backlog) : 0, max = sk ? GET(sk, sk_max_ack_backlog) : 0;
		if (op->kind == OP_QUEUE_PCT)
			put_u8(s, max ? (u64)len * 100 / max : 0);
		else
			put_u32(s, op->kind == OP_QUEUE_LEN ? len : max);
		break;
	}
	case OP_PAIR_SOURCE:
	case OP_PAIR_PEER: {
		struct socket *sock = res < 0 ? NULL : file_socket(fd_file(CURRENT(), (s32)user_u32(v)));
		struct sock *sk = sock ? GET(sock, sk) : NULL;
		u64 peer = sk ? (u64)BPF_CORE_READ((struct unix_sock *)sk, peer) : 0;
		put_u64(s, op->kind == OP_PAIR_SOURCE ? NUM(sk) : peer);
		break;
	}
	default: plain_op(s, op, v, v2); break;
	}
}

#endif
