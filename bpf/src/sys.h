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

#include "ops.h"
#include "rare.h"

/* What serves a call: the values of control.want, and the slots of tails. */
enum { WANT_NOT, WANT_PLAIN, WANT_FILE, WANT_SOCKET, WANT_CLONE, WANT_EXEC, WANT_MMSG, WANT_RARE, WANT_AIO };

/* The operations. op.arg names the argument (6: the result), others see each. */
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
RUN_STEP(rare_step, rare_op)

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

/*
 * vital says whether a row's record goes into the critical ring. A call that failed has changed nothing: a
 * loop of such, which anybody can run, must not push out what did.
 */
static __always_inline bool vital(struct row *row, struct scratch *s)
{
	return row->critical && (s64)s->args[6] >= 0;
}

HOOK("sys_exit")
int BPF_PROG(call_plain, struct pt_regs *regs, long ret)
{
	struct run r;
	if (!begin_row(&r))
		return 0;
	REPEAT(MAX_OPS, plain_step, &r);
	send(r.s, vital(r.row, r.s));
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
	send(r.s, vital(r.row, r.s));
	struct control *c = control();
	if (c && c->resolving) {
		u64 id = bpf_get_current_pid_tgid();
		bpf_map_delete_elem(&resolved_map, &id);
	}
	return leave(r.s);
}

HOOK("sys_exit")
int BPF_PROG(call_socket, struct pt_regs *regs, long ret)
{
	struct run r;
	if (!begin_row(&r))
		return 0;
	REPEAT(MAX_OPS, socket_step, &r);
	send(r.s, vital(r.row, r.s));
	return leave(r.s);
}

HOOK("sys_exit")
int BPF_PROG(call_rare, struct pt_regs *regs, long ret)
{
	struct run r;
	if (!begin_row(&r))
		return 0;
	REPEAT(MAX_OPS, rare_step, &r);
	send(r.s, vital(r.row, r.s));
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
	send(s, vital(row, s));
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
	send(s, vital(row, s));
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

#define MAX_AIO 8
#define IOCB_PREAD 0
#define IOCB_PWRITE 1

STEP aio_step(u32 i, struct run *r)
{
	struct scratch *s = r->s;
	struct { /* struct iocb of include/uapi/linux/aio_abi.h */
		u64 data;
		u32 key, rw_flags;
		u16 op, prio;
		u32 fd;
		u64 buf, len, pos;
	} io = {};
	s64 res = s->args[6], n = s->args[1];
	if ((s64)i >= n || (i > 0 && (s64)i >= res))
		return 1;
	u64 p = s->compat ? user_u32(s->args[2] + 4 * i) : user_u64(s->args[2] + 8 * i);
	if (bpf_probe_read_user(&io, sizeof(io), (void *)p))
		return 1;
	begin(s, r->row->event, 6, (u32)bpf_get_current_pid_tgid());
	put_u64(s, res);
	put_u64(s, (s64)(s32)io.fd);
	put_u32(s, io.op);
	put_u32(s, io.len);
	put_u64(s, io.pos);
	put_user_bytes(s, io.buf, io.op == IOCB_PWRITE ? snap(io.len) : 0);
	send(s, false);
	return 0;
}

/* call_aio reports io_submit: an event for each operation. */
HOOK("sys_exit")
int BPF_PROG(call_aio, struct pt_regs *regs, long ret)
{
	struct run r;
	if (!find_row(&r))
		return 0;
	REPEAT(MAX_AIO, aio_step, &r);
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
	s->via = 0;
	s->strange = 0;
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
