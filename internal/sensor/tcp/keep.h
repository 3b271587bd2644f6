// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is kept with each socket, and where: in socket-local storage; on kernels that do not let programs that trace use
// it, in a map by the socket's address.
#ifndef AEOLUS_TCP_KEEP_H
#define AEOLUS_TCP_KEEP_H

#include "access.h"
#include "kernel.h"
#include "owner.h"
#include "ring.h"
#include "record.h"

// What is kept with each socket. The yes-or-no members are bytes and not bits, because a walk may write one while a state
// change on another CPU writes the next.
struct tcp_kept {
	// Segments at the last report. The walk looks at these, role and changed alone where a socket is still: they lie in one
	// cache line.
	__u32 reported_sent;
	__u32 reported_received;
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
	// The round of the books in which it is entered, 0 if it is not: see books.h.
	__u32 booked;
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
	// How often the kernel's 32 bits of the segments have come round since the beginning.
	__u16 rounds_sent;
	__u16 rounds_received;
	// Where a connect() that is pending wants to go.
	__u32 pending_address[4];
#ifdef OLDER_KERNELS
	// Stands in for the socket's cookie.
	__u64 id;
#endif
};

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

#ifndef OLDER_KERNELS

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct tcp_kept);
} kept SEC(".maps");

static __always_inline struct tcp_kept *kept_of(void *sk)
{
	return bpf_sk_storage_get(&kept, sk, NULL, 0);
}

static __always_inline struct tcp_kept *keep(void *sk)
{
	struct tcp_kept *k = bpf_sk_storage_get(&kept, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!k)
		COUNT(storage_full);
	return k;
}

static __always_inline void forget(struct sock *sk)
{
	bpf_sk_storage_delete(&kept, sk);
}

// What follows is done by the kernel, which clones the storage of a listener and frees that of a socket.
static __always_inline struct tcp_kept *kept_of_child(struct sock *sk)
{
	return kept_of(sk);
}

static __always_inline void renew(struct sock *sk, struct tcp_kept *k) {}
static __always_inline void note_parent(struct sock *sk, struct tcp_kept *k) {}
static __always_inline void forget_parent(struct sock *sk, struct tcp_kept *k) {}
static __always_inline void forget_destroyed(struct sock *sk, struct tcp_kept *k) {}
static __always_inline bool forgotten(struct tcp_kept *k) { return 0; }

// COOKIE is what a connection is known by; ABOUT is a socket or the context of a program that runs for one.
#define COOKIE(about, sk, k) bpf_get_socket_cookie(about)

#else

// As many sockets as are kept in view at once; those beyond are counted and seen only when they close.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct tcp_kept);
} kept SEC(".maps");

// What is kept with listeners, for those that they accept. Of several that share a port, the latest stands for all.
struct parent {
	__u64 socket;
	struct owner owner;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct listening);
	__type(value, struct parent);
} parents SEC(".maps");

const struct tcp_kept nothing_kept = {};

static __always_inline struct tcp_kept *kept_of(void *sk)
{
	__u64 address = address_of(sk);

	return bpf_map_lookup_elem(&kept, &address);
}

// new_id mixes a socket's address with the time: no other connection of this node has the same.
static __always_inline __u64 new_id(void *sk)
{
	__u64 id = (address_of(sk) + bpf_ktime_get_ns() * 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL;

	return (id ^ id >> 29) * 0x94d049bb133111ebULL;
}

static __always_inline struct tcp_kept *keep(void *sk)
{
	__u64 address = address_of(sk);
	struct tcp_kept *k = bpf_map_lookup_elem(&kept, &address);

	if (k)
		return k;
	bpf_map_update_elem(&kept, &address, &nothing_kept, BPF_NOEXIST);
	k = bpf_map_lookup_elem(&kept, &address);
	if (k)
		k->id = new_id(sk);
	else
		COUNT(storage_full);
	return k;
}

// renew gives a new connection a number of its own, also where the socket's place is left from another that nobody saw go.
static __always_inline void renew(struct sock *sk, struct tcp_kept *k)
{
	k->id = new_id(sk);
}

static __always_inline void forget(void *sk)
{
	__u64 address = address_of(sk);

	bpf_map_delete_elem(&kept, &address);
}

static __always_inline void note_parent(struct sock *sk, struct tcp_kept *k)
{
	struct listening at = {.netns = netns_of(sk), .port = READ(sk, __sk_common.skc_num)};
	struct parent parent = {.socket = address_of(sk)};

	__builtin_memcpy(&parent.owner, &k->owner, sizeof(parent.owner));
	if (bpf_map_update_elem(&parents, &at, &parent, BPF_ANY))
		COUNT(table_full);
}

// forget_parent is also the last of what is kept with the listener itself: one of another protocol is not seen to go.
static __always_inline void forget_parent(struct sock *sk, struct tcp_kept *k)
{
	struct listening at = {.netns = k->owner.netns};
	struct parent *parent;

	// Of a listener that closes, skc_num is gone.
	at.port = bpf_ntohs(READ((struct tcp_sock *)sk, inet_conn.icsk_inet.inet_sport));
	parent = bpf_map_lookup_elem(&parents, &at);
	if (parent && parent->socket == address_of(sk))
		bpf_map_delete_elem(&parents, &at);
	forget(sk);
}

// kept_of_child is, for a socket that a listener has made, what was kept with the listener.
static __always_inline struct tcp_kept *kept_of_child(struct sock *sk)
{
	struct listening at = {.netns = netns_of(sk), .port = READ(sk, __sk_common.skc_num)};
	struct tcp_kept *k = kept_of(sk);
	struct parent *parent;

	if (k) {
		if (k->role != ROLE_CLIENT)
			renew(sk, k);
		return k;
	}
	parent = bpf_map_lookup_elem(&parents, &at);
	if (!parent)
		return NULL;
	k = keep(sk);
	if (!k)
		return NULL;
	__builtin_memcpy(&k->owner, &parent->owner, sizeof(k->owner));
	k->role = ROLE_LISTENER;
	return k;
}

static __always_inline void forget_destroyed(struct sock *sk, struct tcp_kept *k)
{
	k->closed = 1;
	forget(sk);
}

// forgotten tells a walk, which nothing keeps the socket alive for, whether what it has read may be another's by now.
static __always_inline bool forgotten(struct tcp_kept *k)
{
	return *(volatile __u8 *)&k->closed;
}

#define COOKIE(about, sk, k) ((k) ? (k)->id : new_id(sk))

#endif

#endif
