// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestBooks: what ends while no program runs is told by number; what ended seen, and what is still there, is not in it.
func TestBooks(t *testing.T) {
	testkit.RequireRoot(t)
	p := newPair(t)
	settings := p.scope()
	settings.Ledger = loss.NewLedger()
	s, err := New(settings)
	require.NoError(t, err)
	set, lacking, err := s.(*tcpSensor).load(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, set.Close()) }()
	require.NotContains(t, fmt.Sprint(lacking), noBooks)
	run, err := newRun(s.(*tcpSensor), set, &recorder{})
	require.NoError(t, err)
	defer func() { require.NoError(t, run.close()) }()
	listener := listen(t, p.server, "tcp4", "10.99.0.2:0")
	open := func() (conns []*net.TCPConn) {
		for range 10 {
			client, err := dial(p.client, "tcp4", listener.Addr().String())
			require.NoError(t, err)
			server, err := listener.AcceptTCP()
			require.NoError(t, err)
			conns = append(conns, client, server)
		}
		return conns
	}
	// Both ends vanish at once, without a wait for the peer.
	end := func(conns []*net.TCPConn) {
		for _, conn := range conns {
			require.NoError(t, conn.SetLinger(0))
			require.NoError(t, conn.Close())
		}
	}
	lost := func() uint64 {
		lost, err := run.books.lost()
		require.NoError(t, err)
		return lost
	}

	// The first are older than the programs.
	adopted := open()
	_, err = s.(*tcpSensor).attach(set)
	require.NoError(t, err)
	require.NoError(t, run.adopt())
	early, seen, unseen, left := open(), open(), open(), open()
	for range 2 * bookRounds {
		require.NoError(t, run.books.turn())
	}
	late := open()
	end(seen)
	require.NoError(t, run.books.turn())
	require.NoError(t, run.books.turn())
	assert.Zero(t, lost())

	require.NoError(t, set.Detach())
	end(unseen)
	end(late)
	end(early[:1])
	end(adopted[:2])
	want := uint64(len(unseen) + len(late) + 1 + 2)
	testkit.Eventually(t, patience, func() string {
		require.NoError(t, run.books.turn())
		return missing(int(lost()), int(want))
	})
	// It stays told, and nothing is told twice.
	for range 2 * bookRounds {
		require.NoError(t, run.books.turn())
		assert.Equal(t, want, lost())
	}
	for _, conn := range append(append(append([]*net.TCPConn{}, early[1:]...), left...), adopted[2:]...) {
		require.NoError(t, conn.Close())
	}
}
