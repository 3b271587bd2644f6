// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build ignore

// The tcp sensor: what becomes of every TCP connection that ends in a socket of this host. README.md beside this file has
// the hooks, the table of transitions and what each costs.
#include "kernel.h"
#include "meter.h"
#include "ring.h"
#include "bucket.h"
#include "owner.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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

// Programs as the meter numbers them.
enum meter_index {
	METER_STATE,
	METER_RETRANSMIT,
	METER_RESET_SENT,
	METER_RESET_RECEIVED,
	METER_DESTROY,
	METER_CONNECT4,
	METER_CONNECT6,
	METER_WALK,
	METER_ADOPT,
};

enum record_kind {
	RECORD_CONNECTION = 1,
	RECORD_LISTENER,
	RECORD_LISTENER_GONE,
	RECORD_FAILED,
	RECORD_RETRYING,
};
enum record_role { ROLE_UNKNOWN, ROLE_CLIENT, ROLE_SERVER, ROLE_LISTENER };
enum record_phase { PHASE_OPENING = 1, PHASE_ESTABLISHED, PHASE_CLOSED };
enum record_failure {
	FAILURE_NONE,
	FAILURE_REFUSED,
	FAILURE_TIMED_OUT,
	FAILURE_GIVEN_UP,
	FAILURE_RESET,
	FAILURE_UNREACHABLE,
	FAILURE_NO_ROUTE,
	FAILURE_NEVER_SENT,
};
enum record_flags {
	RECORD_ADOPTED = 1,
	RECORD_INHERITED = 2,
	// The reset was received.
	RECORD_BY_PEER = 4,
	// It was established when it ended.
	RECORD_WAS_ESTABLISHED = 8,
};

// What both rings carry: who, whom, when, what became of it. An urgent record is this and nothing more.
struct tcp_identity {
	__u8 kind;
	__u8 role;
	__u8 phase;
	__u8 failure;
	__u8 flags;
	__u8 owner_kind;
	__u8 syn_retransmits;
	__u8 layout;
	__u64 cookie;
	__u64 owner_id;
	__u64 opened;
	__u64 established;
	__u64 closed;
	__u64 taken;
	// IPv4 in its mapped form.
	__u32 local[4];
	__u32 remote[4];
	__u16 local_port;
	__u16 remote_port;
	__u16 error;
	__u16 unused;
	__u32 netns;
	__u32 tgid;
	char comm[16];
};

// A bulk record: a snapshot with everything that the connection has counted since it began.
struct tcp_snapshot {
	struct tcp_identity id;
	__u64 sent_bytes;
	__u64 received_bytes;
	__u64 sent_segments;
	__u64 received_segments;
	__u64 base_sent_bytes;
	__u64 base_received_bytes;
	__u32 base_sent_segments;
	__u32 base_received_segments;
	__u32 retransmits;
	__u32 base_retransmits;
	__u32 resets_sent;
	__u32 resets_received;
	__u32 smoothed_rtt;
	__u32 minimum_rtt;
	__u32 handshake;
	__u32 unused;
};

#define LAYOUT 1

// Never used: it brings the record's type into the object's BTF, from which the Go mirror is generated.
const struct tcp_snapshot *record_type __attribute__((unused));

// What is kept with each socket. The yes-or-no members are bytes and not bits, because a walk may write one while a state
// change on another CPU writes the next.
struct tcp_kept {
	struct owner owner;
	__u8 role;
	// The process is the listener's.
	__u8 inherited;
	// Older than the sensor: base is set.
	__u8 adopted;
	// connect() was called and no SYN_SENT has followed.
	__u8 pending;
	// The closing record is written: a walk that meets the socket now passes over it.
	__u8 closed;
	// The next walk reports it even if it has not moved.
	__u8 changed;
	__u8 syn_retransmits;
	__u8 unused;
	// How many earlier connections this socket has been reported with.
	__u16 earlier;
	__u16 pending_port;
	__u64 opened;
	__u64 established;
	__u64 base_sent_bytes;
	__u64 base_received_bytes;
	__u32 base_sent_segments;
	__u32 base_received_segments;
	__u32 base_retransmits;
	__u32 resets_sent;
	__u32 resets_received;
	__u32 handshake;
	// Segments at the last report, and how often the kernel's 32 bits have come round since the beginning.
	__u32 reported_sent;
	__u32 reported_received;
	__u16 rounds_sent;
	__u16 rounds_received;
	// Where a connect() that is pending wants to go.
	__u32 pending_address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct tcp_kept);
} kept SEC(".maps");

struct listening {
	__u32 netns;
	__u32 port;
};

// Ports that are listened on: tells the role of connections older than the sensor.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct listening);
	__type(value, __u8);
} listening SEC(".maps");

enum adopt_pass { ADOPT_LISTENERS, ADOPT_SOCKETS, ADOPT_OWNERS };

// Set by user space before each walk and each pass.
volatile __u32 walk_everything = 0;
volatile __u32 adopt_pass = ADOPT_LISTENERS;

static __always_inline void addresses(struct tcp_identity *id, struct sock *sk)
{
	if (sk->__sk_common.skc_family == AF_INET) {
		id->local[2] = bpf_htonl(0xffff);
		id->local[3] = sk->__sk_common.skc_rcv_saddr;
		id->remote[2] = bpf_htonl(0xffff);
		id->remote[3] = sk->__sk_common.skc_daddr;
	} else {
		for (int i = 0; i < 4; i++) {
			id->local[i] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[i];
			id->remote[i] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[i];
		}
	}
	id->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
}

// Not skc_num, as for a listener: it is taken away before the tracepoint when a socket closes.
static __always_inline __u16 port_of(struct tcp_sock *tp)
{
	return bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
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
	__u64 sent = tp->bytes_sent, again = tp->bytes_retrans, received = tp->bytes_received;
	__u32 segments;

	if (received && sk->__sk_common.skc_flags & (1UL << SOCK_DONE))
		received--;
	s->sent_bytes = sent > again ? sent - again : 0;
	s->received_bytes = received;
	s->retransmits = tp->total_retrans;
	s->smoothed_rtt = tp->srtt_us >> 3;
	s->minimum_rtt = tp->rtt_min.s[0].v;
	if (s->minimum_rtt == ~0U)
		s->minimum_rtt = 0;
	segments = tp->segs_out;
	s->sent_segments = segments;
	if (k)
		s->sent_segments |= (__u64)(k->rounds_sent + (segments < k->reported_sent)) << 32;
	segments = tp->segs_in;
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

static __always_inline struct tcp_kept *keep(struct sock *sk)
{
	struct tcp_kept *k = bpf_sk_storage_get(&kept, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!k)
		COUNT(storage_full);
	return k;
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

// report_never_sent reports a connect() that was called and never reached SYN_SENT.
static __always_inline void report_never_sent(struct sock *sk, struct tcp_sock *tp, struct tcp_kept *k, __u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct tcp_snapshot s = {};

	k->pending = 0;
	if (!in_scope(sk, task))
		return;
	owner_group(&k->owner, sk, task);
	process_of(&k->owner, task);
	s.id.taken = bpf_ktime_get_ns();
	identify(&s.id, sk, k, port_of(tp), cookie);
	k->earlier++;
	s.id.kind = RECORD_FAILED;
	s.id.role = ROLE_CLIENT;
	s.id.phase = PHASE_CLOSED;
	s.id.failure = FAILURE_NEVER_SENT;
	s.id.flags = 0;
	s.id.syn_retransmits = 0;
	s.id.opened = 0;
	s.id.established = 0;
	s.id.closed = s.id.taken;
	s.id.remote_port = bpf_ntohs(k->pending_port);
	__builtin_memcpy(s.id.remote, k->pending_address, sizeof(s.id.remote));
	urgent_write(&s.id, sizeof(s.id), s.id.owner_id, s.id.taken);
	s.id.kind = RECORD_CONNECTION;
	bulk_write(&s, sizeof(s));
}

static __always_inline void on_connect(struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct tcp_kept *k;

	if (!in_scope(sk, task)) {
		bpf_sk_storage_delete(&kept, sk);
		return;
	}
	k = keep(sk);
	if (!k)
		return;
	owner_group(&k->owner, sk, task);
	process_of(&k->owner, task);
	k->role = ROLE_CLIENT;
	k->earlier += k->closed;
	k->inherited = k->adopted = k->pending = k->closed = 0;
	k->changed = 1;
	k->syn_retransmits = 0;
	k->established = 0;
	k->handshake = 0;
	k->resets_sent = k->resets_received = 0;
	k->reported_sent = k->reported_received = 0;
	k->rounds_sent = k->rounds_received = 0;
	k->base_sent_bytes = k->base_received_bytes = 0;
	k->base_sent_segments = k->base_received_segments = k->base_retransmits = 0;
	k->opened = bpf_ktime_get_ns();
}

static __always_inline void report_listener(struct sock *sk, struct tcp_kept *k, __u8 kind)
{
	struct tcp_snapshot s = {};

	s.id.taken = bpf_ktime_get_ns();
	identify(&s.id, sk, k, sk->__sk_common.skc_num, bpf_get_socket_cookie(sk));
	s.id.kind = kind;
	bulk_write(&s, sizeof(s));
}

static __always_inline void on_listen(struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct tcp_kept *k;

	if (!in_scope(sk, task))
		return;
	k = keep(sk);
	if (!k)
		return;
	owner_group(&k->owner, sk, task);
	process_of(&k->owner, task);
	k->role = ROLE_LISTENER;
	k->earlier += k->closed;
	k->inherited = k->adopted = k->pending = k->closed = k->changed = 0;
	report_listener(sk, k, RECORD_LISTENER);
}

static __always_inline void on_listener_gone(struct sock *sk)
{
	struct tcp_kept *k = bpf_sk_storage_get(&kept, sk, NULL, 0);

	if (!k)
		return;
	k->closed = 1;
	report_listener(sk, k, RECORD_LISTENER_GONE);
}

// become_child turns the copy of its listener's storage, which an accepted socket is born with, into its own.
static __always_inline void become_child(struct tcp_kept *k)
{
	k->role = ROLE_SERVER;
	k->inherited = 1;
	k->adopted = 0;
	k->closed = 0;
	k->earlier = 0;
	k->changed = 1;
	k->opened = 0;
	k->established = 0;
	k->resets_sent = k->resets_received = 0;
	k->reported_sent = k->reported_received = 0;
}

static __always_inline void on_established(struct sock *sk, int old)
{
	struct tcp_kept *k = bpf_sk_storage_get(&kept, sk, NULL, 0);

	if (old == TCP_SYN_RECV && (!k || k->role != ROLE_CLIENT)) {
		if (!k) {
			if (!in_scope(sk, NULL))
				return;
			k = keep(sk);
			if (!k)
				return;
			owner_group(&k->owner, sk, NULL);
		}
		become_child(k);
		k->established = bpf_ktime_get_ns();
		return;
	}
	if (!k)
		return;
	k->established = bpf_ktime_get_ns();
	if (k->opened)
		k->handshake = (k->established - k->opened) / 1000;
}

// The process that ends a connection is the one that holds it.
static __always_inline void correct(struct tcp_kept *k, struct sock *sk, struct task_struct *task)
{
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return;
	owner_group(&k->owner, sk, task);
	process_of(&k->owner, task);
	k->inherited = 0;
	k->changed = 1;
}

static __always_inline void on_closing(struct sock *sk)
{
	struct tcp_kept *k = bpf_sk_storage_get(&kept, sk, NULL, 0);

	if (k && k->inherited)
		correct(k, sk, bpf_get_current_task_btf());
}

static __always_inline __u8 failure_of(struct sock *sk, struct tcp_sock *tp, struct tcp_kept *k, int old)
{
	int error = sk->sk_err;

	switch (old) {
	case TCP_SYN_RECV:
		if (!k || k->role != ROLE_CLIENT)
			return FAILURE_RESET;
	case TCP_SYN_SENT:
		if (!tp->segs_out)
			return FAILURE_NEVER_SENT;
		if (error == ECONNREFUSED)
			return FAILURE_REFUSED;
		if (error == ETIMEDOUT)
			return FAILURE_TIMED_OUT;
		if (error == ECONNRESET)
			return FAILURE_RESET;
		if (error && error != ECONNABORTED)
			return FAILURE_UNREACHABLE;
		return FAILURE_GIVEN_UP;
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
		if (error == ETIMEDOUT)
			return FAILURE_TIMED_OUT;
		if (error && error != ECONNRESET && error != EPIPE && error != ECONNABORTED)
			return FAILURE_UNREACHABLE;
		return FAILURE_RESET;
	}
	// Our own FIN is out already. The kernel does not count these as resets of an established connection, nor do we.
	return error == ETIMEDOUT ? FAILURE_TIMED_OUT : FAILURE_NONE;
}

static __always_inline void on_close(struct sock *sk, struct tcp_sock *tp, int old)
{
	struct tcp_kept *k = bpf_sk_storage_get(&kept, sk, NULL, 0);
	struct tcp_snapshot s = {};

	if (!k) {
		if (!in_scope(sk, NULL))
			return;
		k = keep(sk);
		if (k) {
			adopt(k, sk, tp);
			owner_group(&k->owner, sk, NULL);
		}
	}
	if (k) {
		if (k->role == ROLE_LISTENER)
			become_child(k);
		// Closing by close() has shut both directions already, and runs in the process that calls it.
		if (k->inherited && sk->sk_shutdown == SHUTDOWN_MASK && (old == TCP_ESTABLISHED || old == TCP_CLOSE_WAIT))
			correct(k, sk, bpf_get_current_task_btf());
		k->closed = 1;
	}
	s.id.taken = bpf_ktime_get_ns();
	identify(&s.id, sk, k, port_of(tp), bpf_get_socket_cookie(sk));
	s.id.closed = s.id.taken;
	s.id.phase = PHASE_CLOSED;
	s.id.error = sk->sk_err;
	s.id.failure = failure_of(sk, tp, k, old);
	if (s.id.failure == FAILURE_NEVER_SENT)
		s.id.opened = 0;
	if (old != TCP_SYN_SENT && old != TCP_SYN_RECV)
		s.id.flags |= RECORD_WAS_ESTABLISHED;
	count(&s, sk, tp, k);
	if (s.id.failure == FAILURE_RESET) {
		if (s.id.error == ECONNRESET || s.id.error == EPIPE)
			s.id.flags |= RECORD_BY_PEER;
		else if (!s.resets_sent)
			// The kernel sends it right after this transition.
			s.resets_sent = 1;
	}
	if (s.id.failure != FAILURE_NONE) {
		s.id.kind = RECORD_FAILED;
		urgent_write(&s.id, sizeof(s.id), s.id.owner_id, s.id.taken);
	}
	s.id.kind = RECORD_CONNECTION;
	bulk_write(&s, sizeof(s));
}

METERED("tp_btf/inet_sock_set_state", tcp_state, METER_STATE, __u64 *)
{
	struct sock *sk = (void *)ctx[0];
	int old = (int)ctx[1], new = (int)ctx[2];
	struct tcp_sock *tp;

	// Half of all transitions are of no interest.
	if (new != TCP_CLOSE && new != TCP_SYN_SENT && new != TCP_ESTABLISHED && new != TCP_LISTEN && new != TCP_FIN_WAIT1 &&
	    new != TCP_LAST_ACK)
		return 0;
	if (old == new)
		return 0;
	// Of multipath sockets only listeners older than the sensor are kept: see adopt_multipath.
	if (old == TCP_LISTEN && new == TCP_CLOSE) {
		on_listener_gone(sk);
		return 0;
	}
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	switch (new) {
	case TCP_LISTEN:
		on_listen(sk);
		return 0;
	case TCP_SYN_SENT:
		on_connect(sk);
		return 0;
	case TCP_ESTABLISHED:
		on_established(sk, old);
		return 0;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		on_closing(sk);
		return 0;
	}
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp)
		on_close(sk, tp, old);
	return 0;
}

METERED("tp_btf/tcp_retransmit_skb", tcp_retransmit, METER_RETRANSMIT, __u64 *)
{
	struct sock *sk = (void *)ctx[0];
	struct tcp_identity id = {};
	struct tcp_sock *tp;
	struct tcp_kept *k;

	if (sk->__sk_common.skc_state != TCP_SYN_SENT)
		return 0;
	k = bpf_sk_storage_get(&kept, sk, NULL, 0);
	if (!k)
		return 0;
	if (k->syn_retransmits < 255)
		k->syn_retransmits++;
	if (k->syn_retransmits != 2)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	id.taken = bpf_ktime_get_ns();
	identify(&id, sk, k, port_of(tp), bpf_get_socket_cookie(sk));
	id.kind = RECORD_RETRYING;
	id.phase = PHASE_OPENING;
	urgent_write(&id, sizeof(id), id.owner_id, id.taken);
	return 0;
}

METERED("tp_btf/tcp_send_reset", tcp_reset_sent, METER_RESET_SENT, __u64 *)
{
	struct sock *sk = (void *)ctx[0];
	struct tcp_kept *k;

	if (!sk || sk->__sk_common.skc_state == TCP_TIME_WAIT || sk->__sk_common.skc_state == TCP_NEW_SYN_RECV ||
	    sk->__sk_common.skc_state == TCP_LISTEN)
		return 0;
	k = bpf_sk_storage_get(&kept, sk, NULL, 0);
	if (k)
		__sync_fetch_and_add(&k->resets_sent, 1);
	return 0;
}

METERED("tp_btf/tcp_receive_reset", tcp_reset_received, METER_RESET_RECEIVED, __u64 *)
{
	struct sock *sk = (void *)ctx[0];
	struct tcp_kept *k = bpf_sk_storage_get(&kept, sk, NULL, 0);

	if (k)
		__sync_fetch_and_add(&k->resets_received, 1);
	return 0;
}

// A socket whose connect() never reached SYN_SENT shows no transition: it is reported when it goes.
METERED("tp_btf/tcp_destroy_sock", tcp_destroyed, METER_DESTROY, __u64 *)
{
	struct sock *sk = (void *)ctx[0];
	struct tcp_kept *k = bpf_sk_storage_get(&kept, sk, NULL, 0);
	struct tcp_sock *tp;

	if (!k || !k->pending)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp)
		report_never_sent(sk, tp, k, bpf_get_socket_cookie(sk));
	return 0;
}

static __always_inline struct tcp_kept *pend(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct tcp_sock *tp;
	struct tcp_kept *k;

	if (ctx->protocol != IPPROTO_TCP || !sk)
		return NULL;
	k = bpf_sk_storage_get(&kept, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!k) {
		COUNT(storage_full);
		return NULL;
	}
	// The program tries again on a socket whose last attempt came to nothing.
	if (k->pending) {
		tp = bpf_skc_to_tcp_sock(sk);
		if (tp)
			report_never_sent((struct sock *)tp, tp, k, bpf_get_socket_cookie(ctx));
	}
	k->pending = 1;
	k->pending_port = ctx->user_port;
	return k;
}

METERED("cgroup/connect4", tcp_connect4, METER_CONNECT4, struct bpf_sock_addr *)
{
	struct tcp_kept *k = pend(ctx);

	if (k) {
		k->pending_address[0] = k->pending_address[1] = 0;
		k->pending_address[2] = bpf_htonl(0xffff);
		k->pending_address[3] = ctx->user_ip4;
	}
	return 1;
}

METERED("cgroup/connect6", tcp_connect6, METER_CONNECT6, struct bpf_sock_addr *)
{
	struct tcp_kept *k = pend(ctx);

	if (k) {
		k->pending_address[0] = ctx->user_ip6[0];
		k->pending_address[1] = ctx->user_ip6[1];
		k->pending_address[2] = ctx->user_ip6[2];
		k->pending_address[3] = ctx->user_ip6[3];
	}
	return 1;
}

METERED("iter/bpf_sk_storage_map", tcp_walk, METER_WALK, struct bpf_iter__bpf_sk_storage_map *)
{
	struct sock *sk = ctx->sk;
	struct tcp_kept *k = ctx->value;
	struct tcp_snapshot s = {};
	// None for a listener.
	struct tcp_sock *tp = NULL;
	__u32 sent = 0, received = 0;
	__u16 port;
	int state;

	if (!sk || !k)
		return 0;
	if (k->role == ROLE_LISTENER) {
		if (!walk_everything && !k->changed)
			return 0;
	} else {
		tp = bpf_skc_to_tcp_sock(sk);
		if (!tp)
			return 0;
		sent = tp->segs_out;
		received = tp->segs_in;
		if (!walk_everything && !k->changed && sent == k->reported_sent && received == k->reported_received)
			return 0;
	}
	// The stamp is taken before the look at closed, which a closing record sets before its own stamp: so that a snapshot
	// of an open connection is always older than the record of its end.
	s.id.taken = bpf_ktime_get_ns();
	state = sk->__sk_common.skc_state;
	if (state == TCP_CLOSE || k->closed)
		return 0;
	if (!tp) {
		if (state != TCP_LISTEN)
			return 0;
		s.id.kind = RECORD_LISTENER;
		port = sk->__sk_common.skc_num;
	} else {
		if (state == TCP_SYN_SENT && !sent)
			return 0;
		s.id.kind = RECORD_CONNECTION;
		s.id.phase = state == TCP_SYN_SENT || state == TCP_SYN_RECV ? PHASE_OPENING : PHASE_ESTABLISHED;
		count(&s, sk, tp, k);
		port = port_of(tp);
	}
	identify(&s.id, sk, k, port, bpf_get_socket_cookie(sk));
	// The kernel runs the program again for a socket whose record did not fit: until it has, nothing is marked as reported.
	if (bpf_seq_write(ctx->meta->seq, &s, sizeof(s)))
		return 0;
	k->rounds_sent += sent < k->reported_sent;
	k->rounds_received += received < k->reported_received;
	k->reported_sent = sent;
	k->reported_received = received;
	k->changed = 0;
	return 0;
}

static __always_inline void note_listening(struct sock *sk)
{
	struct listening at = {.netns = netns_of(sk), .port = sk->__sk_common.skc_num};
	__u8 yes = 1;

	if (bpf_map_update_elem(&listening, &at, &yes, BPF_ANY))
		COUNT(table_full);
}

static __always_inline void adopt_listener(struct sock *sk, struct task_struct *task)
{
	struct tcp_kept *k;

	if (bpf_sk_storage_get(&kept, sk, NULL, 0) || !in_scope(sk, task))
		return;
	k = keep(sk);
	if (!k)
		return;
	owner_group(&k->owner, sk, task);
	process_of(&k->owner, task);
	k->role = ROLE_LISTENER;
	k->changed = 1;
}

// adopt_multipath takes over a multipath listener, which Go's servers are. The TCP listener behind it has no file, so what
// it accepts comes without its process, and gets one from adopt_pass ADOPT_OWNERS or when it closes.
static __always_inline void adopt_multipath(struct sock *sk, struct task_struct *task)
{
	if (adopt_pass != ADOPT_LISTENERS || sk->__sk_common.skc_state != TCP_LISTEN)
		return;
	note_listening(sk);
	adopt_listener(sk, task);
}

METERED("iter/task_file", tcp_adopt, METER_ADOPT, struct bpf_iter__task_file *)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct tcp_sock *tp;
	struct tcp_kept *k;
	struct sock *sk;
	int state;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	if (sk->sk_protocol == IPPROTO_MPTCP) {
		adopt_multipath(sk, task);
		return 0;
	}
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	state = sk->__sk_common.skc_state;
	if (adopt_pass == ADOPT_LISTENERS) {
		if (state == TCP_LISTEN) {
			note_listening(sk);
			adopt_listener(sk, task);
		}
		return 0;
	}
	if (state == TCP_CLOSE || state == TCP_LISTEN)
		return 0;
	k = bpf_sk_storage_get(&kept, sk, NULL, 0);
	if (adopt_pass == ADOPT_OWNERS) {
		if (k && k->inherited)
			correct(k, sk, task);
		return 0;
	}
	if (k || !in_scope(sk, task))
		return 0;
	k = keep(sk);
	if (!k)
		return 0;
	adopt(k, sk, tp);
	owner_group(&k->owner, sk, task);
	process_of(&k->owner, task);
	return 0;
}
