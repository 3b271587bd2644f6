// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build ignore

// The tcp sensor: what becomes of every TCP connection that ends in a socket of this host. README.md beside this file has
// the hooks, the table of transitions and what each costs.
#include "kernel.h"
#include "meter.h"
#include "books.h"
#include "record.h"
#include "socket.h"
#include "state.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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
	METER_RECOUNT,
};

enum adopt_pass { ADOPT_LISTENERS, ADOPT_SOCKETS, ADOPT_OWNERS };

// Set by user space before each walk and each pass.
volatile __u32 walk_everything = 0;
volatile __u32 adopt_pass = ADOPT_LISTENERS;

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
	tp = tcp_of(sk);
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
	k = kept_of(sk);
	if (!k)
		return 0;
	if (k->syn_retransmits < 255)
		k->syn_retransmits++;
	if (k->syn_retransmits != 2)
		return 0;
	tp = tcp_of(sk);
	if (!tp)
		return 0;
	id.taken = bpf_ktime_get_ns();
	identify(&id, sk, k, port_of(tp), COOKIE(sk, sk, k));
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
	k = kept_of(sk);
	if (k)
		__sync_fetch_and_add(&k->resets_sent, 1);
	return 0;
}

METERED("tp_btf/tcp_receive_reset", tcp_reset_received, METER_RESET_RECEIVED, __u64 *)
{
	struct sock *sk = (void *)ctx[0];
	struct tcp_kept *k = kept_of(sk);

	if (k)
		__sync_fetch_and_add(&k->resets_received, 1);
	return 0;
}

// A socket whose connect() never reached SYN_SENT shows no transition: it is reported when it goes.
METERED("tp_btf/tcp_destroy_sock", tcp_destroyed, METER_DESTROY, __u64 *)
{
	struct sock *sk = (void *)ctx[0];
	struct tcp_kept *k = kept_of(sk);
	struct tcp_sock *tp;

	if (!k)
		return 0;
	tp = k->closed && !k->pending ? NULL : tcp_of(sk);
	if (tp)
		on_destroy(sk, tp, k);
	forget_destroyed(sk, k);
	return 0;
}

static __always_inline struct tcp_kept *pend(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct tcp_sock *tp;
	struct tcp_kept *k;

	if (ctx->protocol != IPPROTO_TCP || !sk)
		return NULL;
	k = keep(sk);
	if (!k)
		return NULL;
	// The program tries again on a socket whose last attempt came to nothing.
	if (k->pending) {
		tp = tcp_of(sk);
		if (tp)
			report_never_sent((struct sock *)tp, tp, k, COOKIE(ctx, sk, k));
	}
	book_in(k);
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

static __always_inline int walk(struct seq_file *seq, struct sock *sk, struct tcp_kept *k)
{
	struct tcp_snapshot s;
	// None for a listener.
	struct tcp_sock *tp = NULL;
	__u32 sent = 0, received = 0;
	__u16 port;
	int state;

	if (k->role == ROLE_LISTENER) {
		if (!walk_everything && !k->changed)
			return 0;
	} else {
		tp = tcp_of(sk);
		if (!tp)
			return 0;
		sent = READ(tp, segs_out);
		received = READ(tp, segs_in);
		if (!walk_everything && !k->changed && sent == k->reported_sent && received == k->reported_received)
			return 0;
	}
	// Most sockets are still, and need no record.
	__builtin_memset(&s, 0, sizeof(s));
	// The stamp is taken before the look at closed, which a closing record sets before its own stamp: so that a snapshot
	// of an open connection is always older than the record of its end.
	s.id.taken = bpf_ktime_get_ns();
	state = READ(sk, __sk_common.skc_state);
	if (state == TCP_CLOSE || k->closed)
		return 0;
	if (!tp) {
		if (state != TCP_LISTEN)
			return 0;
		s.id.kind = RECORD_LISTENER;
		port = READ(sk, __sk_common.skc_num);
	} else {
		if (state == TCP_SYN_SENT && !sent)
			return 0;
		s.id.kind = RECORD_CONNECTION;
		s.id.phase = state == TCP_SYN_SENT || state == TCP_SYN_RECV ? PHASE_OPENING : PHASE_ESTABLISHED;
		count(&s, sk, tp, k);
		port = port_of(tp);
	}
	identify(&s.id, sk, k, port, COOKIE(sk, sk, k));
	if (forgotten(k))
		return 0;
	// The kernel runs the program again for a socket whose record did not fit: until it has, nothing is marked as reported.
	if (bpf_seq_write(seq, &s, sizeof(s)))
		return 0;
	k->rounds_sent += sent < k->reported_sent;
	k->rounds_received += received < k->reported_received;
	k->reported_sent = sent;
	k->reported_received = received;
	k->changed = 0;
	return 0;
}

#ifndef OLDER_KERNELS
METERED("iter/bpf_sk_storage_map", tcp_walk, METER_WALK, struct bpf_iter__bpf_sk_storage_map *)
{
	struct tcp_kept *k = ctx->value;
	struct sock *sk = ctx->sk;

	return sk && k ? walk(ctx->meta->seq, sk, k) : 0;
}
#else
METERED("iter/bpf_map_elem", tcp_walk, METER_WALK, struct bpf_iter__bpf_map_elem *)
{
	struct tcp_kept *k = ctx->value;
	__u64 *address = ctx->key;

	return address && k ? walk(ctx->meta->seq, (struct sock *)*address, k) : 0;
}
#endif

static __always_inline void note_listening(struct sock *sk)
{
	struct listening at = {.netns = netns_of(sk), .port = READ(sk, __sk_common.skc_num)};
	__u8 yes = 1;

	if (bpf_map_update_elem(&listening, &at, &yes, BPF_ANY))
		COUNT(table_full);
}

static __always_inline void adopt_listener(struct sock *sk, struct task_struct *task)
{
	struct tcp_kept *k;

	if (kept_of(sk) || !in_scope(sk, task))
		return;
	k = keep(sk);
	if (!k)
		return;
	owner_group(&k->owner, sk, task);
	process_of(&k->owner, task);
	k->role = ROLE_LISTENER;
	k->changed = 1;
	note_parent(sk, k);
}

// adopt_multipath takes over a multipath listener, which Go's servers are. The TCP listener behind it has no file, so what
// it accepts comes without its process, and gets one from adopt_pass ADOPT_OWNERS or when it closes.
static __always_inline void adopt_multipath(struct sock *sk, struct task_struct *task)
{
	if (adopt_pass != ADOPT_LISTENERS || READ(sk, __sk_common.skc_state) != TCP_LISTEN)
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
	socket = socket_of(file);
	if (!socket)
		return 0;
	sk = READ(socket, sk);
	if (!sk)
		return 0;
	if (READ(sk, sk_protocol) == IPPROTO_MPTCP) {
		adopt_multipath(sk, task);
		return 0;
	}
	if (READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	tp = tcp_of(sk);
	if (!tp)
		return 0;
	state = READ(sk, __sk_common.skc_state);
	if (adopt_pass == ADOPT_LISTENERS) {
		if (state == TCP_LISTEN) {
			note_listening(sk);
			adopt_listener(sk, task);
		}
		return 0;
	}
	if (state == TCP_CLOSE || state == TCP_LISTEN)
		return 0;
	k = kept_of(sk);
	if (adopt_pass == ADOPT_OWNERS && k && k->inherited)
		correct(k, sk, task);
	// A connection that nobody had accepted yet comes to be found by a later pass.
	if (k || !in_scope(sk, task))
		return 0;
	k = keep(sk);
	if (!k)
		return 0;
	adopt(k, sk, tp);
	book_in(k);
	owner_group(&k->owner, sk, task);
	process_of(&k->owner, task);
	// It may have closed meanwhile.
	if (k->closed)
		book_out(k);
	return 0;
}

#ifndef OLDER_KERNELS
// It writes nothing, so that the kernel goes over all sockets in one stretch and passes over none.
METERED("iter/bpf_sk_storage_map", tcp_recount, METER_RECOUNT, struct bpf_iter__bpf_sk_storage_map *)
{
	struct tcp_kept *k = ctx->value;

	if (ctx->sk && k && k->role != ROLE_LISTENER)
		book_carry(k);
	return 0;
}
#endif
