// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// prefix is another address of the same place.
func prefix(address netip.Addr, last int) netip.Prefix {
	bytes := address.As4()
	bytes[3] = byte(last)
	return netip.PrefixFrom(netip.AddrFrom4(bytes), 24)
}

func number(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return n
}

// counter is how many packets a named counter of the packet filter has counted.
func (s *side) counter(t *testing.T, name string) uint64 {
	t.Helper()
	var listed struct {
		Nftables []struct {
			Counter struct {
				Name    string
				Packets uint64
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(s.run(t, "nft", "-j", "list", "counters")), &listed))
	for _, entry := range listed.Nftables {
		if entry.Counter.Name == name {
			return entry.Counter.Packets
		}
	}
	t.Fatalf("no counter %s", name)
	return 0
}

// tcpStates are the names that tools give to the kernel's numbers.
var tcpStates = map[string]string{
	"1": "ESTABLISHED", "2": "SYN_SENT", "3": "SYN_RECV", "4": "FIN_WAIT1", "5": "FIN_WAIT2", "6": "TIME_WAIT", "7": "CLOSE",
	"8": "CLOSE_WAIT", "9": "LAST_ACK", "10": "LISTEN", "11": "CLOSING", "12": "NEW_SYN_RECV",
}

// change is one line of tcpstates.
type change struct {
	local, localPort, remote, remotePort, from, to string
	ms                                             float64
}

// states are the changes that tcpstates saw at the place.
func (l *lab) states(t *testing.T, w *watched) []change {
	t.Helper()
	said := w.tools["tcpstates"]
	require.NotContains(t, said, "lost")
	var found []change
	for line := range strings.Lines(said) {
		// The command may hold spaces, so the columns are counted from the end.
		f := strings.Fields(line)
		if len(f) < 11 || f[len(f)-3] != "->" {
			continue
		}
		f = f[len(f)-8:]
		if f[0] != l.client.address.String() && f[2] != l.server.address.String() && f[2] != l.client.address.String() {
			continue
		}
		ms, err := strconv.ParseFloat(f[7], 64)
		require.NoError(t, err, line)
		found = append(found, change{local: f[0], localPort: f[1], remote: f[2], remotePort: f[3], from: f[4], to: f[6], ms: ms})
	}
	return found
}

// life is one line of tcplife.
type life struct {
	sent, received string
	ms             float64
}

// lives are what tcplife says of the client's connections, by their ports.
func (l *lab) lives(t *testing.T, w *watched) map[string]life {
	t.Helper()
	said := w.tools["tcplife"]
	require.NotContains(t, said, "lost")
	found := map[string]life{}
	for line := range strings.Lines(said) {
		f := strings.Fields(line)
		if len(f) < 9 {
			continue
		}
		f = f[len(f)-7:]
		if f[0] != l.client.address.String() {
			continue
		}
		ms, err := strconv.ParseFloat(f[6], 64)
		require.NoError(t, err, line)
		found[f[1]] = life{sent: f[4], received: f[5], ms: ms}
	}
	return found
}

// containsAddress tells whether one of a key's parts is an address.
func containsAddress(key string, address netip.Addr) bool {
	return slices.Contains(strings.Split(key, ","), address.String())
}
