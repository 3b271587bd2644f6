// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// packetQuestions are about interfaces, neighbours and routes.
func packetQuestions() []question {
	return []question{
		{example: "interfaces", checks: "/proc/net/dev", ask: askInterfaces},
		{example: "protocols", checks: "/proc/net/dev, packet filter's counters", ask: askProtocols},
		{
			example: "neighbours", checks: "bpftrace, ip neigh, the program's own account", ask: askNeighbours,
			script: `tracepoint:neigh:neigh_timer_handler /args->nud_state == 0x20 && str(args->dev) == "CLIENT_LINK"/ { @neighbours[ntop(args->primary_key4)] = count(); }`,
		},
		{
			example: "no-route", checks: "bpftrace, the program's own account", ask: askRoutes,
			script: `tracepoint:fib:fib_table_lookup /args->err < 0 && args->dst[0] == 198 && args->dst[1] == 51 && args->dst[2] == 100/ { @noroute[ntop(args->dst)] = count(); }`,
		},
	}
}

// sentOn is what an interface has sent by its own account, and received.
func (s *side) traffic(t *testing.T) (received, receivedBytes, sent, sentBytes uint64) {
	t.Helper()
	for line := range strings.Lines(s.run(t, "cat", "/proc/net/dev")) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == s.link {
			f := strings.Fields(rest)
			return number(t, f[1]), number(t, f[0]), number(t, f[9]), number(t, f[8])
		}
	}
	t.Fatalf("no interface %s", s.link)
	return
}

func askInterfaces(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "exchange-server", "7700")
	_, _, packets, bytes := l.client.traffic(t)
	probe := l.probe(t, l.client)
	l.client.work(t, nil, "exchange", l.server.address.String(), "7700", "100:50:0", "400000:300000:0")
	l.client.work(t, nil, "datagrams", l.server.address.String(), "9200:30:300")
	answer := probe.end(t)
	_, _, allPackets, allBytes := l.client.traffic(t)
	return func(t *testing.T, _ *watched) {
		require.Equal(t, map[string]uint64{l.client.link + ",0": allPackets - packets}, answer.table("packets"))
		require.Equal(t, map[string]uint64{l.client.link + ",0": allBytes - bytes}, answer.table("bytes"))
	}
}

func askProtocols(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "exchange-server", "7700")
	require.NoError(t, l.client.space.Nft(`table ip q { counter is_tcp { }; counter is_udp { }; counter is_icmp { }; chain in { type filter hook prerouting priority -300;
		ip protocol tcp counter name is_tcp; ip protocol udp counter name is_udp; ip protocol icmp counter name is_icmp; }; }`))
	packets, bytes, _, _ := l.client.traffic(t)
	probe := l.probeAll(t, "interface: eth0", "interface: "+l.client.link)
	l.client.work(t, nil, "exchange", l.server.address.String(), "7700", "100:50:0", "400000:300000:0")
	l.client.work(t, nil, "datagrams", l.server.address.String(), "9200:3:300")
	l.server.work(t, nil, "datagrams", l.client.address.String(), "9200:30:300")
	answer := probe.end(t)
	allPackets, allBytes, _, _ := l.client.traffic(t)
	counted := map[string]uint64{}
	for number, name := range map[string]string{"6": "is_tcp", "17": "is_udp", "1": "is_icmp"} {
		counted[number] = l.client.counter(t, name)
	}
	return func(t *testing.T, _ *watched) {
		require.Equal(t, allPackets-packets, answer.sum("packets"))
		require.Equal(t, allBytes-bytes, answer.sum("bytes"))
		got := map[string]uint64{}
		for _, r := range answer.rows {
			if r.keys[0] == fmt.Sprint(0x0800) {
				got[r.keys[1]] += r.figures["packets"].number
			}
		}
		require.Equal(t, counted, got)
	}
}

func askNeighbours(t *testing.T, l *lab) func(*testing.T, *watched) {
	require.NoError(t, l.client.space.WriteSysctl("net.ipv4.neigh."+l.client.link+".retrans_time_ms", "100"))
	probe := l.probeAll(t)
	var want, listed []string
	for last := 101; last <= 104; last++ {
		absent := prefix(l.server.address, last).Addr().String()
		want = append(want, absent)
		var tried []attempt
		l.client.work(t, &tried, "connect", absent, "7700", "1")
		require.Equal(t, "EHOSTUNREACH", tried[0].Error)
		// Soon after that the kernel forgets those who failed.
		var failed []struct{ Dst string }
		decode(t, l.client.run(t, "ip", "-j", "neigh", "show", "nud", "failed"), &failed)
		for _, n := range failed {
			listed = append(listed, n.Dst)
		}
	}
	l.client.work(t, nil, "connect", l.server.address.String(), "7700", "1")
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		got := map[string]uint64{}
		for _, r := range answer.rows {
			if r.keys[0] == l.client.link {
				got[r.keys[1]] += r.figures["failures"].number
			}
		}
		requireTraced(t, w.maps["neighbours"], got)
		require.NotEmpty(t, listed)
		require.Subset(t, want, listed)
		require.Len(t, got, len(want))
		for _, address := range want {
			require.Positive(t, got[address], address)
		}
	}
}

func askRoutes(t *testing.T, l *lab) func(*testing.T, *watched) {
	probe := l.probeAll(t)
	for last := range 3 {
		var tried []attempt
		l.client.work(t, &tried, "connect", fmt.Sprintf("198.51.100.%d", last+1), "7700", fmt.Sprint(last+1))
		for _, a := range tried {
			require.Equal(t, "ENETUNREACH", a.Error)
		}
	}
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		got := map[string]uint64{}
		for key, count := range answer.table("lookups") {
			if strings.HasPrefix(key, "198.51.100.") {
				got[key] = count
			}
		}
		require.Equal(t, w.maps["noroute"], got)
		require.Len(t, got, 3)
		for last := range 3 {
			require.GreaterOrEqual(t, got[fmt.Sprintf("198.51.100.%d", last+1)], uint64(last+1))
		}
	}
}

// cgroup makes a control group of version 2 that ends with the test.
func cgroup(t *testing.T, name string) (path string) {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
			path = filepath.Join(root, name)
			require.NoError(t, os.Mkdir(path, 0o755))
			t.Cleanup(func() { _ = os.Remove(path) })
			return path
		}
	}
	t.Fatal("no cgroup of version 2")
	return ""
}
