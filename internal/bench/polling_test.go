// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPolling_measuresEachSize(t *testing.T) {
	rows := measured(t, polling{})
	for _, against := range []string{"once a second", "back to back"} {
		row, ok := rows["100 connections: CPU, against polling "+against]
		require.True(t, ok)
		require.Equal(t, Share, row.Unit)
		require.Positive(t, *row.Baseline, "what polls takes CPU")
		require.NotNil(t, row.Met)
	}
	require.GreaterOrEqual(t, rows["100 connections: interval that polling back to back reached"].Value, leastInterval.Seconds())
	require.Greater(t, rows["100 connections: agent's memory"].Value, 1e6)
	require.Contains(t, rows, "100 sockets: CPU of the walk, a second")
	for _, against := range []string{"ss", "conntrack"} {
		row := rows["500 short connections: share seen, against "+against]
		require.Equal(t, 1.0, row.Value, "the agent sees all: %s", row.Note)
		require.GreaterOrEqual(t, *row.Baseline, 0.0)
		require.LessOrEqual(t, *row.Baseline, 1.0)
	}
}

func TestClients(t *testing.T) {
	seen := map[string]struct{}{}
	clientsOfSS(`State Recv-Q Send-Q Local Address:Port Peer Address:Port Process
ESTAB 0 0 198.18.0.1:7000 198.18.0.1:40000 users:(("echo",pid=1,fd=7)) ino:1 sk:1 <->
	 cubic wscale:7,7 rto:201
ESTAB 0 0 198.18.0.1:40000 198.18.0.1:7000 users:(("brief",pid=2,fd=3)) ino:2 sk:2 <->
FIN-WAIT-2 0 0 [::1]:40001 [::1]:7000
`, "7000", seen)
	require.Equal(t, map[string]struct{}{"40000": {}, "40001": {}}, seen)
	clear(seen)
	clientsOfConntrack(`tcp      6 119 TIME_WAIT src=198.18.0.1 dst=198.18.0.1 sport=40002 dport=7000 src=198.18.0.1 dst=198.18.0.1 sport=7000 dport=40002 [ASSURED] mark=0 use=1
udp      17 29 src=1.1.1.1 dst=1.1.1.1 sport=40003 dport=7000 src=1.1.1.1 dst=1.1.1.1 sport=7000 dport=40003
tcp      6 119 TIME_WAIT src=198.18.0.1 dst=198.18.0.1 sport=40004 dport=70 src=198.18.0.1 dst=198.18.0.1 sport=70 dport=40004
`, "7000", seen)
	require.Equal(t, map[string]struct{}{"40002": {}}, seen)
}

func TestParseWrk(t *testing.T) {
	requests, err := parseWrk("Running 1s test @ http://198.18.0.2:8080/\n  12345 requests in 1.00s, 1.80MB read\nRequests/sec: 12300.1\n")
	require.NoError(t, err)
	require.Equal(t, 12345.0, requests)
	for _, bad := range []string{"", "  5 requests in 1s\n  Socket errors: connect 0, read 3, write 0, timeout 0\n", "  5 requests in 1s\n  Non-2xx or 3xx responses: 5\n"} {
		_, err := parseWrk(bad)
		require.Error(t, err, bad)
	}
}

func TestFindHierarchies(t *testing.T) {
	hybrid := `30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
31 24 0:27 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
32 24 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`
	found, err := findHierarchies(strings.NewReader(hybrid))
	require.NoError(t, err)
	require.Equal(t, hierarchies{v2: "/sys/fs/cgroup/unified", cpuacct: "/sys/fs/cgroup/cpu,cpuacct", memory: "/sys/fs/cgroup/memory"}, found)
	found, err = findHierarchies(strings.NewReader("32 24 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"))
	require.NoError(t, err)
	require.Equal(t, hierarchies{v2: "/sys/fs/cgroup", cpuacct: "/sys/fs/cgroup", memory: "/sys/fs/cgroup"}, found)
	_, err = findHierarchies(strings.NewReader("25 1 0:23 / /proc rw - proc proc rw\n"))
	require.Error(t, err)
}

func TestSockets_refusesNonsense(t *testing.T) {
	for _, args := range [][]string{nil, {"echo"}, {"hold", "127.0.0.1:1"}, {"hold", "127.0.0.1:1", "0"}, {"brief", "127.0.0.1:1", "x"}, {"sing", "127.0.0.1:1", "1"}} {
		require.Error(t, SocketsMain(t.Context(), strings.NewReader(""), new(bytes.Buffer), args), args)
	}
}
