// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// datagramQuestions are about UDP and what belongs to it.
func datagramQuestions() []question {
	return []question{
		{
			example: "udpdrop", checks: "bpftrace, /proc/net/udp, nstat UdpRcvbufErrors", ask: askUDPDrops,
			script: `tracepoint:udp:udp_fail_queue_rcv_skb /args->daddr[4] == 10 && args->daddr[5] == 77/ { @udpdrop[args->dport] = count(); }`,
		},
		{
			example: "udp-sent", checks: "bpftrace, the program's own account, nstat UdpOutDatagrams", ask: askUDPSent,
			script: `tracepoint:sock:sock_send_length /args->protocol == 17 && args->ret > 0 && NETNS(args->sk) == CLIENT/
				{ @udpsent[comm, ((struct sock *)args->sk)->__sk_common.skc_num] = count(); @udpbytes[comm, ((struct sock *)args->sk)->__sk_common.skc_num] = sum(args->ret); }`,
		},
		{example: "dns", checks: "a packet filter's counters, the name server's own account", ask: askNames},
		{example: "dns-answers", checks: "a packet filter's counters, the name server's own account", ask: askAnswers},
		{
			example: "top-talkers", checks: "bpftrace, the program's own account", ask: askTalkers,
			script: `tracepoint:sock:sock_send_length /args->ret > 0 && NETNS(args->sk) == CLIENT/
				{ @talkers[ntop(((struct sock *)args->sk)->__sk_common.skc_daddr), args->protocol] = sum(args->ret); }`,
		},
		{
			example: "icmpsent", checks: "bpftrace, nstat IcmpOutDestUnreachs, the program's own account", ask: askICMP,
			script: `tracepoint:icmp:icmp_send /args->daddr[0] == 10 && args->daddr[1] == 77/ { @icmpsent[args->type, args->code, ntop(args->daddr)] = count(); }`,
		},
	}
}

// sent is what a job says of one of its sockets.
type sent struct {
	To, Port            int
	Sent, Size, Refused uint64
	Error               string
}

func askUDPDrops(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "receiver", "9200", "4096", "0")
	l.server.serve(t, "receiver", "9201", "0", "0")
	grown := l.server.growth(t)
	probe := l.probe(t, l.server)
	l.client.work(t, nil, "datagrams", l.server.address.String(), "9200:300:200", "9201:50:200")
	answer := probe.end(t)
	errors := grown("UdpRcvbufErrors")
	var table uint64
	for line := range strings.Lines(l.server.run(t, "cat", "/proc/net/udp")) {
		f := strings.Fields(line)
		if strings.HasSuffix(f[1], fmt.Sprintf(":%04X", 9200)) {
			table = number(t, f[len(f)-1])
		}
	}
	return func(t *testing.T, w *watched) {
		got := answer.table("lost", 0)
		require.Equal(t, map[string]uint64{"9200": table}, got)
		require.Equal(t, errors, got["9200"])
		require.Greater(t, got["9200"], uint64(100))
		require.GreaterOrEqual(t, w.maps["udpdrop"]["9200"]+missed(got["9200"]), got["9200"], "others may lose datagrams on that port too")
	}
}

func askUDPSent(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "receiver", "9200")
	l.server.serve(t, "receiver", "9201")
	grown := l.client.growth(t)
	probe := l.probe(t, l.client)
	var done []sent
	l.client.work(t, &done, "datagrams", l.server.address.String(), "9200:70:300", "9201:30:1200", "9200:9:1")
	answer := probe.end(t)
	out := grown("UdpOutDatagrams")
	return func(t *testing.T, w *watched) {
		require.Equal(t, w.maps["udpsent"], answer.table("datagrams"))
		require.Equal(t, w.maps["udpbytes"], answer.table("bytes"))
		require.Equal(t, out, answer.sum("datagrams"))
		datagrams, bytes := map[string]uint64{}, map[string]uint64{}
		for _, s := range done {
			key := "python3," + strconv.Itoa(s.Port)
			datagrams[key], bytes[key] = s.Sent, s.Sent*s.Size
		}
		require.Equal(t, datagrams, answer.table("datagrams"))
		require.Equal(t, bytes, answer.table("bytes"))
	}
}

func askNames(t *testing.T, l *lab) func(*testing.T, *watched) {
	server := l.server.serve(t, "name-server", "53")
	require.NoError(t, l.client.space.Nft(`table ip q { counter asked { }; chain out { type filter hook output priority 0;
		udp dport 53 counter name asked; }; }`))
	probe := l.probe(t, l.client)
	l.client.work(t, nil, "look-up", l.server.address.String(), "53", "40")
	l.client.work(t, nil, "datagrams", l.server.address.String(), "54:5:20")
	answer := probe.end(t)
	packets := l.client.counter(t, "asked")
	var served struct{ Queries, Bytes uint64 }
	l.server.read(t, &served, server.end(syscall.SIGTERM))
	return func(t *testing.T, _ *watched) {
		require.Equal(t, map[string]uint64{l.server.address.String(): packets}, answer.table("queries"))
		require.EqualValues(t, 40, packets)
		require.Equal(t, served.Queries, packets)
		const headers = 14 + 20 + 8
		require.Equal(t, served.Bytes+headers*served.Queries, answer.sum("bytes"))
	}
}

func askAnswers(t *testing.T, l *lab) func(*testing.T, *watched) {
	name := fmt.Sprintf("aeo7-answers-%d", os.Getpid())
	group := cgroup(t, name)
	server := l.server.serve(t, "name-server", "53")
	require.NoError(t, l.client.space.Nft(`table ip q { counter answered { }; chain in { type filter hook input priority 0;
		udp sport 53 counter name answered; }; }`))
	probe := l.probeAll(t, "path: /", "path: /"+name)
	l.client.inside(t, group, "look-up", l.server.address.String(), "53", "25")
	answer := probe.end(t)
	packets := l.client.counter(t, "answered")
	var served struct{ Queries uint64 }
	l.server.read(t, &served, server.end(syscall.SIGTERM))
	return func(t *testing.T, _ *watched) {
		// The name server knows no name: its code is 3.
		require.Equal(t, map[string]uint64{l.server.address.String() + ",3": packets}, answer.table("answers"))
		require.Equal(t, served.Queries, packets)
		require.EqualValues(t, 25, packets)
	}
}

func askTalkers(t *testing.T, l *lab) func(*testing.T, *watched) {
	var wishes []string
	for i := range 40 {
		peer := prefix(l.server.address, 20+i)
		require.NoError(t, l.server.space.AddAddress(l.server.link, peer))
		wishes = append(wishes, fmt.Sprintf("%s:%d:%d", peer.Addr(), 1+(i*7)%40, 100))
	}
	probe := l.probe(t, l.client)
	var done map[string]uint64
	l.client.work(t, &done, "spread", wishes...)
	l.client.work(t, nil, "spread", wishes[:3]...)
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		real := w.maps["talkers"]
		for i, wish := range wishes {
			peer, _, _ := strings.Cut(wish, ":")
			times := uint64(1)
			if i < 3 {
				times = 2
			}
			require.Equal(t, done[peer]*times, real[peer+",17"])
		}
		got := answer.table("bytes")
		require.Len(t, got, 5)
		var least uint64
		for key, bytes := range got {
			require.Equal(t, real[key], bytes, key)
			if least == 0 || bytes < least {
				least = bytes
			}
		}
		for key, bytes := range real {
			if _, kept := got[key]; !kept {
				require.LessOrEqual(t, bytes, least, key)
			}
		}
	}
}

func askICMP(t *testing.T, l *lab) func(*testing.T, *watched) {
	// One answer a second is what a host gives one peer otherwise.
	require.NoError(t, l.server.space.WriteSysctl("net.ipv4.icmp_ratelimit", "0"))
	grown := l.server.growth(t)
	probe := l.probe(t, l.server)
	var done []sent
	l.client.work(t, &done, "datagrams", l.server.address.String(), "9300:12:10", "9301:8:10")
	answer := probe.end(t)
	unreachable := grown("IcmpOutDestUnreachs")
	return func(t *testing.T, w *watched) {
		key := "3,3," + l.server.address.String()
		require.Equal(t, map[string]uint64{key: unreachable}, answer.table("messages"))
		requireTraced(t, map[string]uint64{key: w.maps["icmpsent"][key]}, answer.table("messages"))
		require.EqualValues(t, done[0].Sent+done[1].Sent, unreachable)
	}
}

// decode reads what a program prints as JSON.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), into), text)
}
