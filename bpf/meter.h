// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Every program meters itself: all runs are counted and one in 256 is timed. The kernel's own statistics would tax every
// BPF program of the host. The reader is package internal/kernel/meter.
#ifndef AEOLUS_METER_H
#define AEOLUS_METER_H

#include "kernel.h"

#define METER_PROGRAMS 16
#define METER_TIMED_ONE_IN 256

struct meter {
	__u64 runs;
	__u64 timed;
	__u64 nanoseconds;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, METER_PROGRAMS);
	__type(key, __u32);
	__type(value, struct meter);
} meters SEC(".maps");

// meter_start returns when the run began if it is one of those that are timed, else 0. A program that is interrupted by
// another on its CPU has a slot of its own, and is not run again while it runs, so that no atomics are needed.
static __always_inline __u64 meter_start(struct meter **slot, __u32 program)
{
	struct meter *m = bpf_map_lookup_elem(&meters, &program);

	*slot = m;
	if (!m)
		return 0;
	m->runs++;
	if (m->runs % METER_TIMED_ONE_IN != 0)
		return 0;
	return bpf_ktime_get_ns();
}

static __always_inline void meter_end(struct meter *m, __u64 began)
{
	if (!m || !began)
		return;
	m->timed++;
	m->nanoseconds += bpf_ktime_get_ns() - began;
}

// METERED defines a program NAME in SECTION over a context of TYPE: its body is the function that follows.
#define METERED(section, name, index, context)                                                                         \
	static __always_inline int name##_body(context ctx);                                                           \
	SEC(section) int name(context ctx)                                                                             \
	{                                                                                                              \
		struct meter *slot;                                                                                    \
		__u64 began = meter_start(&slot, index);                                                               \
		int verdict = name##_body(ctx);                                                                        \
		meter_end(slot, began);                                                                                \
		return verdict;                                                                                        \
	}                                                                                                              \
	static __always_inline int name##_body(context ctx)

#endif
