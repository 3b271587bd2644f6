// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build ignore

// Ten questions, as somebody who knows the kernel would write them in C: no more than is asked, the maps that are fastest,
// members read directly. questions.go has the same as probes; what those cost is compared with these.
#include "kernel.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { PERCPU_HASH = 5, KEYS = 10240, TCP_ESTABLISHED = 1 };

struct address {
	__u64 high, low;
};

struct pair {
	struct address source, destination;
};

struct extremes {
	__s64 least, most;
	__u64 sum, count;
};

struct window {
	__u64 began, count, told;
};

struct connected {
	struct address source, destination;
	__u64 port;
};

#define COUNTS(name, key_type)                                                                                         \
	struct {                                                                                                       \
		__uint(type, PERCPU_HASH);                                                                             \
		__uint(max_entries, KEYS);                                                                             \
		__type(key, key_type);                                                                                 \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps")

#define SLOTS(name, entries, value_type)                                                                               \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                                               \
		__uint(max_entries, entries);                                                                          \
		__type(key, __u32);                                                                                    \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

SLOTS(filtered, 1, __u64);
COUNTS(ports, __u16);
COUNTS(pairs, struct pair);
SLOTS(histogram, 64, __u64);
COUNTS(peers, struct address);
COUNTS(reasons, __u32);
SLOTS(named, 1, __u64);
SLOTS(extremes, 1, struct extremes);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KEYS);
	__type(key, __u16);
	__type(value, struct window);
} windows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} told SEC(".maps");

static __always_inline void add(void *map, const void *key, __u64 amount)
{
	__u64 *value = bpf_map_lookup_elem(map, key);

	if (value)
		*value += amount;
	else
		bpf_map_update_elem(map, key, &amount, BPF_NOEXIST);
}

static __always_inline struct address ipv4(__be32 address)
{
	struct address result = {0, (__u64)address << 32 | 0xffff0000};

	return result;
}

static __always_inline struct address destination(struct sock *sk)
{
	const __be32 *words = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32;
	struct address result;

	if (sk->__sk_common.skc_family != AF_INET6)
		return ipv4(sk->__sk_common.skc_daddr);
	result.high = (__u64)words[1] << 32 | words[0];
	result.low = (__u64)words[3] << 32 | words[2];
	return result;
}

static __always_inline struct address source(struct sock *sk)
{
	const __be32 *words = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32;
	struct address result;

	if (sk->__sk_common.skc_family != AF_INET6)
		return ipv4(sk->__sk_common.skc_rcv_saddr);
	result.high = (__u64)words[1] << 32 | words[0];
	result.low = (__u64)words[3] << 32 | words[2];
	return result;
}

static __always_inline __u16 port(struct sock *sk) { return bpf_ntohs(sk->__sk_common.skc_dport); }

SEC("tp_btf/inet_sock_set_state") int BPF_PROG(filter, struct sock *sk, int old, int new)
{
	__u32 zero = 0;
	__u64 *n;

	if (new != TCP_ESTABLISHED || port(sk) != 1)
		return 0;
	n = bpf_map_lookup_elem(&filtered, &zero);
	if (n)
		(*n)++;
	return 0;
}

SEC("tp_btf/sock_send_length") int BPF_PROG(by_port, struct sock *sk)
{
	__u16 key = port(sk);

	add(&ports, &key, 1);
	return 0;
}

SEC("tp_btf/sock_send_length") int BPF_PROG(by_pair, struct sock *sk)
{
	struct pair key = {source(sk), destination(sk)};

	add(&pairs, &key, 1);
	return 0;
}

static __always_inline __u32 log2(__u64 v)
{
	__u32 result = 0;

#pragma unroll
	for (int shift = 32; shift > 0; shift /= 2) {
		if (v >> shift) {
			v >>= shift;
			result += shift;
		}
	}
	return result;
}

// smoothed is the round-trip time that a connection has, in nanoseconds.
static __always_inline int smoothed(struct sock *sk, __u64 *rtt)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	if (!tcp)
		return 0;
	*rtt = (__u64)tcp->srtt_us * 125;
	return 1;
}

SEC("tp_btf/tcp_probe") int BPF_PROG(rtt_histogram, struct sock *sk)
{
	__u64 rtt, *n;
	__u32 slot;

	if (!smoothed(sk, &rtt))
		return 0;
	slot = rtt ? log2(rtt) + 1 : 0;
	n = bpf_map_lookup_elem(&histogram, &slot);
	if (n)
		(*n)++;
	return 0;
}

SEC("tp_btf/sock_send_length") int BPF_PROG(bytes_by_peer, struct sock *sk, int sent)
{
	struct address key;

	if (sent <= 0)
		return 0;
	key = destination(sk);
	add(&peers, &key, sent);
	return 0;
}

SEC("tp_btf/kfree_skb") int BPF_PROG(drops_by_reason, void *skb, void *location, __u32 reason)
{
	add(&reasons, &reason, 1);
	return 0;
}

SEC("tp_btf/sock_send_length") int BPF_PROG(by_name, struct sock *sk)
{
	char wanted[16] __attribute__((aligned(8))) = "aeolus-measure", name[16] __attribute__((aligned(8)));
	__u32 zero = 0;
	__u64 *n;

	bpf_get_current_comm(name, sizeof(name));
	if (((__u64 *)name)[0] != ((__u64 *)wanted)[0] || ((__u64 *)name)[1] != ((__u64 *)wanted)[1])
		return 0;
	n = bpf_map_lookup_elem(&named, &zero);
	if (n)
		(*n)++;
	return 0;
}

SEC("tp_btf/tcp_probe") int BPF_PROG(rtt_extremes, struct sock *sk)
{
	struct extremes *e;
	__u32 zero = 0;
	__u64 rtt;

	if (!smoothed(sk, &rtt))
		return 0;
	e = bpf_map_lookup_elem(&extremes, &zero);
	if (!e)
		return 0;
	if (!e->count || (__s64)rtt < e->least)
		e->least = rtt;
	if (!e->count || (__s64)rtt > e->most)
		e->most = rtt;
	e->sum += rtt;
	e->count++;
	return 0;
}

SEC("tp_btf/sock_send_length") int BPF_PROG(trigger, struct sock *sk)
{
	__u16 key = port(sk);
	__u64 now = bpf_ktime_get_ns();
	struct window *w, first = {now, 1, 0};

	w = bpf_map_lookup_elem(&windows, &key);
	if (!w) {
		bpf_map_update_elem(&windows, &key, &first, BPF_NOEXIST);
		return 0;
	}
	if (now - w->began > 1000000000) {
		w->began = now;
		w->count = 0;
		w->told = 0;
	}
	__sync_fetch_and_add(&w->count, 1);
	if (w->count >= 1000000000 && !w->told) {
		w->told = 1;
		bpf_ringbuf_output(&told, &key, sizeof(key), 0);
	}
	return 0;
}

SEC("tp_btf/inet_sock_set_state") int BPF_PROG(event, struct sock *sk, int old, int new)
{
	struct connected *c;

	if (new != TCP_ESTABLISHED)
		return 0;
	c = bpf_ringbuf_reserve(&told, sizeof(*c), 0);
	if (!c)
		return 0;
	c->source = source(sk);
	c->destination = destination(sk);
	c->port = port(sk);
	bpf_ringbuf_submit(c, 0);
	return 0;
}
