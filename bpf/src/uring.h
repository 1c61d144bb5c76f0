/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Calls through an io_uring, reported as the events of the system calls that they stand for. A request is
 * seen when it is taken from the ring: the kernel has copied its paths and addresses by then, and no other
 * thread can change them. It is kept until its completion tells the result. What will not be told a
 * result, or cannot be kept, is reported at once with the result unknown, so that nothing hides.
 */
#ifndef GYR_URING_H
#define GYR_URING_H

#include "sys.h"

/* event.ViaIOUring and its neighbours; those from 256 on are for these programs alone. */
#define VIA_RING 1
#define VIA_DIRECT 2
#define VIA_UNKNOWN 4
#define VIA_POLL 8
#define MAKES_DIRECT 256 /* the result is a place in the ring's table of files */
#define MAKES_FD 512     /* the call makes a descriptor */
#define SHARED_KEY 1024  /* another request had the same key */
#define ONE_RESULT 2048  /* a second completion only says that the buffer is free */
#define DIRECT_FD (1 << 30)
#define UNKNOWN_FD 0x7fffffff

/* Flags of requests, and of completions (include/uapi/linux/io_uring.h). */
#define REQ_FIXED_FILE 1
#define REQ_BUFFER_SELECT 32
#define REQ_CQE_SKIP 64
#define CQE_F_MORE 2
#define PF_IO_WORKER 0x10

/* How this kernel tells of submissions and completions. Set by the loader. */
enum {
	RING_NONE,
	RING_BY_DATA, /* submit(ctx, req, ...), complete(ctx, user_data, res, flags): before 5.19 */
	RING_BY_REQ,  /* submit(req), complete(ctx, req, user_data, res, flags, ...) */
	RING_BY_CQE,  /* submit(req), complete(ctx, req, cqe): from 6.16 on */
};
const volatile u32 ring_form = RING_NONE;

/* The system call behind each operation, as its number on this architecture; filled by the loader. */
#define MAX_RING_OPS 128
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_RING_OPS);
	__type(key, u32);
	__type(value, u16);
} ring_calls SEC(".maps");

/* A request from its submission to its completion. */
#define WAITING_TEXT 2048
struct waiting {
	u64 req;
	u64 args[6];
	u64 tid;
	u32 tgid, nr, via, slot, used, unused;
	u8 text[WAITING_TEXT];
};
struct waiting_key {
	u64 ctx, data;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct waiting_key);
	__type(value, struct waiting);
} waiting_map SEC(".maps");

#define KEPT_HEAD __builtin_offsetof(struct waiting, text)

/* A submission being read: the request, and how many bytes of texts are kept. */
struct submission {
	struct scratch *s;
	u64 req;
	u32 used;
};

/* keep_text copies a text of the kernel's and returns its place, as an argument. */
static __always_inline u64 keep_text(struct submission *b, u64 text)
{
	u64 at = LOW(b->used, KEPT_MAX / 2 - 1);
	long n = text ? bpf_probe_read_kernel_str(&b->s->data[KEPT_AT + at], TEXT_MAX, (void *)text) : 0;
	if (n <= 0)
		return 0;
	b->used += n;
	return at + 1;
}

/* keep_name copies the path behind the struct filename at p. */
static __always_inline u64 keep_name(struct submission *b, u64 p)
{
	struct filename *f = NULL;
	bpf_probe_read_kernel(&f, 8, (void *)p);
	return keep_text(b, f ? (u64)BPF_CORE_READ(f, name) : 0);
}

/* keep_bytes copies up to 255 bytes of the kernel's. */
static __always_inline u64 keep_bytes(struct submission *b, u64 p, u32 n)
{
	u64 at = LOW(b->used, KEPT_MAX / 2 - 1);
	n = LOW(n, 255);
	if (!p || bpf_probe_read_kernel(&b->s->data[KEPT_AT + at], n, (void *)p))
		return 0;
	b->used += n;
	return at + 1;
}

/* The prepared arguments of an operation, and the path in one of its members, which is a structure of its
 * own from Linux 7.0 on. */
#define RING_ARG(type, member)                                                                       \
	({                                                                                           \
		u64 __v = 0;                                                                         \
		if (bpf_core_field_exists(((struct type *)0)->member))                               \
			__v = (u64)BPF_CORE_READ((struct type *)req, member);                        \
		__v;                                                                                 \
	})
#define RING_NAME(type, member)                                                                      \
	({                                                                                           \
		u64 __n = 0;                                                                         \
		if (bpf_core_field_exists(((struct type *)0)->member))                               \
			__n = keep_name(b, req + bpf_core_field_offset(struct type, member));        \
		else if (bpf_core_field_exists(((struct type##___delayed *)0)->member))              \
			__n = keep_name(b, req + bpf_core_field_offset(struct type##___delayed, member)); \
		__n;                                                                                 \
	})

/*
 * ring_address keeps the address of a connect or bind (alone), or of a message. From 6.10 on the kernel has
 * copied it by now, to the beginning of what it holds for the request or into the message's header. Before,
 * it is still the caller's at usr, and another thread may change it; the socket's own ends are true then, too.
 */
static __always_inline u64 ring_address(struct submission *b, u64 usr, u32 len, bool alone)
{
	u64 req = b->req; /* not inside the macro, which would relocate it */
	if (bpf_core_type_exists(struct io_async_connect)) {
		u64 at = LOW(b->used, KEPT_MAX / 2 - 1);
		len = LOW(len, 255);
		if (!usr || bpf_probe_read_user(&b->s->data[KEPT_AT + at], len, (void *)usr))
			return 0;
		b->used += len;
		return at + 1;
	}
	u64 async = (u64)BPF_CORE_READ((struct io_kiocb *)req, async_data);
	u64 at = alone ? 0 : bpf_core_field_offset(struct io_async_msghdr, addr);
	return async ? keep_bytes(b, async + at, len) : 0;
}

/* Operations (enum io_uring_op). */
enum {
	RING_READV = 1, RING_WRITEV = 2, RING_READ_FIXED = 4, RING_WRITE_FIXED = 5, RING_SENDMSG = 9, RING_RECVMSG = 10,
	RING_ACCEPT = 13, RING_CONNECT = 16, RING_FALLOCATE = 17, RING_OPENAT = 18, RING_CLOSE = 19, RING_STATX = 21,
	RING_READ = 22, RING_WRITE = 23, RING_SEND = 26, RING_RECV = 27, RING_OPENAT2 = 28, RING_SPLICE = 30,
	RING_TEE = 33, RING_SHUTDOWN = 34, RING_RENAMEAT = 35, RING_UNLINKAT = 36, RING_MKDIRAT = 37,
	RING_SYMLINKAT = 38, RING_LINKAT = 39, RING_FSETXATTR = 41, RING_SETXATTR = 42, RING_SOCKET = 45,
	RING_URING_CMD = 46, RING_SEND_ZC = 47, RING_SENDMSG_ZC = 48, RING_FIXED_FD_INSTALL = 54, RING_FTRUNCATE = 55,
	RING_BIND = 56, RING_LISTEN = 57, RING_PIPE = 62,
};

/* ring_links reads the requests with two paths. Before 6.0 links had structures of their own. */
static __always_inline void ring_links(struct submission *b, u32 op)
{
	u64 req = b->req, *a = b->s->args;
	if (op == RING_RENAMEAT) {
		a[0] = RING_ARG(io_rename, old_dfd);
		a[1] = RING_NAME(io_rename, oldpath);
		a[2] = RING_ARG(io_rename, new_dfd);
		a[3] = RING_NAME(io_rename, newpath);
		a[4] = RING_ARG(io_rename, flags);
		return;
	}
	u64 old_dfd, new_dfd, from, to, flags = 0;
	if (bpf_core_type_exists(struct io_link)) {
		old_dfd = RING_ARG(io_link, old_dfd);
		from = RING_NAME(io_link, oldpath);
		new_dfd = RING_ARG(io_link, new_dfd);
		to = RING_NAME(io_link, newpath);
		flags = RING_ARG(io_link, flags);
	} else if (op == RING_LINKAT) {
		old_dfd = RING_ARG(io_hardlink, old_dfd);
		from = keep_name(b, req + bpf_core_field_offset(struct io_hardlink, oldpath));
		new_dfd = RING_ARG(io_hardlink, new_dfd);
		to = keep_name(b, req + bpf_core_field_offset(struct io_hardlink, newpath));
		flags = RING_ARG(io_hardlink, flags);
	} else {
		old_dfd = 0;
		from = keep_name(b, req + bpf_core_field_offset(struct io_symlink, oldpath));
		new_dfd = RING_ARG(io_symlink, new_dfd);
		to = keep_name(b, req + bpf_core_field_offset(struct io_symlink, newpath));
	}
	if (op == RING_SYMLINKAT) {
		a[0] = from;
		a[1] = new_dfd;
		a[2] = to;
	} else {
		a[0] = old_dfd;
		a[1] = from;
		a[2] = new_dfd;
		a[3] = to;
		a[4] = flags;
	}
}

/* ring_opens reads the requests that make descriptors or name files. */
static __always_inline bool ring_opens(struct submission *b, u32 op, u32 *slot, u32 *via)
{
	u64 req = b->req, *a = b->s->args;
	switch (op) {
	case RING_OPENAT:
	case RING_OPENAT2:
		a[0] = RING_ARG(io_open, dfd);
		a[1] = RING_NAME(io_open, filename);
		if (op == RING_OPENAT2) {
			a[2] = keep_bytes(b, req + bpf_core_field_offset(struct io_open, how), sizeof(struct open_how));
		} else {
			a[2] = RING_ARG(io_open, how.flags) & ~(u64)K_O_LARGEFILE; /* which the kernel adds */
			a[3] = RING_ARG(io_open, how.mode);
		}
		*slot = RING_ARG(io_open, file_slot);
		break;
	case RING_SOCKET:
		a[0] = RING_ARG(io_socket, domain);
		a[1] = RING_ARG(io_socket, type);
		a[2] = RING_ARG(io_socket, protocol);
		a[1] |= RING_ARG(io_socket, flags);
		*slot = RING_ARG(io_socket, file_slot);
		break;
	case RING_ACCEPT:
		a[3] = RING_ARG(io_accept, flags);
		*slot = RING_ARG(io_accept, file_slot);
		break;
	case RING_PIPE:
		a[0] = RING_ARG(io_pipe, fds);
		a[1] = RING_ARG(io_pipe, flags);
		return true;
	case RING_UNLINKAT:
		a[0] = RING_ARG(io_unlink, dfd);
		a[1] = RING_NAME(io_unlink, filename);
		a[2] = RING_ARG(io_unlink, flags);
		return true;
	case RING_MKDIRAT:
		a[0] = RING_ARG(io_mkdir, dfd);
		a[1] = RING_NAME(io_mkdir, filename);
		a[2] = RING_ARG(io_mkdir, mode);
		return true;
	case RING_STATX:
		a[0] = RING_ARG(io_statx, dfd);
		a[1] = RING_NAME(io_statx, filename);
		a[2] = RING_ARG(io_statx, flags);
		a[3] = RING_ARG(io_statx, mask);
		return true;
	case RING_SETXATTR:
		a[0] = RING_NAME(io_xattr, filename);
		a[1] = keep_text(b, RING_ARG(io_xattr, ctx.kname));
		a[4] = RING_ARG(io_xattr, ctx.flags);
		return true;
	case RING_RENAMEAT:
	case RING_SYMLINKAT:
	case RING_LINKAT: ring_links(b, op); return true;
	default: return false;
	}
	*via |= MAKES_FD;
	if (*slot)
		*via |= MAKES_DIRECT;
	return true;
}

/* ring_uses reads the requests that work on the descriptor a[0]. */
static __always_inline void ring_uses(struct submission *b, u32 op, u32 flags)
{
	u64 req = b->req, *a = b->s->args;
	switch (op) {
	case RING_CONNECT:
		a[2] = LOW(RING_ARG(io_connect, addr_len), 255);
		a[1] = ring_address(b, RING_ARG(io_connect, addr), a[2], true);
		break;
	case RING_BIND:
		a[2] = LOW(RING_ARG(io_bind, addr_len), 255);
		a[1] = ring_address(b, 0, a[2], true);
		break;
	case RING_LISTEN: a[1] = RING_ARG(io_listen, backlog); break;
	case RING_SHUTDOWN: a[1] = RING_ARG(io_shutdown, how); break;
	case RING_SEND:
	case RING_SEND_ZC:
	case RING_RECV:
	case RING_SENDMSG:
	case RING_SENDMSG_ZC:
	case RING_RECVMSG:
		a[1] = RING_ARG(io_sr_msg, umsg);
		a[2] = RING_ARG(io_sr_msg, len);
		a[3] = RING_ARG(io_sr_msg, msg_flags);
		if (flags & REQ_BUFFER_SELECT)
			a[1] = 0;
		if (op == RING_SEND || op == RING_SEND_ZC) {
			u64 usr = 0;
			if (bpf_core_field_exists(((struct io_sr_msg *)0)->addr))
				usr = RING_ARG(io_sr_msg, addr);
			a[4] = usr ? usr : bpf_core_field_exists(((struct io_sr_msg *)0)->addr) ? 0 : ring_address(b, 0, 28, false);
		}
		break;
	case RING_READ:
	case RING_WRITE:
	case RING_READV:
	case RING_WRITEV:
	case RING_READ_FIXED:
	case RING_WRITE_FIXED:
		a[1] = flags & REQ_BUFFER_SELECT ? 0 : RING_ARG(io_rw, addr);
		a[2] = RING_ARG(io_rw, len);
		a[3] = RING_ARG(io_rw, kiocb.ki_pos);
		break;
	case RING_FALLOCATE:
		a[1] = RING_ARG(io_sync, mode);
		a[2] = RING_ARG(io_sync, off);
		a[3] = RING_ARG(io_sync, len);
		break;
	case RING_FTRUNCATE: a[1] = RING_ARG(io_ftrunc, len); break;
	case RING_SPLICE:
		a[2] = a[0];
		a[0] = RING_ARG(io_splice, splice_fd_in);
		a[4] = RING_ARG(io_splice, len);
		a[5] = RING_ARG(io_splice, flags);
		break;
	case RING_TEE:
		a[1] = a[0];
		a[0] = RING_ARG(io_splice, splice_fd_in);
		a[2] = RING_ARG(io_splice, len);
		a[3] = RING_ARG(io_splice, flags);
		break;
	case RING_FSETXATTR:
		a[1] = keep_text(b, RING_ARG(io_xattr, ctx.kname));
		a[4] = RING_ARG(io_xattr, ctx.flags);
		break;
	case RING_URING_CMD: a[1] = RING_ARG(io_uring_cmd, cmd_op); break;
	}
}

static __always_inline void ring_op(struct scratch *s, struct op *op, u64 v, u64 v2)
{
	if (op->kind > OP_PLAIN_END && op->kind < OP_FILE_END)
		file_op(s, op, v, v2);
	else
		socket_op(s, op, v, v2);
}
RUN_STEP(ring_step, ring_op)

/* The program that reports requests for the others: they take the verifier as long as all the rest, once each. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} ring_tails SEC(".maps");

/* whose_turn is the current task as scratch.turn holds it, which is never 0. */
static __always_inline u64 whose_turn(void) { return bpf_get_current_pid_tgid() | 1ULL << 63; }

/*
 * report hands a request, whose arguments are in place, over to ring_report, which ends the program. That one finds
 * the memory by the task: of submission and completion only one at a time is a task's own, whatever else runs on
 * its processor meanwhile.
 */
static __always_inline int report(void *ctx, struct scratch *s, u64 tid, u32 slot, s64 res)
{
	s->in[0] = tid;
	s->in[1] = slot;
	s->args[6] = res;
	s->turn = whose_turn();
	bpf_tail_call(ctx, &ring_tails, 0);
	s->turn = 0;
	count(COUNT_TAIL_CALL);
	return leave(s);
}

/* write_request writes the event of a request that was handed over. */
static __always_inline void write_request(struct scratch *s)
{
	struct run r = {.s = s};
	u64 tid = s->in[0];
	u32 nr = s->nr, slot = s->in[1];
	s64 res = s->args[6];
	struct control *c = control();
	r.row = bpf_map_lookup_elem(&rows, &nr);
	if (!r.row || !c || (res < 0 && c->drop_failed))
		return;
	s->file = 0;
	s->walk.mnt_id = 0;
	if (s->via & VIA_UNKNOWN)
		res = s->via & MAKES_FD ? UNKNOWN_FD : 0;
	else if ((s->via & MAKES_DIRECT) && res >= 0)
		res = DIRECT_FD + (slot == ~0U ? res : (s64)slot - 1);
	else if ((s->via & MAKES_FD) && !s->strange)
		s->file = (u64)fd_file(CURRENT(), res);
	if (s->via & MAKES_DIRECT)
		s->via |= VIA_DIRECT;
	s->args[6] = res;
	s->args[7] = 0;
	begin(s, r.row->event, r.row->ops_len + (r.row->ring ? 1 : 0), tid);
	REPEAT(MAX_OPS, ring_step, &r);
	if (r.row->ring)
		put_u8(s, s->via);
	send(s, vital(r.row, s));
}

SEC("raw_tp/io_uring_complete")
int ring_report(void *ctx)
{
	struct scratch *s = scratch(SCRATCH_SUBMIT);
	if (s && s->turn != whose_turn())
		s = scratch(SCRATCH_COMPLETE);
	if (!s || s->turn != whose_turn())
		return 0;
	s->turn = 0;
	write_request(s);
	return leave(s);
}

/* submitted reads a request that was taken from a ring. */
static __always_inline int submitted(void *ctx, u64 req)
{
	struct control *c = control();
	if (!c || !req || idle(SCRATCH_SUBMIT))
		return 0;
	u32 op = BPF_CORE_READ((struct io_kiocb *)req, opcode);
	u16 *nr = bpf_map_lookup_elem(&ring_calls, &op);
	if (!nr || *nr >= MAX_SYSCALLS || !c->want[*nr])
		return 0;
	struct scratch *s = enter(SCRATCH_SUBMIT);
	if (!s)
		return 0;
	struct submission b = {.s = s, .req = req};
	struct task_struct *t = CURRENT();
	u32 flags = BPF_CORE_READ((struct io_kiocb *)req, flags), via = VIA_RING, place = 0;
	u64 id = bpf_get_current_pid_tgid(), tid = (u32)id;
	if (GET(t, flags) & PF_IO_WORKER) { /* the kernel's thread works for the process it belongs to */
		tid = id >> 32;
		via |= VIA_POLL;
	}
	s->compat = 0;
	s->nr = *nr;
	s->ring_file = 0;
	s->strange = 0;
	s->args[0] = s->args[1] = s->args[2] = s->args[3] = s->args[4] = s->args[5] = 0;
	b.used = KEPT_HEAD;
	if (!ring_opens(&b, op, &place, &via) || (via & MAKES_FD)) {
		s64 fd = -1;
		if (bpf_core_field_exists(((struct io_kiocb *)0)->cqe.fd))
			fd = BPF_CORE_READ((struct io_kiocb *)req, cqe.fd);
		if (op == RING_CLOSE) {
			fd = RING_ARG(io_close, fd);
			place = RING_ARG(io_close, file_slot);
			if (place) {
				fd = DIRECT_FD + place - 1;
				via |= VIA_DIRECT;
			}
		} else if (flags & REQ_FIXED_FILE) {
			fd += DIRECT_FD;
			via |= VIA_DIRECT;
		}
		if (!(via & MAKES_FD) || op == RING_ACCEPT)
			s->args[0] = fd;
		if (!(via & MAKES_FD))
			ring_uses(&b, op, flags);
		if (op == RING_FIXED_FD_INSTALL)
			via |= MAKES_FD;
		if (op == RING_SEND_ZC || op == RING_SENDMSG_ZC)
			via |= ONE_RESULT;
	}
	s->via = via;
	struct waiting_key key = {
		.ctx = (u64)BPF_CORE_READ((struct io_kiocb *)req, ctx),
		.data = bpf_core_field_exists(((struct io_kiocb *)0)->user_data) ? BPF_CORE_READ((struct io_kiocb *)req, user_data) :
										     BPF_CORE_READ((struct io_kiocb *)req, cqe.user_data),
	};
	struct waiting *w = (struct waiting *)&s->data[KEPT_AT];
	if (!(flags & REQ_CQE_SKIP) && b.used <= sizeof(struct waiting)) {
		w->req = req;
		for (u32 i = 0; i < 6; i++)
			w->args[i] = s->args[i];
		w->tid = tid;
		w->tgid = id >> 32;
		w->nr = s->nr;
		w->via = via;
		w->slot = place;
		if (!bpf_map_update_elem(&waiting_map, &key, w, BPF_NOEXIST))
			return leave(s);
		struct waiting *other = bpf_map_lookup_elem(&waiting_map, &key);
		if (other && other->req == req) { /* that one ended without telling */
			bpf_map_update_elem(&waiting_map, &key, w, BPF_ANY);
			return leave(s);
		}
		if (other)
			other->via |= SHARED_KEY;
	}
	s->via |= VIA_UNKNOWN;
	return report(ctx, s, tid, place, 0);
}

/* completed reports the request of that key, which is req if that is known. */
static __always_inline int completed(void *ctx, u64 ring, u64 data, u64 req, s64 res, u32 flags)
{
	struct waiting_key key = {.ctx = ring, .data = data};
	struct waiting *w = bpf_map_lookup_elem(&waiting_map, &key);
	if (!w || (req && w->req != req) || idle(SCRATCH_COMPLETE))
		return 0;
	struct scratch *s = enter(SCRATCH_COMPLETE);
	if (!s)
		return 0;
	bpf_probe_read_kernel(&s->data[KEPT_AT], sizeof(*w), w);
	u64 tid = w->tid;
	u32 slot = w->slot;
	s->compat = 0;
	s->nr = w->nr;
	s->via = w->via & ~SHARED_KEY;
	if (!req && (w->via & SHARED_KEY))
		s->via |= VIA_UNKNOWN; /* it may be the other one's result */
	s->strange = w->tgid != (u32)(bpf_get_current_pid_tgid() >> 32);
	s->ring_file = 0;
	u64 known = w->req;
	if (known)
		bpf_probe_read_kernel(&s->ring_file, 8, (void *)known); /* the request's first member */
	for (u32 i = 0; i < 6; i++)
		s->args[i] = w->args[i];
	if (!(flags & CQE_F_MORE) || (w->via & ONE_RESULT))
		bpf_map_delete_elem(&waiting_map, &key);
	return report(ctx, s, tid, slot, res);
}

struct ring_args {
	u64 arg[8];
};

/* TAKE reads an argument of the tracepoint. The kernel refuses to attach a program that could read more of
 * them than there are, and old verifiers one that reads through a pointer to one of two: so the compiler
 * must not make one read of those in different branches, which the label prevents. */
#define TAKE(label, to, n)                                                  \
	do {                                                                \
		to = (typeof(to))ctx->arg[n];                               \
		asm volatile("/* " label " " #n " */" : "+r"(to) : : "memory"); \
	} while (0)

SEC("raw_tp/io_uring_submit_req")
int on_ring_submit(struct ring_args *ctx)
{
	u64 req;
	if (ring_form == RING_BY_DATA)
		TAKE("by data", req, 1);
	else
		TAKE("by request", req, 0);
	return submitted(ctx, req);
}

SEC("raw_tp/io_uring_complete")
int on_ring_complete(struct ring_args *ctx)
{
	u64 ring = ctx->arg[0], req = 0, data, res, flags;
	if (ring_form == RING_BY_DATA) {
		TAKE("by data", data, 1);
		TAKE("by data", res, 2);
		TAKE("by data", flags, 3);
	} else if (ring_form == RING_BY_REQ) {
		TAKE("by request", req, 1);
		TAKE("by request", data, 2);
		TAKE("by request", res, 3);
		TAKE("by request", flags, 4);
	} else {
		struct io_uring_cqe *cqe;
		TAKE("by completion", req, 1);
		TAKE("by completion", cqe, 2);
		data = BPF_CORE_READ(cqe, user_data);
		res = BPF_CORE_READ(cqe, res);
		flags = BPF_CORE_READ(cqe, flags);
	}
	return completed(ctx, ring, data, req, (s32)res, flags);
}

/* on_ring_overflow sees completions for which the ring had no room. */
SEC("raw_tp/io_uring_cqe_overflow")
int on_ring_overflow(struct ring_args *ctx)
{
	return completed(ctx, ctx->arg[0], ctx->arg[1], 0, (s32)ctx->arg[2], ctx->arg[3]);
}

#endif
