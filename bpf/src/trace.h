/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Events of tracepoints that fire often: switches of the processor, page faults, delivered signals. They are
 * attached only while a rule asks for them. Their records are small and grow on the stack.
 */
#ifndef GYR_TRACE_H
#define GYR_TRACE_H

#include "task.h"

#define EVENT_SWITCH 152
#define EVENT_SIGNAL 232
#define EVENT_PAGE_FAULT 290

struct __attribute__((packed)) trace_head {
	u64 ts;
	s64 tid;
	u32 len;
	u16 type;
	u32 params;
};
struct __attribute__((packed)) trace_switch {
	struct trace_head head;
	u16 lens[6];
	s64 next;
	u64 maj, min;
	u32 size, rss, swap;
};
struct __attribute__((packed)) trace_signal {
	struct trace_head head;
	u16 lens[3];
	s64 from, to;
	u8 sig;
};
struct __attribute__((packed)) trace_fault {
	struct trace_head head;
	u16 lens[3];
	u64 addr, ip;
	u32 error;
};

/* send_trace fills the head of a record of size bytes and puts it into its bulk ring. */
static __always_inline void send_trace(struct trace_head *h, u32 size, u16 type, u32 params)
{
	struct control *c = control();
	if (!c)
		return;
	h->ts = bpf_ktime_get_boot_ns() + c->boot_epoch;
	h->tid = (u32)bpf_get_current_pid_tgid();
	h->len = size;
	h->type = type;
	h->params = params;
	u32 per = c->cpus_per_ring, ring = per ? bpf_get_smp_processor_id() / per : 0, key = type;
	void *bulk = bpf_map_lookup_elem(&bulk_rings, &ring);
	u64 flags = BPF_RB_NO_WAKEUP;
	/* A wake-up out of the scheduler would wake what it just put to sleep: the reader looks by itself. */
	if (bulk && !bpf_ringbuf_output(bulk, h, size, flags)) {
		count(COUNT_BULK);
		return;
	}
	u64 *n = bpf_map_lookup_elem(&lost_by_event, &key);
	if (n)
		(*n)++;
	count(COUNT_BULK_LOST);
}

HOOK("sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *from, struct task_struct *to)
{
	struct task_struct *prev = AS(struct task_struct, from), *next = AS(struct task_struct, to);
	struct mm_struct *mm = GET(prev, mm);
	struct trace_switch r = {
		.lens = {8, 8, 8, 4, 4, 4},
		.next = GET(next, pid),
		.maj = GET(prev, maj_flt),
		.min = GET(prev, min_flt),
	};
	if (mm) {
		r.size = GET(mm, total_vm) << 2;
		r.rss = (rss_pages(mm, 0) + rss_pages(mm, 1) + rss_pages(mm, 3)) << 2;
		r.swap = rss_pages(mm, 2) << 2;
	}
	send_trace(&r.head, sizeof(r), EVENT_SWITCH, 6);
	return 0;
}

#define SI_QUEUE (-1)
#define SI_TKILL (-6)
#define SIGCHLD 17

HOOK("signal_deliver")
int BPF_PROG(on_signal, int sig, struct kernel_siginfo *info, struct k_sigaction *ka)
{
	struct trace_signal r = {.lens = {8, 8, 1}, .to = (u32)bpf_get_current_pid_tgid(), .sig = sig};
	/* Small numbers stand for signals without a structure. */
	if ((u64)info > 1) {
		int code = BPF_CORE_READ(info, si_code);
		if (code == 0 || code == SI_QUEUE || code == SI_TKILL || sig == SIGCHLD)
			r.from = BPF_CORE_READ(info, _sifields._kill._pid);
	}
	send_trace(&r.head, sizeof(r), EVENT_SIGNAL, 3);
	return 0;
}

/* fault reports a page fault; x86 alone tells of them. */
static __always_inline int fault(u64 addr, struct pt_regs *regs, u64 k)
{
	struct trace_fault r = {.lens = {8, 8, 4}, .addr = addr};
#ifndef __TARGET_ARCH_arm64
	r.ip = BPF_CORE_READ(regs, ip);
#endif
	r.error = (k & 1 ? 1 : 2) | (k & 2 ? 4 : 8) | (k & 4 ? 16 : 32) | (k & 8 ? 64 : 0) | (k & 16 ? 128 : 0);
	send_trace(&r.head, sizeof(r), EVENT_PAGE_FAULT, 3);
	return 0;
}

HOOK("page_fault_user")
int BPF_PROG(on_fault_user, unsigned long addr, struct pt_regs *regs, unsigned long error) { return fault(addr, regs, error); }

HOOK("page_fault_kernel")
int BPF_PROG(on_fault_kernel, unsigned long addr, struct pt_regs *regs, unsigned long error) { return fault(addr, regs, error); }

#endif
