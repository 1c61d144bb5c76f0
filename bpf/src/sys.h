/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * System calls. One program sees every call's exit, looks whether anybody wants it, and hands it to
 * the interpreter of rows: for each parameter of the event a row says where the value comes from and
 * how it is written. Rows are data that the loader puts into a map; there is no program for each call.
 * The interpreter exists three times, each with more operations: for calls that only copy arguments,
 * for calls that name a file, and for calls on sockets.
 */
#ifndef GYR_SYS_H
#define GYR_SYS_H

#include "path.h"
#include "sock.h"
#include "task.h"

/* What serves a call: the values of control.want, and the slots of tails. */
enum { WANT_NOT, WANT_PLAIN, WANT_FILE, WANT_SOCKET, WANT_CLONE, WANT_EXEC, WANT_MMSG };

/* The operations. op.arg names the argument (6: the result), others see each. */
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
};

struct op {
	u8 kind, arg, arg2, map;
	u32 imm;
};
struct row {
	u16 event;
	u8 ops_len;
	u8 critical;
	u32 unused;
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
	__uint(max_entries, 16);
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
	default: put_none(s); break;
	}
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
	case OP_HOW_FLAGS: put_u32(s, file_flags(f, open_flags(user_u64(v)))); break;
	case OP_HOW_MODE: put_u32(s, open_mode(user_u64(v), user_u64(v + 8))); break;
	case OP_HOW_RESOLVE: put_u32(s, translate(op->map, user_u64(v + 16), true)); break;
	case OP_INO_AT: {
		struct file *o = (s64)s->args[6] < 0 ? NULL : fd_file(CURRENT(), (s32)user_u32(v));
		put_u64(s, o ? GET(o, f_inode, i_ino) : 0);
		break;
	}
	default: plain_op(s, op, v, v2); break;
	}
}

static __always_inline struct sock *arg_sock(struct scratch *s, u32 arg)
{
	struct socket *sock = file_socket(fd_file(CURRENT(), (s32)s->args[LOW(arg, 7)]));
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
	case OP_MSG_OUT: put_tuple(s, fd_file(CURRENT(), (s32)s->args[0]), true, m.name); break;
	case OP_MSG_IN: put_tuple(s, fd_file(CURRENT(), (s32)s->args[0]), false, m.name); break;
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
			put_tuple(s, fd_file(CURRENT(), (s32)v), op->kind != OP_TUPLE_IN, v2);
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

struct run {
	struct scratch *s;
	struct row *row;
};

#define RUN_OP(perform)                                                                      \
	do {                                                                                 \
		if (i >= row->ops_len || i >= MAX_OPS)                                       \
			return 1;                                                            \
		struct op *op = &row->ops[i];                                                \
		perform(s, op, s->args[LOW(op->arg, 7)], s->args[LOW(op->arg2, 7)]);         \
		return 0;                                                                    \
	} while (0)
#ifdef GYR_FAST
#define RUN_STEP(name, perform)                                                              \
	STEP name(u32 i, struct run *r)                                                      \
	{                                                                                    \
		struct scratch *s = r->s;                                                    \
		struct row *row = r->row;                                                    \
		RUN_OP(perform);                                                             \
	}
#else
#define RUN_STEP(name, perform)                                                              \
	__noinline int name##_alone(u32 key, u32 nr, u32 i)                                  \
	{                                                                                    \
		struct scratch *s = slot(key);                                               \
		struct row *row = bpf_map_lookup_elem(&rows, &nr);                           \
		if (!s || !row)                                                              \
			return 1;                                                            \
		RUN_OP(perform);                                                             \
	}                                                                                    \
	STEP name(u32 i, struct run *r) { return name##_alone(r->s->slot, r->s->nr, i); }
#endif
RUN_STEP(plain_step, plain_op)
RUN_STEP(file_step, file_op)
RUN_STEP(socket_step, socket_op)

/* find_row gets the row of the call that lies in scratch. */
static __always_inline bool find_row(struct run *r)
{
	r->s = scratch(SCRATCH_SYSCALL);
	if (!r->s)
		return false;
	u32 nr = r->s->nr;
	r->row = bpf_map_lookup_elem(&rows, &nr);
	if (!r->row)
		leave(r->s);
	return r->row != NULL;
}

/* begin_row finds the row and starts a record with a parameter for each of its operations. */
static __always_inline bool begin_row(struct run *r)
{
	if (!find_row(r))
		return false;
	begin(r->s, r->row->event, r->row->ops_len, (u32)bpf_get_current_pid_tgid());
	return true;
}

HOOK("sys_exit")
int BPF_PROG(call_plain, struct pt_regs *regs, long ret)
{
	struct run r;
	if (!begin_row(&r))
		return 0;
	REPEAT(MAX_OPS, plain_step, &r);
	send(r.s, r.row->critical);
	return leave(r.s);
}

HOOK("sys_exit")
int BPF_PROG(call_file, struct pt_regs *regs, long ret)
{
	struct run r;
	if (!begin_row(&r))
		return 0;
	r.s->walk.mnt_id = 0;
	r.s->file = (u64)fd_file(CURRENT(), (s64)r.s->args[6]);
	REPEAT(MAX_OPS, file_step, &r);
	send(r.s, r.row->critical);
	return leave(r.s);
}

HOOK("sys_exit")
int BPF_PROG(call_socket, struct pt_regs *regs, long ret)
{
	struct run r;
	if (!begin_row(&r))
		return 0;
	REPEAT(MAX_OPS, socket_step, &r);
	send(r.s, r.row->critical);
	return leave(r.s);
}

/* call_clone reports the caller's side of clone, fork, vfork and clone3. */
HOOK("sys_exit")
int BPF_PROG(call_clone, struct pt_regs *regs, long ret)
{
	struct run r;
	if (!find_row(&r))
		return 0;
	struct scratch *s = r.s;
	struct row *row = r.row;
	u32 nr = s->nr;
	u64 flags = 0;
	struct task_struct *t = CURRENT();
	if (nr == NR_CLONE)
		flags = s->args[0];
	else if (nr == NR_CLONE3)
		flags = user_u64(s->args[0]);
	else if (nr == NR_VFORK)
		flags = 0x4100;
	u32 published = clone_flags(flags);
	if (GET(t, nsproxy, pid_ns_for_children, level) != 0)
		published |= P_CLONE_CHILD_IN_PIDNS;
	begin(s, row->event, CLONE_PARAMS, GET(t, pid));
	put_clone(s, t, s->args[6], published, GET(t, pid));
	send(s, true);
	return leave(s);
}

#define MAX_VECTOR 32

struct vector_walk {
	struct scratch *s;
	u64 vec;
	u32 first, max, have;
};

STEP vector_step(u32 i, struct vector_walk *w)
{
	struct scratch *s = w->s;
	u32 at = w->first + i;
	u64 p = s->compat ? user_u32(w->vec + 4 * at) : user_u64(w->vec + 8 * at);
	if (!p || w->have + 16 > TEXT_MAX || i >= w->max || s->overflow)
		return 1;
	u64 to = LOW(s->off + w->have, DATA_MAX - 1);
	long n = bpf_probe_read_user_str(&s->data[to], TEXT_MAX, (void *)p);
	if (n <= 0)
		return 1;
	w->have += n;
	if (w->have > TEXT_MAX) {
		w->have = TEXT_MAX;
		s->data[LOW(s->off + TEXT_MAX - 1, DATA_MAX - 1)] = 0;
	}
	return 0;
}

/* put_vector writes up to max texts of a NULL-ended vector of pointers, from its item first on. */
__noinline int put_vector(u32 key, u64 vec, u32 first, u32 max)
{
	struct vector_walk w = {.s = slot(key), .vec = vec, .first = first, .max = max};
	if (!w.s)
		return 0;
	REPEAT(MAX_VECTOR, vector_step, &w);
	end_param(w.s, LOW(w.have, 2 * TEXT_MAX - 1));
	return 0;
}

/* call_exec reports execve and execveat that failed; those that succeed come from on_exec. */
HOOK("sys_exit")
int BPF_PROG(call_exec, struct pt_regs *regs, long ret)
{
	struct run r;
	if (!find_row(&r))
		return 0;
	struct scratch *s = r.s;
	struct row *row = r.row;
	u32 first = row->event == EVENT_EXECVEAT ? 1 : 0;
	struct task_struct *t = CURRENT();
	const struct cred *c = GET(t, cred);
	u64 argv = s->args[(first + 1) & 7], env = s->args[(first + 2) & 7];
	begin(s, row->event, 31 - first, GET(t, pid));
	put_u64(s, s->args[6]);
	put_vector(s->slot, argv, 0, 1);
	put_vector(s->slot, argv, 1, MAX_VECTOR);
	put_process(s, t, GET(t, mm));
	put_vector(s->slot, env, 0, MAX_VECTOR);
	put_u32(s, tty_number(t));
	put_u64(s, in_ns(group_pid(t, PIDTYPE_PGID)));
	put_u32(s, loginuid(t));
	put_u32(s, 0);
	put_caps(s, c);
	put_u64(s, 0);
	put_u64(s, 0);
	put_u64(s, 0);
	put_u32(s, GET(c, euid.val));
	put_none(s);
	put_u64(s, in_root_ns(group_pid(t, PIDTYPE_PGID)));
	put_u32(s, GET(c, egid.val));
	if (!first)
		put_user_text(s, s->args[0], TEXT_MAX);
	send(s, true);
	return leave(s);
}

#define MAX_MESSAGES 8

STEP message_step(u32 i, struct run *r)
{
	struct scratch *s = r->s;
	bool receive = r->row->critical; /* the row's one flag says the direction here */
	s64 res = s->args[6];
	if (i > 0 && (s64)i >= res)
		return 1;
	u64 hdr = s->args[1] + i * (s->compat ? 32 : 64);
	struct msg64 m = {};
	read_msg(s, hdr, &m);
	u32 done = res > 0 ? user_u32(hdr + (s->compat ? 28 : 56)) : 0;
	begin(s, r->row->event, receive ? 6 : 5, (u32)bpf_get_current_pid_tgid());
	put_u64(s, res > 0 ? done : res);
	put_u64(s, (s64)(s32)s->args[0]);
	put_u32(s, receive ? done : iov_size(s->slot, m.iov, m.iovlen));
	if (res > 0) {
		put_iov(s->slot, m.iov, m.iovlen, snap(done));
		put_tuple(s, fd_file(CURRENT(), (s32)s->args[0]), !receive, m.name);
	} else {
		put_none(s);
		put_none(s);
	}
	if (receive)
		put_user_bytes(s, res > 0 ? m.control : 0, m.controllen > 1024 ? 1024 : m.controllen);
	send(s, false);
	return 0;
}

/* call_mmsg reports sendmmsg and recvmmsg: an event for each message. */
HOOK("sys_exit")
int BPF_PROG(call_mmsg, struct pt_regs *regs, long ret)
{
	struct run r;
	if (!find_row(&r))
		return 0;
	REPEAT(MAX_MESSAGES, message_step, &r);
	return leave(r.s);
}

#ifndef __TARGET_ARCH_arm64
#define NR_SOCKETCALL 102

/* The calls behind socketcall, by its first argument, and how many arguments each takes. */
static __always_inline u32 socketcall(u32 call, u32 *args)
{
	*args = 3;
	switch (call) {
	case 1: return 41;              /* socket */
	case 2: return 49;              /* bind */
	case 3: return 42;              /* connect */
	case 4: *args = 2; return 50;   /* listen */
	case 5: return 43;              /* accept */
	case 8: *args = 4; return 53;   /* socketpair */
	case 9: *args = 4; return 44;   /* send, as sendto */
	case 10: *args = 4; return 45;  /* recv, as recvfrom */
	case 11: *args = 6; return 44;  /* sendto */
	case 12: *args = 6; return 45;  /* recvfrom */
	case 13: *args = 2; return 48;  /* shutdown */
	case 14: *args = 5; return 54;  /* setsockopt */
	case 15: *args = 5; return 55;  /* getsockopt */
	case 16: return 46;             /* sendmsg */
	case 17: return 47;             /* recvmsg */
	case 18: *args = 4; return 288; /* accept4 */
	case 19: *args = 5; return 299; /* recvmmsg */
	case 20: *args = 4; return 307; /* sendmmsg */
	}
	return 0;
}
#endif

/* on_sys_exit sees the exit of every system call of the machine: what it costs, all pay. */
HOOK("sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
	struct control *c = control();
	if (!c || idle(SCRATCH_SYSCALL))
		return 0;
#ifdef __TARGET_ARCH_arm64
	u64 nr = (u32)GET(regs, syscallno);
	if (nr >= MAX_SYSCALLS || !c->want[nr])
		return 0;
	bool compat = false; /* 32-bit programs of arm64 come with another table: not read yet */
#else
	u64 nr = GET(regs, orig_ax);
	nr &= 0xbfffffff; /* without the mark of the x32 ABI */
	if (nr >= MAX_SYSCALLS || !(c->want[nr] | c->want32[nr]))
		return 0;
	bool compat = GET(CURRENT(), thread_info.status) & 2; /* TS_COMPAT */
#endif
	u32 want = c->want[nr];
	struct scratch *s = enter(SCRATCH_SYSCALL);
	if (!s)
		return 0;
	s->compat = compat;
	s->args[6] = ret;
	s->args[7] = 0;
#ifdef __TARGET_ARCH_arm64
	s->args[0] = GET(regs, orig_x0);
	s->args[1] = GET(regs, regs[1]);
	s->args[2] = GET(regs, regs[2]);
	s->args[3] = GET(regs, regs[3]);
	s->args[4] = GET(regs, regs[4]);
	s->args[5] = GET(regs, regs[5]);
#else
	if (compat) {
		want = c->want32[nr];
		if (!want)
			return leave(s);
		s->args[0] = (u32)GET(regs, bx);
		s->args[1] = (u32)GET(regs, cx);
		s->args[2] = (u32)GET(regs, dx);
		s->args[3] = (u32)GET(regs, si);
		s->args[4] = (u32)GET(regs, di);
		s->args[5] = (u32)GET(regs, bp);
		if (nr == NR_SOCKETCALL) {
			u32 n, i, a[6] = {};
			nr = socketcall(s->args[0], &n);
			if (!nr || nr >= MAX_SYSCALLS || bpf_probe_read_user(a, LOW(4 * n, 31), (void *)s->args[1]))
				return leave(s);
			for (i = 0; i < 6; i++)
				s->args[i] = a[i];
			want = c->want[nr];
		} else {
			u32 key = nr;
			u16 *to = bpf_map_lookup_elem(&numbers32, &key);
			if (!to || *to >= MAX_SYSCALLS)
				return leave(s);
			nr = *to;
		}
	} else {
		s->args[0] = GET(regs, di);
		s->args[1] = GET(regs, si);
		s->args[2] = GET(regs, dx);
		s->args[3] = GET(regs, r10);
		s->args[4] = GET(regs, r8);
		s->args[5] = GET(regs, r9);
	}
#endif
	if (!want)
		return leave(s);
	if (ret < 0 && c->drop_failed)
		return leave(s);
	/* Of a fork the child's side comes from on_fork, of an exec the success from on_exec. */
	if ((want == WANT_CLONE && ret == 0) || (want == WANT_EXEC && ret >= 0))
		return leave(s);
	s->nr = nr;
	bpf_tail_call(ctx, &tails, want);
	count(COUNT_TAIL_CALL);
	return leave(s);
}

#endif
