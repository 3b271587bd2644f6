// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Token buckets in front of the urgent ring: one for each owner, so that none can silence another, and one for each CPU.
// A bucket is one word, the instant at which it will be full again; it holds one second of its rate.
#ifndef AEOLUS_BUCKET_H
#define AEOLUS_BUCKET_H

#include "kernel.h"
#include "ring.h"

const volatile __u64 owner_interval = 1000000000 / 200;
const volatile __u64 cpu_interval = 1000000000 / 500;

#define BUCKET_DEPTH 1000000000ULL

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} owner_buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} cpu_buckets SEC(".maps");

static __always_inline bool bucket_take(__u64 *full_at, __u64 now, __u64 interval)
{
	__u64 at = *full_at;

	if (at < now)
		at = now;
	if (at + interval > now + BUCKET_DEPTH)
		return 0;
	*full_at = at + interval;
	return 1;
}

static __always_inline bool owner_bucket_take(__u64 owner, __u64 now)
{
	__u64 *full_at = bpf_map_lookup_elem(&owner_buckets, &owner);

	if (!full_at) {
		__u64 first = now + owner_interval;

		bpf_map_update_elem(&owner_buckets, &owner, &first, BPF_NOEXIST);
		return 1;
	}
	return bucket_take(full_at, now, owner_interval);
}

static __always_inline void urgent_write(void *record, __u32 size, __u64 owner, __u64 now)
{
	__u32 zero = 0;
	__u64 *full_at;

	COUNT(urgent_attempts);
	if (!owner_bucket_take(owner, now)) {
		COUNT(urgent_owner_bucket);
		return;
	}
	full_at = bpf_map_lookup_elem(&cpu_buckets, &zero);
	if (full_at && !bucket_take(full_at, now, cpu_interval)) {
		COUNT(urgent_cpu_bucket);
		return;
	}
	if (bpf_ringbuf_output(&urgent, record, size, BPF_RB_FORCE_WAKEUP))
		COUNT(urgent_full);
}

#endif
