// SPDX-License-Identifier: Apache-2.0

package lang

import "github.com/aeolus-ebpf/aeolus/internal/probe/ir"

// tcpView is tcp(sk). Netlink numbers its protocols as IP does: so the type counts as well.
var tcpView = &view{
	name: "tcp", of: "tcp_sock", about: "a TCP connection or listener; fails for what is no whole TCP socket",
	guard: fullSocket + " && cast(sock, self).sk_type == SOCK_STREAM && cast(sock, self).sk_protocol == IPPROTO_TCP",
	from:  []string{"sock_common"},
	fields: []field{
		{name: "srtt", text: "bitShiftRight(self.srtt_us, 3) * duration('1us')", about: "the smoothed round trip time"},
		{name: "rttvar", text: "bitShiftRight(self.mdev_us, 2) * duration('1us')", about: "how much round trip times vary"},
		{name: "min_rtt", text: "self.rtt_min.s[0].v * duration('1us')", about: "the shortest round trip time of the last minutes"},
		{name: "rcv_rtt", text: "bitShiftRight(self.rcv_rtt_est.rtt_us, 3) * duration('1us')", about: "the round trip time as the receiver sees it"},
		{
			name: "rto", about: "after what a segment counts as lost, without back-off",
			text: "(bitShiftRight(self.srtt_us, 3) + self.rttvar_us) * duration('1us')",
		},
		{name: "backoff", text: "self.inet_conn.icsk_backoff", about: "how often rto was doubled"},
		{name: "total_retrans", text: "self.total_retrans", about: "segments sent again, ever"},
		{name: "bytes_retrans", text: "self.bytes_retrans", hint: ir.Size, about: "bytes sent again, ever"},
		{name: "retrans_out", text: "self.retrans_out", about: "segments sent again and not acknowledged yet"},
		{name: "retransmits", text: "self.inet_conn.icsk_retransmits", about: "time-outs in a row without an answer"},
		{
			name: "syn_retries", about: "SYNs sent again, while connecting",
			text: "self.inet_conn.icsk_inet.sk.__sk_common.skc_state == TCP_SYN_SENT ? self.inet_conn.icsk_retransmits : 0",
		},
		{name: "lost", text: "self.lost_out", about: "segments that count as lost now"},
		{name: "total_lost", text: "self.lost", about: "segments that counted as lost, ever"},
		{name: "sacked", text: "self.sacked_out", about: "segments that the peer has out of order"},
		{name: "packets_out", text: "self.packets_out", about: "segments sent and not acknowledged"},
		{name: "reordering", text: "self.reordering", about: "by how many segments the path reorders"},
		{name: "reord_seen", text: "self.reord_seen", about: "how often reordering was seen"},
		{name: "dsack_dups", text: "self.dsack_dups", about: "segments that the peer got twice"},
		{name: "ooo_packets", text: "self.rcv_ooopack", about: "segments that came out of order"},
		{name: "delivered", text: "self.delivered", about: "segments that the peer has got"},
		{name: "delivered_ce", text: "self.delivered_ce", about: "of these, marked as congested on the way"},
		{name: "snd_cwnd", text: "self.snd_cwnd", about: "the congestion window, segments"},
		{name: "ssthresh", text: "self.snd_ssthresh", about: "the slow start threshold, segments"},
		{name: "ca_state", text: "self.inet_conn.icsk_ca_state", enum: "tcp_ca_state", about: "TCP_CA_Open, TCP_CA_Recovery, TCP_CA_Loss, …"},
		{name: "congestion", text: "self.inet_conn.icsk_ca_ops.name", about: "the congestion control's name"},
		{name: "mss", text: "self.mss_cache", hint: ir.Size, about: "the largest segment that is sent"},
		{name: "advmss", text: "self.advmss", hint: ir.Size, about: "the largest segment that was offered"},
		{name: "pmtu", text: "self.inet_conn.icsk_pmtu_cookie", hint: ir.Size, about: "the largest packet of the path"},
		{name: "snd_wnd", text: "self.snd_wnd", hint: ir.Size, about: "what the peer has room for"},
		{name: "rcv_wnd", text: "self.rcv_wnd", hint: ir.Size, about: "what this side has room for"},
		{name: "bytes_sent", text: "self.bytes_sent", hint: ir.Size, about: "bytes sent, with those sent again"},
		{name: "bytes_acked", text: "self.bytes_acked", hint: ir.Size, about: "bytes that the peer has acknowledged; SYN and FIN count"},
		{name: "bytes_received", text: "self.bytes_received", hint: ir.Size, about: "bytes received in order; the peer's FIN counts"},
		{name: "segs_out", text: "self.segs_out", about: "segments sent"},
		{name: "segs_in", text: "self.segs_in", about: "segments received"},
		{name: "data_segs_out", text: "self.data_segs_out", about: "segments with data sent"},
		{name: "data_segs_in", text: "self.data_segs_in", about: "segments with data received"},
		{name: "rx_queue", text: "low32(self.rcv_nxt - self.copied_seq)", hint: ir.Size, about: "bytes received and not read"},
		{name: "tx_queue", text: "low32(self.write_seq - self.snd_una)", hint: ir.Size, about: "bytes written and not acknowledged"},
		{name: "notsent", text: "low32(self.write_seq - self.snd_nxt)", hint: ir.Size, about: "bytes written and not sent"},
		{name: "cwnd_limited", text: "self.is_cwnd_limited", about: "sending waits for the congestion window"},
	},
}

// udpView is udp(sk).
var udpView = &view{
	name: "udp", of: "udp_sock", about: "a UDP socket; fails for what is none",
	guard: fullSocket + " && cast(sock, self).sk_type == SOCK_DGRAM && cast(sock, self).sk_protocol == IPPROTO_UDP",
	from:  []string{"sock_common"},
	fields: []field{
		{name: "drops", text: udpDrops, about: "datagrams that the socket had no room for"},
		{name: "rx_queue", text: "self.inet.sk.sk_backlog.rmem_alloc.counter", hint: ir.Size, about: "memory of what waits to be read"},
		{name: "rcvbuf", text: "self.inet.sk.sk_rcvbuf", hint: ir.Size, about: "how much rx_queue may be"},
		{name: "tx_queue", text: "self.inet.sk.sk_wmem_alloc.refs.counter - 1", hint: ir.Size, about: "memory of what waits to be sent"},
		{name: "sndbuf", text: "self.inet.sk.sk_sndbuf", hint: ir.Size, about: "how much tx_queue may be"},
		{name: "pending", text: "self.pending != 0", about: "a datagram is being put together"},
		{name: "encapsulation", text: "self.encap_type", about: "what tunnels use it for, 0 for none"},
	},
}

// udpDrops is by NUMA node since 6.18: then there is an array of two, of which one is enough to see that datagrams are dropped.
const udpDrops = `has(self.drop_counters) ? self.drop_counters.drops0.counter + self.drop_counters.drops1.counter
	: self.inet.sk.sk_drops.counter`
