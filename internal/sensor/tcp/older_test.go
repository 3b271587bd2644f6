// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestOlder runs the tests that matter most with the object for older kernels, which newer ones can run as well.
func TestOlder(t *testing.T) {
	testkit.RequireRoot(t)
	if *onlyOlder {
		t.Skip("every test is run with that object")
	}
	*onlyOlder = true
	defer func() { *onlyOlder = false }()
	for name, test := range map[string]func(*testing.T){
		"bytes": TestBytes, "walk": TestWalk, "adoption": TestAdoption, "multipath": TestAdoption_multipath,
		"endings": TestEndings, "failures": TestFailures, "one socket": TestOneSocketManyConnections, "resets": TestResets,
		"namespaces": TestScope_namespaces, "cgroup2": TestScope_cgroup2, "cgroup1": TestScope_cgroup1,
	} {
		t.Run(name, test)
	}
}

// TestOlder_notChosen: a kernel that can run the newer object does.
func TestOlder_notChosen(t *testing.T) {
	testkit.RequireRoot(t)
	if *onlyOlder {
		t.Skip("every test is run with the other object")
	}
	run := start(t, sensor.Settings{})
	require.NotContains(t, run.state.Missing, older.missing[0])
}

// TestOlder_tableFull: of connections that find no room the end is seen all the same, what found none is counted, and a
// socket that goes gives its place back.
func TestOlder_tableFull(t *testing.T) {
	testkit.RequireRoot(t)
	const count, room = 100, 40
	small := older
	small.spec = func() (*ebpf.CollectionSpec, error) {
		spec, err := loadOlder()
		if err == nil {
			spec.Maps[olderMapKept].MaxEntries = room
		}
		return spec, err
	}
	p := newPair(t)
	run := startObject(t, p.scope(), &recorder{}, small)
	listener := listen(t, p.server, "tcp4", "10.99.0.2:0")
	remote := netip.MustParseAddrPort(listener.Addr().String())
	held := hold(t, p.client, remote, count)
	var accepted []interface{ Close() error }
	for range count {
		conn, err := listener.AcceptTCP()
		require.NoError(t, err)
		accepted = append(accepted, conn)
	}
	full := kept(t, run)
	require.LessOrEqual(t, full, room)
	require.Greater(t, full, room/2)
	for i, fd := range held {
		require.NoError(t, unix.Close(fd))
		require.NoError(t, accepted[i].Close())
	}
	testkit.Eventually(t, patience, func() string {
		ends := run.ends(func(c *model.Connection) bool { return c.Remote == remote || c.Local == remote })
		return missing(len(ends), 2*count)
	})
	require.NoError(t, listener.Close())
	testkit.Eventually(t, patience, func() string { return missing(room-kept(t, run), room/2) })
	run.stop()
	bulk := stage(t, run, "tcp.bulk")
	assert.Positive(t, bulk.Dropped[lostStorageFull])
	assert.Equal(t, bulk.In, bulk.Out+bulk.Lost())
}

// hold opens connections and keeps them.
func hold(t *testing.T, n *netlink.Namespace, remote netip.AddrPort, count int) []int {
	t.Helper()
	var held []int
	require.NoError(t, n.Do(func() error {
		for range count {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			held = append(held, fd)
			if err := unix.Connect(fd, destination(remote)); err != nil {
				return err
			}
		}
		return nil
	}))
	return held
}

// kept counts the sockets in the table.
func kept(t *testing.T, run *started) int {
	t.Helper()
	s := run.sensor.(*tcpSensor)
	s.mu.Lock()
	defer s.mu.Unlock()
	var address uint64
	count := 0
	entries := s.running.Maps[olderMapKept].Iterate()
	raw := make([]byte, s.running.Maps[olderMapKept].ValueSize())
	for entries.Next(&address, &raw) {
		count++
	}
	require.NoError(t, entries.Err())
	return count
}
