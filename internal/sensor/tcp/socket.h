// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// How a record is filled from what is kept with a socket and from the kernel's own counters.
#ifndef AEOLUS_TCP_SOCKET_H
#define AEOLUS_TCP_SOCKET_H

#include "access.h"
#include "kernel.h"
#include "keep.h"
#include "owner.h"
#include "record.h"

enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
};

enum { EPIPE = 32, ECONNABORTED = 103, ECONNRESET = 104, ETIMEDOUT = 110, ECONNREFUSED = 111 };
enum { SHUTDOWN_MASK = 3, SOCK_DONE = 1 };

static __always_inline void addresses(struct tcp_identity *id, struct sock *sk)
{
	if (READ(sk, __sk_common.skc_family) == AF_INET) {
		id->local[2] = bpf_htonl(0xffff);
		id->local[3] = READ(sk, __sk_common.skc_rcv_saddr);
		id->remote[2] = bpf_htonl(0xffff);
		id->remote[3] = READ(sk, __sk_common.skc_daddr);
	} else {
		for (int i = 0; i < 4; i++) {
			id->local[i] = READ(sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[i]);
			id->remote[i] = READ(sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[i]);
		}
	}
	id->remote_port = bpf_ntohs(READ(sk, __sk_common.skc_dport));
}

// Not skc_num, as for a listener: it is taken away before the tracepoint when a socket closes.
static __always_inline __u16 port_of(struct tcp_sock *tp)
{
	return bpf_ntohs(READ(tp, inet_conn.icsk_inet.inet_sport));
}

// identify fills in all but the kind and what the kind tells. A program may connect a socket again after it failed: so
// the number of connections it had before goes above the cookie's 48 bits, and no two connections have the same.
static __always_inline void identify(struct tcp_identity *id, struct sock *sk, struct tcp_kept *k, __u16 port,
				     __u64 cookie)
{
	id->layout = LAYOUT;
	id->cookie = cookie;
	id->local_port = port;
	addresses(id, sk);
	if (!k) {
		struct owner o = {};

		owner_group(&o, sk, NULL);
		id->owner_kind = o.kind;
		id->owner_id = o.id;
		id->netns = o.netns;
		return;
	}
	id->cookie += (__u64)k->earlier << 48;
	id->role = k->role;
	if (k->inherited)
		id->flags |= RECORD_INHERITED;
	if (k->adopted)
		id->flags |= RECORD_ADOPTED;
	id->owner_kind = k->owner.kind;
	id->owner_id = k->owner.id;
	id->netns = k->owner.netns;
	id->tgid = k->owner.tgid;
	__builtin_memcpy(id->comm, k->owner.comm, sizeof(id->comm));
	id->syn_retransmits = k->syn_retransmits;
	id->opened = k->opened;
	id->established = k->established;
}

// count fills in the counters. The kernel counts a retransmitted byte as sent when it is sent again, and the peer's FIN as
// one received byte.
static __always_inline void count(struct tcp_snapshot *s, struct sock *sk, struct tcp_sock *tp, struct tcp_kept *k)
{
	__u64 sent = READ(tp, bytes_sent), again = READ(tp, bytes_retrans), received = READ(tp, bytes_received);
	__u32 segments;

	if (received && READ(sk, __sk_common.skc_flags) & (1UL << SOCK_DONE))
		received--;
	s->sent_bytes = sent > again ? sent - again : 0;
	s->received_bytes = received;
	s->retransmits = READ(tp, total_retrans);
	s->smoothed_rtt = READ(tp, srtt_us) >> 3;
	s->minimum_rtt = READ(tp, rtt_min.s[0].v);
	if (s->minimum_rtt == ~0U)
		s->minimum_rtt = 0;
	segments = READ(tp, segs_out);
	s->sent_segments = segments;
	if (k)
		s->sent_segments |= (__u64)(k->rounds_sent + (segments < k->reported_sent)) << 32;
	segments = READ(tp, segs_in);
	s->received_segments = segments;
	if (!k)
		return;
	s->received_segments |= (__u64)(k->rounds_received + (segments < k->reported_received)) << 32;
	s->resets_sent = k->resets_sent;
	s->resets_received = k->resets_received;
	s->handshake = k->handshake;
	s->base_sent_bytes = k->base_sent_bytes;
	s->base_received_bytes = k->base_received_bytes;
	s->base_sent_segments = k->base_sent_segments;
	s->base_received_segments = k->base_received_segments;
	s->base_retransmits = k->base_retransmits;
}

static __always_inline void process_of(struct owner *o, struct task_struct *task)
{
	o->tgid = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_INTO(&o->comm, task, group_leader, comm);
}

static __always_inline __u8 role_by_port(struct sock *sk, struct tcp_sock *tp)
{
	struct listening at = {.netns = netns_of(sk), .port = port_of(tp)};

	return bpf_map_lookup_elem(&listening, &at) ? ROLE_SERVER : ROLE_CLIENT;
}

// adopt takes over a socket older than the sensor: what it has counted so far is its base.
static __always_inline void adopt(struct tcp_kept *k, struct sock *sk, struct tcp_sock *tp)
{
	struct tcp_snapshot s = {};

	count(&s, sk, tp, NULL);
	k->adopted = 1;
	k->changed = 1;
	k->role = role_by_port(sk, tp);
	k->base_sent_bytes = s.sent_bytes;
	k->base_received_bytes = s.received_bytes;
	k->base_sent_segments = s.sent_segments;
	k->base_received_segments = s.received_segments;
	k->base_retransmits = s.retransmits;
}

#endif
