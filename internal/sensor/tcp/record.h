// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What the tcp sensor tells user space.
#ifndef AEOLUS_TCP_RECORD_H
#define AEOLUS_TCP_RECORD_H

#include "kernel.h"

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

#endif
