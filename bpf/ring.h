// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The two rings and their accounts. Urgent records wake the reader at once, and so pass token buckets first; bulk records
// never do, but for one forced wake each time the ring fills past its half.
#ifndef AEOLUS_RING_H
#define AEOLUS_RING_H

#include "kernel.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} urgent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} bulk SEC(".maps");

// Every attempt to write is counted first, then what became of it if it was lost, so that attempts = read + lost + what
// the ring holds.
struct ring_accounts {
	__u64 urgent_attempts;
	__u64 urgent_full;
	__u64 urgent_owner_bucket;
	__u64 urgent_cpu_bucket;
	__u64 bulk_attempts;
	__u64 bulk_full;
	__u64 storage_full;
	__u64 table_full;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ring_accounts);
} accounts SEC(".maps");

static __always_inline struct ring_accounts *accounts_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&accounts, &zero);
}

// COUNT is atomic because a program in process context may be interrupted by another one on its CPU.
#define COUNT(member)                                                                                                  \
	do {                                                                                                           \
		struct ring_accounts *here = accounts_here();                                                               \
		if (here)                                                                                              \
			__sync_fetch_and_add(&here->member, 1);                                                        \
	} while (0)

// Bytes of pending bulk data at which the reader is woken, and how much a record takes in the ring.
const volatile __u32 bulk_wake_at = 1 << 21;
#define RING_HEADER 8

static __always_inline void bulk_write(void *record, __u32 size)
{
	__u64 pending = bpf_ringbuf_query(&bulk, BPF_RB_AVAIL_DATA);
	__u64 flags = BPF_RB_NO_WAKEUP;

	// A window and not a threshold: above a threshold every record would wake the reader while it is behind.
	if (pending >= bulk_wake_at && pending < bulk_wake_at + 2 * (size + RING_HEADER))
		flags = BPF_RB_FORCE_WAKEUP;
	COUNT(bulk_attempts);
	if (bpf_ringbuf_output(&bulk, record, size, flags))
		COUNT(bulk_full);
}

#endif
