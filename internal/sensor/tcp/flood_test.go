// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// serve accepts and closes until the listener does.
func serve(listener *net.TCPListener) {
	for {
		conn, err := listener.AcceptTCP()
		if err != nil {
			return
		}
		_ = conn.Close()
	}
}

// flood opens and closes connections one after the other, all from one thread. It returns how many were opened.
func flood(n *netlink.Namespace, remote netip.AddrPort, count int) error {
	return n.Do(func() error {
		for i := range count {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return fmt.Errorf("opening socket %d: %w", i, err)
			}
			err = unix.Connect(fd, destination(remote))
			if err == nil {
				// Wait for the end: the server closes first, so that no local port is held.
				_, err = unix.Read(fd, make([]byte, 1))
			}
			_ = unix.Close(fd)
			if err != nil && err != unix.ECONNREFUSED {
				return fmt.Errorf("connecting socket %d: %w", i, err)
			}
		}
		return nil
	})
}

func stage(t *testing.T, run *started, name string) loss.Count {
	t.Helper()
	for _, count := range run.ledger.Counts() {
		if count.Stage == name {
			return count
		}
	}
	t.Fatalf("no stage %s", name)
	return loss.Count{}
}

// TestEveryConnection: ten thousand short connections are all seen, at both ends. A kernel may let an end go by without
// running a program, one in a few hundred thousand: then the books tell of it.
func TestEveryConnection(t *testing.T) {
	testkit.RequireRoot(t)
	const count = 10_000
	p := newPair(t)
	settings := p.scope()
	settings.Parameters = map[string]string{"walk": "100ms", "full_walk": "300ms"}
	run := start(t, settings)
	listener := listen(t, p.server, "tcp4", "10.99.0.2:0")
	go serve(listener)
	require.NoError(t, flood(p.client, netip.MustParseAddrPort(listener.Addr().String()), count))
	require.NoError(t, listener.Close())
	unseen := func() int { return int(stage(t, run, "tcp.bulk").Dropped[lostUnseenEnd]) }
	cookies := map[model.Role]map[uint64]bool{model.RoleClient: {}, model.RoleServer: {}}
	testkit.Eventually(t, patience, func() string {
		for _, c := range run.ends(func(*model.Connection) bool { return true }) {
			cookies[c.Role][c.Cookie] = true
		}
		return missing(len(cookies[model.RoleClient])+len(cookies[model.RoleServer])+unseen(), 2*count)
	})
	run.stop()
	t.Logf("%+v", stage(t, run, "tcp.runs"))
	assert.Equal(t, 2*count, len(cookies[model.RoleClient])+len(cookies[model.RoleServer])+unseen())
	assert.Less(t, unseen(), count/1000)
	if unseen() == 0 {
		equalCounters(t, run, p.client, p.server)
	}
	bulk := stage(t, run, "tcp.bulk")
	assert.Equal(t, uint64(unseen()), bulk.Lost())
	assert.Equal(t, bulk.In, bulk.Out+bulk.Lost())
	cost := run.sensor.Cost()
	t.Logf("%d ends were not seen", unseen())
	t.Logf("%d connections cost %s at both ends together: %s an end", count, cost.Time, cost.Time/(2*count))
}

// TestSmallRings: with rings of one page and the readers stopped, what happened is what was shown and what was reported
// lost together.
func TestSmallRings(t *testing.T) {
	testkit.RequireRoot(t)
	const opened, refused = 1_000, 300
	p := newPair(t)
	page := fmt.Sprint(os.Getpagesize())
	settings := p.scope()
	settings.Parameters = map[string]string{
		"urgent_ring": page, "bulk_ring": page, "poll": "10ms", "walk": "1h", "full_walk": "1h", "owner_rate": "100", "cpu_rate": "100000",
	}
	run := start(t, settings)
	listener := listen(t, p.server, "tcp4", "10.99.0.2:0")
	testkit.Eventually(t, patience, func() string {
		run.mu.Lock()
		defer run.mu.Unlock()
		return missing(len(run.listeners), 1)
	})
	go serve(listener)
	run.gate.Lock()
	require.NoError(t, flood(p.client, netip.MustParseAddrPort(listener.Addr().String()), opened))
	require.NoError(t, flood(p.client, netip.AddrPortFrom(server4, portRefused), refused))
	run.gate.Unlock()
	run.stop()
	kernel, err := p.client.Counters()
	require.NoError(t, err)
	require.Equal(t, uint64(opened+refused), kernel["TcpActiveOpens"])

	bulk, urgent := stage(t, run, "tcp.bulk"), stage(t, run, "tcp.urgent")
	shown := uint64(len(run.ends(func(*model.Connection) bool { return true })))
	assert.Equal(t, uint64(2*opened+refused), shown+bulk.Lost())
	assert.Positive(t, bulk.Dropped[lostRingFull])
	assert.Equal(t, bulk.In, bulk.Out+bulk.Lost())
	assert.Equal(t, uint64(refused), uint64(len(run.events))+urgent.Lost())
	assert.Positive(t, urgent.Dropped[lostRingFull])
	assert.Positive(t, urgent.Dropped[lostOwnerBucket])
	assert.Equal(t, urgent.In, urgent.Out+urgent.Lost())
	t.Logf("bulk %+v, urgent %+v", bulk, urgent)
}

// TestBuckets: a flood of one owner does not silence another, and what is held back is in the totals all the same.
func TestBuckets(t *testing.T) {
	testkit.RequireRoot(t)
	p := newPair(t)
	settings := p.scope()
	settings.Parameters = map[string]string{"owner_rate": "50", "cpu_rate": "1000"}
	run := start(t, settings)
	const loud = 400
	require.NoError(t, flood(p.client, netip.AddrPortFrom(server4, portRefused), loud))
	require.NoError(t, flood(p.server, netip.AddrPortFrom(client4, portRefused), 1))
	quiet := func(c *model.Connection) bool { return c.Owner.NetNS == p.server.Inode() }
	testkit.Eventually(t, patience, func() string {
		if len(run.eventsOf(quiet)) == 0 {
			return "the quiet owner is not heard"
		}
		return missing(len(run.ends(to(netip.AddrPortFrom(server4, portRefused)))), loud)
	})
	run.stop()
	urgent := stage(t, run, "tcp.urgent")
	assert.Positive(t, urgent.Dropped[lostOwnerBucket])
	assert.Equal(t, uint64(loud+1), uint64(len(run.events))+urgent.Lost())
}
