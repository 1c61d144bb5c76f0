/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Addresses of sockets, from the kernel's sock where it knows them, from the caller where not. */
#ifndef GYR_SOCK_H
#define GYR_SOCK_H

#include "path.h"

#define UNIX_PATH_MAX 108

struct any_addr {
	u16 family;
	__be16 port;
	union {
		struct {
			__be32 v4;
		};
		struct {
			__be32 flow;
			u8 v6[16];
		};
	};
};

static __always_inline struct socket *file_socket(struct file *f)
{
	if (!f || (GET(f, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	u64 p = NUM(GET(f, private_data));
	return p ? AS(struct socket, p) : NULL;
}

static __always_inline void at_u8(struct scratch *s, u32 o, u8 v) { s->data[LOW(s->off + o, DATA_MAX - 1)] = v; }
static __always_inline void at_u16(struct scratch *s, u32 o, u16 v) { STORE(16, &s->data[LOW(s->off + o, DATA_MAX - 1)], v); }
static __always_inline void at_u32(struct scratch *s, u32 o, u32 v) { STORE(32, &s->data[LOW(s->off + o, DATA_MAX - 1)], v); }
static __always_inline void at_u64(struct scratch *s, u32 o, u64 v) { STORE(64, &s->data[LOW(s->off + o, DATA_MAX - 1)], v); }
static __always_inline void *at(struct scratch *s, u32 o) { return &s->data[LOW(s->off + o, DATA_MAX - 1)]; }

/* put_sockaddr writes an address that the caller gave. */
static __always_inline void put_sockaddr(struct scratch *s, u64 p, u32 len)
{
	struct any_addr a = {};
	u32 n = len > sizeof(a) ? sizeof(a) : len;
	if (!p || len < 2 || s->overflow || read_arg(s, &a, n, p)) {
		put_none(s);
		return;
	}
	if (a.family == AF_INET && len >= 8) {
		at_u8(s, 0, AF_INET);
		at_u32(s, 1, a.v4);
		at_u16(s, 5, bpf_ntohs(a.port));
		end_param(s, 7);
	} else if (a.family == AF_INET6 && len >= 24) {
		at_u8(s, 0, AF_INET6);
		bpf_probe_read_kernel(at(s, 1), 16, a.v6);
		at_u16(s, 17, bpf_ntohs(a.port));
		end_param(s, 19);
	} else if (a.family == AF_UNIX) {
		/* An abstract name begins with a NUL, which is left out. */
		u32 max = len - 2 > UNIX_PATH_MAX ? UNIX_PATH_MAX : len - 2;
		u32 skip = max > 0 && ((u8 *)&a)[2] == 0 ? 1 : 0;
		at_u8(s, 0, AF_UNIX);
		u64 name = p + 2 + skip;
		u32 room = LOW(max - skip + 1, 127);
		long got = is_kept(s, name) ? bpf_probe_read_kernel_str(at(s, 1), room, kept(s, name)) :
					      bpf_probe_read_user_str(at(s, 1), room, (void *)name);
		if (got <= 0) {
			at_u8(s, 1, 0);
			got = 1;
		}
		end_param(s, 1 + got);
	} else {
		at_u8(s, 0, a.family);
		end_param(s, 1);
	}
}

/* tuple writes the ends of the socket behind the file in[0]. out: local first, then remote; otherwise remote first. An
 * unconnected socket's remote end is the address that the caller gave with the message. */
__noinline int tuple(u32 key, bool out, u64 usr)
{
	struct scratch *s = slot(key);
	if (!s)
		return 0;
	struct file *f = s->in[0] ? AS(struct file, s->in[0]) : NULL;
	struct socket *sock = file_socket(f);
	struct sock *sk = sock ? GET(sock, sk) : NULL;
	if (!sk || s->overflow) {
		put_none(s);
		return 0;
	}
	u16 family = GET(sk, __sk_common.skc_family);
	u16 lport = GET(sk, __sk_common.skc_num);
	u16 rport = bpf_ntohs(GET(sk, __sk_common.skc_dport));
	struct any_addr a = {};
	if (family == AF_INET) {
		u32 local = GET(sk, __sk_common.skc_rcv_saddr), remote = GET(sk, __sk_common.skc_daddr);
		if (!local)
			local = BPF_CORE_READ((struct inet_sock *)sk, inet_saddr);
		if (!rport && usr && !read_arg(s, &a, 8, usr) && a.family == AF_INET) {
			remote = a.v4;
			rport = bpf_ntohs(a.port);
		}
		at_u8(s, 0, AF_INET);
		at_u32(s, 1, out ? local : remote);
		at_u16(s, 5, out ? lport : rport);
		at_u32(s, 7, out ? remote : local);
		at_u16(s, 11, out ? rport : lport);
		end_param(s, 13);
	} else if (family == AF_INET6) {
		u64 base = NUM(sk) + bpf_core_field_offset(struct sock, __sk_common);
		u64 local = base + bpf_core_field_offset(struct sock_common, skc_v6_rcv_saddr);
		u64 remote = base + bpf_core_field_offset(struct sock_common, skc_v6_daddr);
		at_u8(s, 0, AF_INET6);
		bpf_probe_read_kernel(at(s, out ? 1 : 19), 16, (void *)local);
		bpf_probe_read_kernel(at(s, out ? 19 : 1), 16, (void *)remote);
		if (!rport && usr && !read_arg(s, &a, 24, usr) && a.family == AF_INET6) {
			bpf_probe_read_kernel(at(s, out ? 19 : 1), 16, a.v6);
			rport = bpf_ntohs(a.port);
		}
		at_u16(s, 17, out ? lport : rport);
		at_u16(s, 35, out ? rport : lport);
		end_param(s, 37);
	} else if (family == AF_UNIX) {
		struct unix_sock *u = (struct unix_sock *)sk;
		u64 peer = (u64)BPF_CORE_READ(u, peer);
		struct unix_sock *named = (struct unix_sock *)(out ? peer : NUM(sk));
		at_u8(s, 0, AF_UNIX);
		u64 self = NUM(sk);
		at_u64(s, 1, out ? peer : self);
		at_u64(s, 9, out ? self : peer);
		long got = 0;
		u8 first = 0;
		if (out && !peer && usr) {
			read_arg(s, &first, 1, usr + 2);
			usr += 2 + !first;
			got = is_kept(s, usr) ? bpf_probe_read_kernel_str(at(s, 17), UNIX_PATH_MAX, kept(s, usr)) :
						bpf_probe_read_user_str(at(s, 17), UNIX_PATH_MAX, (void *)usr);
		} else {
			u64 addr = (u64)BPF_CORE_READ(named, addr);
			s32 len = addr ? BPF_CORE_READ((struct unix_address *)addr, len) : 0;
			if (len > 2) {
				/* struct sockaddr_un: two bytes of family, then the path. An abstract one has no end but the length. */
				u32 max = len - 2 > UNIX_PATH_MAX ? UNIX_PATH_MAX : len - 2;
				addr += bpf_core_field_offset(struct unix_address, name) + 2;
				bpf_probe_read_kernel(&first, 1, (void *)addr);
				got = bpf_probe_read_kernel_str(at(s, 17), LOW(max - !first + 1, 127), (void *)(addr + !first));
			}
		}
		if (got <= 0) {
			at_u8(s, 17, 0);
			got = 1;
		}
		end_param(s, 17 + got);
	} else {
		put_none(s);
	}
	return 0;
}

static __always_inline void put_tuple(struct scratch *s, struct file *f, bool out, u64 usr)
{
	s->in[0] = (u64)f;
	tuple(s->slot, out, usr);
}

/* put_iov writes the beginning of what a vector of buffers holds. */
static __always_inline u32 iov_item(u64 iov, u32 i, bool compat, u64 *base)
{
	u64 v[2] = {};
	u32 w[2] = {};
	if (compat) {
		bpf_probe_read_user(w, 8, (void *)(iov + 8 * i));
		*base = w[0];
		return w[1];
	}
	bpf_probe_read_user(v, 16, (void *)(iov + 16 * i));
	*base = v[0];
	return v[1] > 0xffffffff ? 0xffffffff : v[1];
}

#define MAX_IOV 16

struct iov_walk {
	struct scratch *s;
	u64 iov;
	u32 count, limit, have, sum;
};

STEP iov_step(u32 i, struct iov_walk *w)
{
	if (i >= w->count)
		return 1;
	u64 base;
	u32 len = iov_item(w->iov, i, w->s->compat, &base);
	w->sum += len;
	if (w->have < w->limit) {
		u32 room = w->limit - w->have;
		w->have += add_user(w->s, LOW(w->have, TEXT_MAX - 1), base, len > room ? room : len);
	}
	return 0;
}

/* put_iov writes the beginning of what a vector of buffers holds. */
__noinline int put_iov(u32 key, u64 iov, u32 count, u32 limit)
{
	struct iov_walk w = {.s = slot(key), .iov = iov, .count = count};
	if (!w.s)
		return 0;
	w.limit = limit > TEXT_MAX - 1 ? TEXT_MAX - 1 : limit;
	REPEAT(MAX_IOV, iov_step, &w);
	end_param(w.s, LOW(w.have, TEXT_MAX - 1));
	return 0;
}

/* iov_size is how many bytes a vector of buffers holds. */
__noinline int iov_size(u32 key, u64 iov, u32 count)
{
	struct iov_walk w = {.s = slot(key), .iov = iov, .count = count};
	if (!w.s)
		return 0;
	REPEAT(MAX_IOV, iov_step, &w);
	return w.sum;
}

/* struct user_msghdr, of 64-bit callers and of 32-bit ones. */
struct msg64 {
	u64 name;
	u32 namelen, pad;
	u64 iov, iovlen, control, controllen;
	u32 flags, pad2;
};
struct msg32 {
	u32 name, namelen, iov, iovlen, control, controllen, flags;
};

static __always_inline bool read_msg(struct scratch *s, u64 p, struct msg64 *m)
{
	if (!s->compat)
		return !bpf_probe_read_user(m, sizeof(*m), (void *)p);
	struct msg32 c = {};
	if (bpf_probe_read_user(&c, sizeof(c), (void *)p))
		return false;
	m->name = c.name;
	m->iov = c.iov;
	m->iovlen = c.iovlen;
	m->control = c.control;
	m->controllen = c.controllen;
	return true;
}

#endif
