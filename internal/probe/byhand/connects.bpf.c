// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build ignore

// Who connects to a port: the question whose way from the text to the first answer is measured, here in C. It needs no more than
// libbpf's headers: what is read of the kernel is declared by hand, so that nothing larger is compiled.
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_RINGBUF = 27, BPF_NOEXIST = 1, TCP_SYN_SENT = 2 };

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#ifndef PORT
#define PORT 9
#endif

struct sock_common {
	__be32 skc_daddr;
	__be16 skc_dport;
} __attribute__((preserve_access_index));

struct sock {
	struct sock_common __sk_common;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u16);
	__type(value, __u64);
} connects SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} told SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/inet_sock_set_state") int BPF_PROG(connecting, struct sock *sk, int old, int new)
{
	__u16 port = bpf_ntohs(sk->__sk_common.skc_dport);
	__u64 one = 1, *n;
	__be32 peer;

	if (new != TCP_SYN_SENT || port != PORT)
		return 0;
	n = bpf_map_lookup_elem(&connects, &port);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&connects, &port, &one, BPF_NOEXIST);
	peer = sk->__sk_common.skc_daddr;
	bpf_ringbuf_output(&told, &peer, sizeof(peer), 0);
	return 0;
}
