// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Who holds a socket: its cgroup in the v2 hierarchy; where that is the root, the process' cgroup in one v1 hierarchy;
// where that is the root too, the network namespace. And which sockets are within the sensor's scope.
#ifndef AEOLUS_OWNER_H
#define AEOLUS_OWNER_H

#include "access.h"
#include "kernel.h"

enum owner_kind { OWNER_UNKNOWN, OWNER_CGROUP2, OWNER_CGROUP1, OWNER_NETNS };
enum scope_kind { SCOPE_HOST, SCOPE_CGROUP2, SCOPE_CGROUP1, SCOPE_NETNS };

#define PF_KTHREAD 0x00200000
#define SCOPE_ANCESTORS 16
#define SCOPE_PARENTS 8

// Index of the v1 hierarchy's subsystem in css_set, or -1.
const volatile int cgroup1_index = -1;
const volatile __u32 scope = SCOPE_HOST;
const volatile __u64 scope_cgroup = 0;
const volatile int scope_level = 0;

struct owner {
	__u64 id;
	__u32 netns;
	__u32 tgid;
	__u32 kind;
	char comm[16];
};

// Network namespaces in scope as they were given, by inode.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} scope_given SEC(".maps");

// Those found to have been made by processes of the scope, by cookie: inodes are used again, cookies are not.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} scope_found SEC(".maps");

static __always_inline __u64 cgroup_id(struct cgroup *cgroup)
{
	return cgroup ? BPF_CORE_READ(cgroup, kn, id) : 0;
}

static __always_inline struct cgroup *cgroup1_of(struct task_struct *task)
{
	struct cgroup_subsys_state *css = NULL;
	struct css_set *set = BPF_CORE_READ(task, cgroups);

	if (!set || cgroup1_index < 0 || cgroup1_index > 63)
		return NULL;
	bpf_probe_read_kernel(&css, sizeof(css), (void *)set + bpf_core_field_offset(struct css_set, subsys) +
							  cgroup1_index * sizeof(css));
	return css ? BPF_CORE_READ(css, cgroup) : NULL;
}

static __always_inline __u32 netns_of(struct sock *sk)
{
	return READ_THROUGH(sk, __sk_common.skc_net.net, ns.inum);
}

// cgroup2_in_word is a socket's v2 cgroup before 5.15; none where a v1 controller has put its own number in its place.
static __always_inline struct cgroup *cgroup2_in_word(struct sock *sk)
{
	__u64 word;

	if (!bpf_core_field_exists(struct sock_cgroup_data___word, val))
		return NULL;
	word = BPF_CORE_READ((struct sock___word *)sk, sk_cgrp_data.val);
	return word & 1 ? NULL : (struct cgroup *)(word & ~3ULL);
}

static __always_inline bool owner_cgroup2(struct owner *o, struct sock *sk)
{
	struct cgroup *cgroup;

	if (bpf_core_field_exists(struct sock_cgroup_data, cgroup)) {
		cgroup = READ(sk, sk_cgrp_data.cgroup);
		if (!cgroup || READ(cgroup, level) <= 0)
			return 0;
		o->id = READ_THROUGH(cgroup, kn, id);
	} else {
		cgroup = cgroup2_in_word(sk);
		if (!cgroup || BPF_CORE_READ(cgroup, level) <= 0)
			return 0;
		o->id = cgroup_id(cgroup);
	}
	o->kind = OWNER_CGROUP2;
	return 1;
}

// owner_group fills in kind, id and netns. task is NULL where no process is known.
static __always_inline void owner_group(struct owner *o, struct sock *sk, struct task_struct *task)
{
	struct cgroup *cgroup;

	o->netns = netns_of(sk);
	if (owner_cgroup2(o, sk))
		return;
	if (task && cgroup1_index >= 0) {
		cgroup = cgroup1_of(task);
		if (cgroup && BPF_CORE_READ(cgroup, level) > 0) {
			o->kind = OWNER_CGROUP1;
			o->id = cgroup_id(cgroup);
			return;
		}
	}
	o->kind = OWNER_NETNS;
	o->id = o->netns;
}

// within tells whether a cgroup is the scope's or below it.
static __always_inline bool within(struct cgroup *cgroup)
{
	if (!cgroup || BPF_CORE_READ(cgroup, level) < scope_level)
		return 0;
	for (int i = 0; i < SCOPE_ANCESTORS && cgroup; i++) {
		if (cgroup_id(cgroup) == scope_cgroup)
			return 1;
		cgroup = BPF_CORE_READ(cgroup, self.parent, cgroup);
	}
	return 0;
}

// netns_cookie is a number that no other namespace has, not even later. Before 5.12 the kernel makes its own only for who
// asks for it: there the random number that salts a namespace's tables stands beside the inode.
static __always_inline __u64 netns_cookie(struct net *net)
{
	if (bpf_core_field_exists(struct net, net_cookie))
		return BPF_CORE_READ(net, net_cookie);
	return (__u64)BPF_CORE_READ(net, ns.inum) << 32 | BPF_CORE_READ(net, hash_mix);
}

static __always_inline bool netns_in_scope(struct net *net)
{
	__u32 inode = BPF_CORE_READ(net, ns.inum);
	__u64 cookie;

	if (bpf_map_lookup_elem(&scope_given, &inode))
		return 1;
	cookie = netns_cookie(net);
	return bpf_map_lookup_elem(&scope_found, &cookie) != NULL;
}

// descends tells whether an ancestor of a process lives in a namespace of the scope.
static __always_inline bool descends(struct task_struct *task)
{
	for (int i = 0; i < SCOPE_PARENTS && task; i++) {
		struct net *net = BPF_CORE_READ(task, nsproxy, net_ns);

		if (net && netns_in_scope(net))
			return 1;
		if (BPF_CORE_READ(task, tgid) <= 1)
			return 0;
		task = BPF_CORE_READ(task, real_parent);
	}
	return 0;
}

// in_scope decides for a socket that has no storage yet. task is NULL where no process is known.
static __always_inline bool in_scope(struct sock *sk, struct task_struct *task)
{
	struct net *net;
	__u64 cookie;
	__u8 yes = 1;

	if (scope == SCOPE_HOST)
		return 1;
	if (scope == SCOPE_CGROUP2)
		return within(bpf_core_field_exists(struct sock_cgroup_data, cgroup) ? READ(sk, sk_cgrp_data.cgroup)
										    : cgroup2_in_word(sk));
	if (scope == SCOPE_CGROUP1)
		return task && within(cgroup1_of(task));
	net = READ(sk, __sk_common.skc_net.net);
	if (netns_in_scope(net))
		return 1;
	if (!task || !descends(task))
		return 0;
	cookie = netns_cookie(net);
	bpf_map_update_elem(&scope_found, &cookie, &yes, BPF_ANY);
	return 1;
}

#endif
