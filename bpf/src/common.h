/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What all programs share: the two ways to read kernel memory, the maps, and the writer of records.
 *
 * The sources are compiled twice. GYR_FAST is for kernels that let a program follow kernel pointers
 * by itself (tp_btf programs with bpf_rdonly_cast, 6.2 and later): a read costs one instruction. The
 * other form asks bpf_probe_read_kernel for each pointer and needs only a ring buffer and BTF (5.8).
 *
 * Pointers that a program is given are cast too. Kernels trust those, and for each pointer read through them the
 * verifier looks through all types of the kernel, several times, whether that one is to be trusted as well: that
 * was a third of the CPU time of a start. What was cast is not trusted, which reading does not need.
 */
#ifndef GYR_COMMON_H
#define GYR_COMMON_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

#ifdef GYR_FAST
#define HOOK(name) SEC("tp_btf/" name)
/* REPEAT calls step(i, context) for i from 0 to n-1 until it returns 1. The verifier looks at the step
 * once, not n times. */
#define STEP static __noinline long
#define REPEAT(n, step, context) bpf_loop(n, step, context, 0)
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;
#define AS(type, p) ((type *)bpf_rdonly_cast((void *)(p), bpf_core_type_id_kernel(type)))
#define GET(p, ...) ___arrow(p, __VA_ARGS__)
#define CURRENT() AS(struct task_struct, bpf_get_current_task_btf())
#else
#define HOOK(name) SEC("raw_tp/" name)
#define STEP static __always_inline long
#define REPEAT(n, step, context)                  \
	for (u32 __i = 0; __i < (n); __i++)       \
		if (step(__i, context))           \
			break
#define AS(type, p) ((type *)(p))
#define GET(p, ...) BPF_CORE_READ(p, __VA_ARGS__)
#define CURRENT() ((struct task_struct *)bpf_get_current_task())
#endif

/* A pointer as a number that the verifier does not follow. */
#define NUM(p) ({ u64 __n = (u64)(p); barrier_var(__n); __n; })

/* The low bits of a number. The compiler leaves an "&" out, or does it to a copy, where it knows the
 * number to be small; verifiers before 6.3 or so do not know that. */
#define LOW(n, mask) ({ u64 __low = (n); asm volatile("%0 &= %1" : "+r"(__low) : "i"(mask)); __low; })

#define EINPROGRESS 115
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFIFO 0010000

#define DATA_MAX 0x10000 /* the largest record, a power of two */
#define PATH_LEN 4096   /* of which the final NUL is one byte */
#define TEXT_MAX 4096
#define MAX_SYSCALLS 512
#define MAX_OPS 20

/*
 * The kinds of scratch memory: one for each hook. From Linux 7 on a task can lose its processor within a
 * program at a tracepoint. In the tasks that run meanwhile the programs of other hooks run; the same program
 * does not, since the kernel takes that for a recursion. So each hook has its program twice there, and the
 * second does the work when it sees that the first is held up. It has scratch memory of its own.
 */
enum { SCRATCH_SYSCALL, SCRATCH_EXEC, SCRATCH_FORK, SCRATCH_EXIT, SCRATCH_SUBMIT, SCRATCH_COMPLETE, SCRATCH_RESOLVE, SCRATCH_KINDS };
#define SLOT_ITER 0 /* the iterators' slot comes first, then the kinds of each processor */

/* A walk from a directory entry up to the root of its mount namespace. */
struct walk {
	u64 dentry, mnt;
	u32 off;    /* where the path begins in scratch.path */
	u32 mnt_id; /* of the mount in which the walk began */
	u32 ended, detached;
};

/*
 * The memory in which a record grows. It is too large for the stack and for a per-CPU map, so there
 * is one for each processor and kind in an ordinary array. Functions that are verified on their own
 * get the slot's number and look it up again.
 */
struct scratch {
	u64 args[8]; /* the system call's arguments, its result in [6], 0 in [7] */
	u32 nr;      /* its number on this architecture */
	u32 compat;  /* it was made in 32-bit mode */
	u32 slot;    /* its place in scratch_map */
	u32 busy;    /* a program is at work in here */
	u64 off, lens;
	u64 overflow;
	u64 file; /* the struct file behind the result */
	u64 ring_file; /* of a call through an io_uring: the struct file that it is about, if known */
	u32 via;  /* the call came through an io_uring: VIA_... */
	u32 strange; /* of such a call: the current task is another process's */
	u64 spare;
	u64 turn;  /* the task that is about to report an io_uring's request from here, 0 if none is */
	u64 in[2]; /* arguments of functions verified on their own: a pointer there is a plain number */
	struct walk walk;
	u8 path[PATH_LEN + 512];
	u8 data[DATA_MAX + 2 * TEXT_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 + SCRATCH_KINDS); /* kinds times the number of processors: set by the loader */
	__type(key, u32);
	__type(value, struct scratch);
} scratch_map SEC(".maps");

/*
 * A call through an io_uring keeps the kernel's copies of its texts and structures in its scratch memory, in a
 * part of data that no such record reaches. Its arguments that were pointers are then places in there, from 1.
 */
#define KEPT_AT 0xa000
#define KEPT_MAX 0x2000

/* What the loader says and changes while the programs run. It is mapped into the daemon. */
struct control {
	u64 boot_epoch;        /* ns from the epoch to the boot clock's zero, follows the clock's steps */
	u64 start_epoch;       /* the same as it was at first: start times identify tasks and must not move */
	u32 reader_sleeps;     /* the reader waits for a wake-up */
	u32 snaplen;           /* bytes of data that a record keeps */
	u32 cpus_per_ring;     /* processors that share a bulk ring */
	u32 drop_failed;       /* failed calls are not reported */
	u32 resolving;         /* programs at security checks keep what they see */
	u32 unused;
	u8 want[MAX_SYSCALLS]; /* by system call: 0 or the program that serves it */
	u8 want32[MAX_SYSCALLS]; /* the same, by 32-bit number */
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct control);
} control_map SEC(".maps");

/* Counters by processor; the names stand in the loader. */
enum {
	COUNT_CRITICAL,       /* records written to the critical ring */
	COUNT_BULK,           /* records written to the bulk rings */
	COUNT_CRITICAL_LOST,  /* records that found the critical ring full */
	COUNT_BULK_LOST,      /* records that found their bulk ring full */
	COUNT_CUT,            /* records whose last texts did not fit */
	COUNT_TAIL_CALL,      /* tail calls that failed */
	COUNT_SECOND,         /* times the second program stood in for the first */
	COUNT_KINDS
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNT_KINDS);
	__type(key, u32);
	__type(value, u64);
} counters SEC(".maps");

/* Lost records by event code. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 640); /* event.NumTypes */
	__type(key, u32);
	__type(value, u64);
} lost_by_event SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20); /* set by the loader */
} critical_ring SEC(".maps");

struct inner_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20); /* set by the loader */
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1); /* set by the loader */
	__type(key, u32);
	__array(values, struct inner_ring);
} bulk_rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u32);
} tails SEC(".maps");

static __always_inline struct control *control(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&control_map, &zero);
}

/* Where the scratch memory of these programs begins: set by the loader. */
const volatile u32 first_slot = 1;
#define IS_SECOND (first_slot > 1)

static __always_inline struct scratch *slot(u32 key) { return bpf_map_lookup_elem(&scratch_map, &key); }

static __always_inline struct scratch *scratch(u32 kind)
{
	u32 key = first_slot + bpf_get_smp_processor_id() * SCRATCH_KINDS + kind;
	struct scratch *s = slot(key);
	if (s)
		s->slot = key;
	return s;
}

/* Stores of one instruction: left to itself the compiler splits what may not be aligned into bytes. */
#define STORE(bits, p, v) asm volatile("*(u" #bits " *)(%0 + 0) = %1" : : "r"(p), "r"((u64)(v)) : "memory")

static __always_inline void count(u32 what)
{
	u64 *n = bpf_map_lookup_elem(&counters, &what);
	if (n)
		(*n)++;
}

/*
 * idle says whether this is a second program with nothing to do, because the first does it. If the task is
 * interrupted just between the two, both may report an event: twice is better than never.
 */
static __always_inline bool idle(u32 kind)
{
	if (!IS_SECOND)
		return false;
	struct scratch *first = slot(1 + bpf_get_smp_processor_id() * SCRATCH_KINDS + kind);
	if (!first || !*(volatile u32 *)&first->busy)
		return true;
	count(COUNT_SECOND);
	return false;
}

/* enter marks the scratch memory of a hook's program as in use until it leaves. */
static __always_inline struct scratch *enter(u32 kind)
{
	struct scratch *s = scratch(kind);
	if (s)
		*(volatile u32 *)&s->busy = 1;
	return s;
}
static __always_inline int leave(struct scratch *s)
{
	*(volatile u32 *)&s->busy = 0;
	return 0;
}

/* begin starts a record with room for n parameters. */
static __always_inline void begin(struct scratch *s, u16 type, u32 n, s64 tid)
{
	struct control *c = control();
	u64 ts = bpf_ktime_get_boot_ns();
	if (c)
		ts += c->boot_epoch;
	STORE(64, &s->data[0], ts);
	STORE(64, &s->data[8], tid);
	STORE(16, &s->data[20], type);
	STORE(32, &s->data[22], n);
	s->lens = 26;
	s->off = 26 + 2 * n;
	s->overflow = 0;
}

/* end_param notes that the newest parameter is len bytes long, which are already in place. */
static __always_inline void end_param(struct scratch *s, u32 len)
{
	u64 at = LOW(s->lens, 0x1ff);
	STORE(16, &s->data[at], len);
	s->lens += 2;
	s->off += len;
	if (s->off > DATA_MAX - TEXT_MAX - 64)
		s->overflow = 1;
}

static __always_inline u8 *here(struct scratch *s)
{
	u64 at = LOW(s->off, DATA_MAX - 1);
	return &s->data[at];
}

static __always_inline void put_u8(struct scratch *s, u8 v)
{
	*here(s) = v;
	end_param(s, 1);
}
static __always_inline void put_u16(struct scratch *s, u16 v)
{
	STORE(16, here(s), v);
	end_param(s, 2);
}
static __always_inline void put_u32(struct scratch *s, u32 v)
{
	STORE(32, here(s), v);
	end_param(s, 4);
}
static __always_inline void put_u64(struct scratch *s, u64 v)
{
	STORE(64, here(s), v);
	end_param(s, 8);
}
static __always_inline void put_none(struct scratch *s) { end_param(s, 0); }

static __always_inline bool is_kept(struct scratch *s, u64 p) { return s->via && p <= KEPT_MAX; }

/* kept is where the kept argument p lies. */
static __always_inline u8 *kept(struct scratch *s, u64 p)
{
	return &s->data[KEPT_AT + LOW(p - 1, KEPT_MAX - 1)];
}

/* read_arg reads up to 31 bytes of what an argument points to. */
static __always_inline long read_arg(struct scratch *s, void *to, u32 n, u64 p)
{
	if (is_kept(s, p))
		return p ? bpf_probe_read_kernel(to, LOW(n, 31), kept(s, p)) : -1;
	return bpf_probe_read_user(to, LOW(n, 31), (void *)p);
}

/* put_text copies a text with its final NUL from user or kernel memory; none if it cannot be read. */
static __always_inline void put_user_text(struct scratch *s, u64 p, u32 max)
{
	long n = 0;
	if (p && !s->overflow)
		n = is_kept(s, p) ? bpf_probe_read_kernel_str(here(s), max, kept(s, p)) :
				    bpf_probe_read_user_str(here(s), max, (void *)p);
	end_param(s, n > 0 ? n : 0);
}
static __always_inline void put_kernel_text(struct scratch *s, u64 p, u32 max)
{
	long n = 0;
	if (p && !s->overflow)
		n = bpf_probe_read_kernel_str(here(s), max, (void *)p);
	end_param(s, n > 0 ? n : 0);
}

/* add_bytes appends up to TEXT_MAX-1 bytes from user memory to the parameter being written. */
static __always_inline u32 add_bytes(struct scratch *s, u32 have, u64 p, u64 len)
{
	u64 at = LOW(s->off + have, DATA_MAX - 1);
	if (s->overflow || !p)
		return 0;
	if (len > TEXT_MAX - 1)
		len = TEXT_MAX - 1;
	if (bpf_probe_read_user(&s->data[at], LOW(len, TEXT_MAX - 1), (void *)p) == 0)
		return len;
	/* The end may lie in a page that is not there; what comes before it is worth having. */
	u64 page = 4096 - (p & 4095);
	if (page >= len)
		return 0;
	if (bpf_probe_read_user(&s->data[at], LOW(page, TEXT_MAX - 1), (void *)p) == 0)
		return page;
	return 0;
}

#ifdef GYR_FAST
#define add_user add_bytes
#else
/* A loop that is unrolled is verified round by round, but a function of its own only once. */
__noinline int add_bytes_alone(u32 key, u32 have, u64 p, u64 len)
{
	struct scratch *s = slot(key);
	return s ? add_bytes(s, have, p, len) : 0;
}
static __always_inline u32 add_user(struct scratch *s, u32 have, u64 p, u64 len)
{
	return add_bytes_alone(s->slot, have, p, len);
}
#endif

static __always_inline void put_user_bytes(struct scratch *s, u64 p, u64 len)
{
	end_param(s, add_user(s, 0, p, len));
}

/*
 * send puts the record into its ring. A reader that sleeps is woken; one that polls is left alone,
 * since a wake-up costs more than the record.
 */
static __always_inline void send(struct scratch *s, bool critical)
{
	struct control *c = control();
	u64 size = s->off;
	if (!c)
		return;
	if (size > DATA_MAX || size < 26)
		return; /* cannot be: end_param stops in time */
	if (s->overflow)
		count(COUNT_CUT);
	STORE(32, &s->data[16], size);
	u64 flags = c->reader_sleeps ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
	if (flags == BPF_RB_FORCE_WAKEUP)
		c->reader_sleeps = 0;
	long err;
	if (critical) {
		err = bpf_ringbuf_output(&critical_ring, s->data, size, flags);
	} else {
		u32 per = c->cpus_per_ring;
		u32 ring = per ? bpf_get_smp_processor_id() / per : 0;
		void *bulk = bpf_map_lookup_elem(&bulk_rings, &ring);
		err = bulk ? bpf_ringbuf_output(bulk, s->data, size, flags) : -1;
	}
	if (err) {
		u32 type = *(u16 *)&s->data[20];
		u64 *n = bpf_map_lookup_elem(&lost_by_event, &type);
		if (n)
			(*n)++;
		count(critical ? COUNT_CRITICAL_LOST : COUNT_BULK_LOST);
	} else {
		count(critical ? COUNT_CRITICAL : COUNT_BULK);
	}
	if (flags == BPF_RB_NO_WAKEUP && *(volatile u32 *)&c->reader_sleeps) {
		/* The reader went to sleep between the look and the write: wake it with an empty record. */
		void *r = bpf_ringbuf_reserve(&critical_ring, 8, 0);
		if (r) {
			c->reader_sleeps = 0;
			bpf_ringbuf_discard(r, BPF_RB_FORCE_WAKEUP);
		}
	}
}

#endif
