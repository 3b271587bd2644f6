// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCountersEqualNstat(t *testing.T) {
	here, there := newPair(t)
	for range 3 {
		_, err := talk(here, there, "10.11.12.2")
		require.NoError(t, err)
	}
	counters, err := here.Counters()
	require.NoError(t, err)
	require.EqualValues(t, 3, counters["TcpActiveOpens"])
	require.NotContains(t, counters, "TcpMaxConn")

	command := exec.Command("nstat", "--json", "--zeros", "--noupdate", "--ignore", "--pretty")
	var out strings.Builder
	command.Stdout = &out
	require.NoError(t, there.Start(command))
	require.NoError(t, command.Wait())
	var oracle struct{ Kernel map[string]uint64 }
	require.NoError(t, json.Unmarshal([]byte(out.String()), &oracle))
	theirs, err := there.Counters()
	require.NoError(t, err)
	require.EqualValues(t, 3, theirs["TcpPassiveOpens"])
	for _, name := range []string{"TcpActiveOpens", "TcpPassiveOpens", "TcpAttemptFails", "TcpEstabResets", "IpOutNoRoutes",
		"Ip6OutNoRoutes", "TcpExtTCPTimeouts", "TcpInSegs", "IpExtInOctets"} {
		require.Contains(t, theirs, name)
		require.Equal(t, oracle.Kernel[name], theirs[name], name)
	}
	require.Greater(t, len(theirs), 200)
}

func FuzzCounters(f *testing.F) {
	for _, file := range []string{"snmp", "netstat", "snmp6"} {
		if text, err := os.ReadFile("/proc/net/" + file); err == nil {
			f.Add(string(text))
		}
	}
	f.Add("Tcp: A B\nTcp: 1 -1\n")
	f.Add("Tcp: A\nUdp: 1\n")
	f.Add("Ip6InReceives 18446744073709551616\n")
	f.Fuzz(func(t *testing.T, text string) {
		pairs, list := Counters{}, Counters{}
		if pairs.parsePairs(text) == nil && len(pairs) > len(text) {
			t.Fatal("more counters than text")
		}
		if list.parseList(text) == nil && len(list) > len(text) {
			t.Fatal("more counters than text")
		}
	})
}

func FuzzMounts(f *testing.F) {
	f.Add("531 25 0:4 net:[4026532281] /run/netns/blue rw shared:1 - nsfs nsfs rw\n")
	f.Add(`531 25 0:4 net:[4026532281] /run/netns/a\040b rw - nsfs nsfs rw` + "\n")
	if text, err := os.ReadFile("/proc/self/mountinfo"); err == nil {
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for inode, mounts := range parseMounts(text) {
			_ = Place{Inode: inode, Mounts: mounts}.Name()
			if len(mounts) == 0 || len(mounts) > 16 {
				t.Fatal(mounts)
			}
		}
	})
}

func TestMountsAreUnescaped(t *testing.T) {
	mounts := parseMounts(`531 25 0:4 net:[4026532281] /run/netns/a\040b\134 rw shared:1 - nsfs nsfs rw
532 25 0:4 net:[4026532281] /run/netns/a\040b\134 rw shared:1 - nsfs nsfs rw
533 25 0:4 mnt:[4026532282] /run/other rw - nsfs nsfs rw
534 25 0:4 net:[4026532283] /run/docker/netns/1a2b rw - nsfs nsfs rw
`)
	require.Equal(t, map[uint32][]string{4026532281: {`/run/netns/a b\`}, 4026532283: {"/run/docker/netns/1a2b"}}, mounts)
	require.Equal(t, `a b\`, Place{Mounts: mounts[4026532281]}.Name())
	require.Empty(t, Place{Mounts: mounts[4026532283]}.Name())
}
