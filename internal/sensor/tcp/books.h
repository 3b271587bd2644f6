// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The books of connections. A kernel may run no program at a connection's end, nor count that it ran none: then what has
// begun and is neither reported nor there any more is what was lost. README.md has how that is told exactly.
#ifndef AEOLUS_TCP_BOOKS_H
#define AEOLUS_TCP_BOOKS_H

#include "kernel.h"
#include "keep.h"

#ifndef OLDER_KERNELS

#define BOOK_ROUNDS 4

// Off where the kernel cannot exchange atomically in a program: arm64 before 5.18.
const volatile __u8 books_kept = 1;

// Each connection is in the books of the round in which it began, or to which tcp_recount has carried it. Rounds never
// have number 0. User space begins a new one after each count.
volatile __u32 book_round = 1;

struct tcp_books {
	__u64 entered[BOOK_ROUNDS];
	__u64 left[BOOK_ROUNDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tcp_books);
} books SEC(".maps");

static __always_inline struct tcp_books *books_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&books, &zero);
}

// book_in enters a connection. One that the same socket had before, and whose end was not seen, stays entered: it is lost.
static __always_inline void book_in(struct tcp_kept *k)
{
	struct tcp_books *b = books_here();
	__u32 round = book_round;

	if (!books_kept || !b)
		return;
	__sync_lock_test_and_set(&k->booked, round);
	__sync_fetch_and_add(&b->entered[round % BOOK_ROUNDS], 1);
}

// book_out takes out a connection that is being reported. It is taken out once, also if tcp_recount meets it now.
static __always_inline void book_out(struct tcp_kept *k)
{
	struct tcp_books *b = books_here();
	__u32 round;

	if (!books_kept || !b)
		return;
	round = __sync_lock_test_and_set(&k->booked, 0);
	if (round)
		__sync_fetch_and_add(&b->left[round % BOOK_ROUNDS], 1);
}

// book_carry moves a connection that is there from an earlier round into this one.
static __always_inline void book_carry(struct tcp_kept *k)
{
	struct tcp_books *b = books_here();
	__u32 from = k->booked, round = book_round;

	if (!books_kept || !b || !from || from == round)
		return;
	if (__sync_val_compare_and_swap(&k->booked, from, round) != from)
		return;
	__sync_fetch_and_add(&b->left[from % BOOK_ROUNDS], 1);
	__sync_fetch_and_add(&b->entered[round % BOOK_ROUNDS], 1);
}

#else

// No books are kept: these kernels cannot exchange atomically.
static __always_inline void book_in(struct tcp_kept *k) {}
static __always_inline void book_out(struct tcp_kept *k) {}

#endif

#endif
