// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is done when a connection changes its state. README.md has the table.
#ifndef AEOLUS_TCP_STATE_H
#define AEOLUS_TCP_STATE_H

#include "access.h"
#include "bucket.h"
#include "kernel.h"
#include "owner.h"
#include "ring.h"
#include "record.h"
#include "socket.h"
#include "books.h"

// report_never_sent reports a connect() that was called and never reached SYN_SENT.
static __always_inline void report_never_sent(struct sock *sk, struct tcp_sock *tp, struct tcp_kept *k, __u64 cookie)
{
	struct task_struct *task = current_task();
	struct tcp_snapshot s = {};

	k->pending = 0;
	book_out(k);
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
	struct task_struct *task = current_task();
	struct tcp_kept *k;

	if (!in_scope(sk, task)) {
		k = kept_of(sk);
		if (k)
			book_out(k);
		forget(sk);
		return;
	}
	k = keep(sk);
	if (!k)
		return;
	owner_group(&k->owner, sk, task);
	process_of(&k->owner, task);
	k->role = ROLE_CLIENT;
	if (!k->pending)
		book_in(k);
	renew(sk, k);
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
	identify(&s.id, sk, k, sk->__sk_common.skc_num, COOKIE(sk, sk, k));
	s.id.kind = kind;
	bulk_write(&s, sizeof(s));
}

static __always_inline void on_listen(struct sock *sk)
{
	struct task_struct *task = current_task();
	struct tcp_kept *k;

	if (!in_scope(sk, task))
		return;
	k = keep(sk);
	if (!k)
		return;
	owner_group(&k->owner, sk, task);
	process_of(&k->owner, task);
	k->role = ROLE_LISTENER;
	k->booked = 0;
	k->earlier += k->closed;
	k->inherited = k->adopted = k->pending = k->closed = k->changed = 0;
	note_parent(sk, k);
	report_listener(sk, k, RECORD_LISTENER);
}

static __always_inline void on_listener_gone(struct sock *sk)
{
	struct tcp_kept *k = kept_of(sk);

	if (!k)
		return;
	k->closed = 1;
	report_listener(sk, k, RECORD_LISTENER_GONE);
	forget_parent(sk, k);
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
	book_in(k);
}

// adopt_client takes over a connection whose SYN was sent before the sensor was there, and which has no file.
static __always_inline struct tcp_kept *adopt_client(struct sock *sk)
{
	struct tcp_sock *tp = tcp_of(sk);
	struct tcp_kept *k;

	if (!tp || !in_scope(sk, NULL))
		return NULL;
	k = keep(sk);
	if (!k)
		return NULL;
	adopt(k, sk, tp);
	book_in(k);
	owner_group(&k->owner, sk, NULL);
	k->role = ROLE_CLIENT;
	return k;
}

static __always_inline void on_established(struct sock *sk, int old)
{
	struct tcp_kept *k = old == TCP_SYN_RECV ? kept_of_child(sk) : kept_of(sk);

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
		k = adopt_client(sk);
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
	struct tcp_kept *k = kept_of(sk);

	if (k && k->role == ROLE_LISTENER) {
		// Its beginning was skipped.
		become_child(k);
		k->established = bpf_ktime_get_ns();
	}
	if (k && k->inherited)
		correct(k, sk, current_task());
}

static __always_inline __u8 failure_of(struct sock *sk, struct tcp_sock *tp, struct tcp_kept *k, int old)
{
	int error = sk->sk_err;

	switch (old) {
	case TCP_SYN_RECV:
		if (!k || k->role != ROLE_CLIENT)
			return FAILURE_RESET;
	case TCP_SYN_SENT:
		if (!READ(tp, segs_out))
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

// catch_up sets what an earlier transition would have set. The kernel skips a program that is about to run inside itself,
// in an interrupt for example: one run in a million or so.
static __always_inline void catch_up(struct tcp_kept *k, struct sock *sk, int old)
{
	if (k->role == ROLE_UNKNOWN) {
		owner_group(&k->owner, sk, NULL);
		k->role = ROLE_CLIENT;
		k->pending = 0;
	}
	if (!k->established && !k->adopted && old != TCP_SYN_SENT && old != TCP_SYN_RECV)
		k->established = bpf_ktime_get_ns();
}

static __always_inline void on_close(struct sock *sk, struct tcp_sock *tp, int old)
{
	struct tcp_kept *k = old == TCP_SYN_RECV ? kept_of_child(sk) : kept_of(sk);
	struct tcp_snapshot s = {};

	if (!k) {
		if (!in_scope(sk, NULL))
			return;
		k = keep(sk);
		if (k) {
			adopt(k, sk, tp);
			book_in(k);
			owner_group(&k->owner, sk, NULL);
		}
	}
	if (k) {
		if (k->role == ROLE_LISTENER)
			become_child(k);
		catch_up(k, sk, old);
		// Closing by close() has shut both directions already, and runs in the process that calls it.
		if (k->inherited && sk->sk_shutdown == SHUTDOWN_MASK && (old == TCP_ESTABLISHED || old == TCP_CLOSE_WAIT))
			correct(k, sk, current_task());
		k->closed = 1;
		book_out(k);
	}
	s.id.taken = bpf_ktime_get_ns();
	identify(&s.id, sk, k, port_of(tp), COOKIE(sk, sk, k));
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

// on_destroy is the last that is seen of a socket. Its end was reported when it closed, unless that run was skipped: then
// what it closed from is told by what is known of it.
static __always_inline void on_destroy(struct sock *sk, struct tcp_sock *tp, struct tcp_kept *k)
{
	if (k->pending) {
		report_never_sent(sk, tp, k, COOKIE(sk, sk, k));
		return;
	}
	if (k->closed || k->role == ROLE_UNKNOWN)
		return;
	if (k->role == ROLE_LISTENER) {
		// What has a peer is a child of that listener, whose beginning was skipped as well.
		if (!sk->__sk_common.skc_dport)
			return;
		become_child(k);
		k->established = bpf_ktime_get_ns();
	}
	if (!k->established && !k->adopted)
		on_close(sk, tp, k->role == ROLE_CLIENT ? TCP_SYN_SENT : TCP_SYN_RECV);
	else
		on_close(sk, tp, sk->sk_err ? TCP_ESTABLISHED : TCP_FIN_WAIT2);
}

#endif
