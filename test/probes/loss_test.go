// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lossQuestions are about what goes wrong with connections.
func lossQuestions() []question {
	return []question{
		{
			example: "tcpretrans", checks: "bpftrace, nstat TcpRetransSegs", ask: askRetransmits,
			script: `tracepoint:tcp:tcp_retransmit_skb /NETNS(args->skaddr) == CLIENT/
				{ @tcpretrans[ntop(args->family, args->daddr), args->dport, args->state] = count(); }`,
		},
		{
			example: "tcp-congestion", checks: "bpftrace", ask: askCongestion,
			script: `tracepoint:tcp:tcp_cong_state_set /NETNS(args->skaddr) == CLIENT/
				{ $icsk = (struct inet_connection_sock *)args->skaddr; @tcpcongestion[ntop(args->family, args->daddr), $icsk->icsk_ca_state, args->cong_state] = count(); }`,
		},
		{
			example: "tcp-synack-retransmits", checks: "bpftrace, nstat TcpExtTCPSynRetrans, a packet filter's counter", ask: askSynAcks,
			script: `tracepoint:tcp:tcp_retransmit_synack /NETNS(args->skaddr) == SERVER/
				{ @synacks[args->sport, ntop(args->family, args->daddr)] = count(); }`,
		},
		{
			example: "tcp-resets-sent", checks: "bpftrace, nstat TcpOutRsts", ask: askResetsSent,
			script: `tracepoint:tcp:tcp_send_reset /args->skaddr != 0 && NETNS(args->skaddr) == CLIENT/ { @resetssent[args->reason] = count(); }`,
		},
		{
			example: "tcp-resets-received", checks: "bpftrace, the program's own account", ask: askResetsReceived,
			script: `tracepoint:tcp:tcp_receive_reset /NETNS(args->skaddr) == CLIENT/
				{ @resetsreceived[ntop(args->family, args->daddr), args->dport, ((struct sock *)args->skaddr)->__sk_common.skc_state] = count(); }`,
		},
		{
			example: "socket-errors", checks: "bpftrace, the program's own account", ask: askErrors,
			script: `tracepoint:sock:inet_sk_error_report /args->protocol == 6 && args->dport >= 7700 && args->dport < 7710/
				{ @errors[args->error, ntop(args->family, args->daddr), args->dport] = count(); }`,
		},
		{
			example: "refused-burst", checks: "the program's own account and clock", ask: askBurst,
		},
		{
			example: "tcpdrop", checks: "bpftrace, a packet filter's counter, nstat UdpNoPorts", ask: askDrops,
			script: `tracepoint:skb:kfree_skb /SKBNETNS(args->skbaddr) == SERVER/ { @tcpdrop[args->reason, args->location] = count(); }`,
		},
	}
}

// lossy drops every tenth large packet to a port.
func (s *side) lossy(t *testing.T, port int) {
	t.Helper()
	require.NoError(t, s.space.Nft(fmt.Sprintf(`table ip q { counter lost { }; chain in { type filter hook input priority 0;
		tcp dport %d ip length > 500 numgen inc mod 10 == 3 counter name lost drop; }; }`, port)))
}

func askRetransmits(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "accept-server", "7700")
	l.server.lossy(t, 7700)
	grown := l.client.growth(t)
	probe := l.probe(t, l.client)
	l.client.work(t, nil, "pieces", l.server.address.String(), "7700", "150", "1000", "0.002")
	answer := probe.end(t)
	again := grown("TcpRetransSegs")
	lost := l.server.counter(t, "lost")
	require.Greater(t, lost, uint64(10))
	return func(t *testing.T, w *watched) {
		got := answer.table("retransmits")
		requireTraced(t, w.maps["tcpretrans"], got)
		// Each is one segment, because each piece is.
		require.Equal(t, again, sumOf(got))
		require.GreaterOrEqual(t, sumOf(got), lost)
	}
}

func askCongestion(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "accept-server", "7700")
	l.server.lossy(t, 7700)
	probe := l.probe(t, l.client)
	l.client.work(t, nil, "pieces", l.server.address.String(), "7700", "150", "1000", "0.002")
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		got := answer.table("changes")
		requireTraced(t, w.maps["tcpcongestion"], got)
		require.NotEmpty(t, got)
	}
}

func askSynAcks(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "accept-server", "7700")
	// Answers to SYNs do not arrive, until the third one does.
	require.NoError(t, l.client.space.Nft(`table ip q { counter lost { }; chain in { type filter hook input priority 0;
		tcp sport 7700 tcp flags & (syn | ack) == (syn | ack) numgen inc mod 3 < 2 counter name lost drop; }; }`))
	grown := l.server.growth(t)
	probe := l.probe(t, l.server)
	l.client.work(t, nil, "connect", l.server.address.String(), "7700", "1")
	answer := probe.end(t)
	again := grown("TcpExtTCPSynRetrans")
	require.EqualValues(t, 2, l.client.counter(t, "lost"))
	return func(t *testing.T, w *watched) {
		got := answer.table("again")
		requireTraced(t, w.maps["synacks"], got)
		require.Equal(t, again, sumOf(got))
		require.NotEmpty(t, got)
	}
}

func askResetsSent(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "accept-server", "7700")
	l.client.serve(t, "unread-server", "7701")
	grown := l.client.growth(t)
	probe := l.probe(t, l.client)
	l.client.work(t, nil, "abort", l.server.address.String(), "7700", "6")
	var resets struct{ Resets int }
	l.server.work(t, &resets, "offend", l.client.address.String(), "7701", "4")
	l.server.work(t, nil, "connect", l.client.address.String(), "7709", "3")
	answer := probe.end(t)
	sent := grown("TcpOutRsts")
	require.Equal(t, 4, resets.Resets)
	return func(t *testing.T, w *watched) {
		got := answer.table("resets")
		// Those that answer a packet for which there is no socket have none, which the script cannot tell a namespace by.
		want := map[string]uint64{noSocket: 3}
		for reason, count := range w.maps["resetssent"] {
			want[reason] += count
		}
		requireTraced(t, want, got)
		require.Equal(t, sent, sumOf(got))
		require.EqualValues(t, 13, sumOf(got))
	}
}

// noSocket is SK_RST_REASON_NO_SOCKET.
const noSocket = "1"

func askResetsReceived(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "unread-server", "7701")
	probe := l.probe(t, l.client)
	var resets struct{ Resets uint64 }
	l.client.work(t, &resets, "offend", l.server.address.String(), "7701", "5")
	var refused []attempt
	l.client.work(t, &refused, "connect", l.server.address.String(), "7709", "4")
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		got := answer.table("resets")
		requireTraced(t, w.maps["resetsreceived"], got)
		server := l.server.address.String()
		require.Equal(t, map[string]uint64{server + ",7701,1": resets.Resets, server + ",7709,2": uint64(len(refused))}, got)
	}
}

func askErrors(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "unread-server", "7701")
	probe := l.probe(t, l.client)
	var resets struct{ Resets uint64 }
	l.client.work(t, &resets, "offend", l.server.address.String(), "7701", "5")
	var refused []attempt
	l.client.work(t, &refused, "connect", l.server.address.String(), "7709", "4")
	answer := probe.end(t)
	for _, a := range refused {
		require.Equal(t, "ECONNREFUSED", a.Error)
	}
	return func(t *testing.T, w *watched) {
		got := answer.table("errors")
		want := map[string]uint64{}
		for key, count := range w.maps["errors"] {
			if containsAddress(key, l.server.address) {
				want[key] = count
			}
		}
		requireTraced(t, want, got)
		server := l.server.address.String()
		require.Equal(t, uint64(len(refused)), got["111,"+server+",7709"])
		require.Equal(t, resets.Resets, got["104,"+server+",7701"])
	}
}

func askBurst(t *testing.T, l *lab) func(*testing.T, *watched) {
	probe := l.probe(t, l.client)
	var few, many []attempt
	l.client.work(t, &few, "connect", l.server.address.String(), "7708", "4")
	l.client.work(t, &many, "connect", l.server.address.String(), "7709", "12")
	answer := probe.end(t)
	return func(t *testing.T, _ *watched) {
		server := l.server.address.String()
		require.Equal(t, map[string]uint64{server + ",7708": 4, server + ",7709": 12}, answer.table("refused"))
		require.Len(t, answer.events, 1, "one event for each key and window")
		e := answer.events[0]
		require.Equal(t, []string{server, "7709"}, e.keys)
		require.Equal(t, "python3", e.values["program"])
		// The kernel's clock of the fifth refusal, by which the program knew of the fourth and not yet of the fifth.
		require.Greater(t, e.at, many[3].At)
		require.Less(t, e.at, many[4].At)
	}
}

func askDrops(t *testing.T, l *lab) func(*testing.T, *watched) {
	require.NoError(t, l.server.space.Nft(`table ip q { counter lost { }; chain in { type filter hook input priority 0;
		udp dport 9100 counter name lost drop; }; }`))
	grown := l.server.growth(t)
	probe := l.probe(t, l.server)
	l.client.work(t, nil, "datagrams", l.server.address.String(), "9100:15:100", "9101:9:50")
	l.client.work(t, nil, "datagrams", l.server.address.String(), "9102:11:50")
	l.client.work(t, nil, "connect", l.server.address.String(), "7709", "5")
	answer := probe.end(t)
	noPorts := grown("UdpNoPorts")
	require.EqualValues(t, 15, l.server.counter(t, "lost"))
	return func(t *testing.T, w *watched) {
		got := answer.table("drops")
		requireTraced(t, decimal(t, w.maps["tcpdrop"]), got)
		reasons := map[string]uint64{}
		for _, r := range answer.rows {
			reasons[r.keys[0]] += r.figures["drops"].number
		}
		require.EqualValues(t, 15, reasons[netfilterDrop])
		// A SYN to a port where nobody listens is dropped for want of a socket too.
		require.Equal(t, noPorts+5, reasons[noSocketDrop])
		assert.EqualValues(t, 20, noPorts)
	}
}

// SKB_DROP_REASON_NETFILTER_DROP and SKB_DROP_REASON_NO_SOCKET on the kernels that have both, by their numbers here.
var netfilterDrop, noSocketDrop = strconv.Itoa(12), strconv.Itoa(3)
