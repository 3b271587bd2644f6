// SPDX-License-Identifier: Apache-2.0

package track_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

func TestServersWithoutAProcessGetTheirListeners(t *testing.T) {
	b := newBench(t, 10)
	listener := model.Listener{
		Cookie: 9, Local: netip.MustParseAddrPort("[::]:80"), Owner: model.Owner{Kind: model.OwnerNetNS, ID: 5, NetNS: 5, PID: 77},
	}
	accepted := func(cookie uint64, netns uint32) model.Connection {
		c := client(cookie, model.PhaseEstablished, 100)
		c.Role, c.Local = model.RoleServer, netip.MustParseAddrPort("10.0.0.2:80")
		c.Owner = model.Owner{Kind: model.OwnerNetNS, ID: uint64(netns), NetNS: netns}
		return c
	}
	b.table.Listeners([]model.Listener{listener})
	b.see(accepted(1, 5))
	require.Equal(t, "process-77", b.one().Endpoint.Workload)
	b.see(accepted(2, 6))
	require.Equal(t, "process-0", b.one().Endpoint.Workload, "it listens in another namespace")
	outgoing := accepted(3, 5)
	outgoing.Role = model.RoleClient
	b.see(outgoing)
	require.Equal(t, "process-0", b.one().Endpoint.Workload, "nobody accepted it")

	listener.Gone = true
	b.table.Listeners([]model.Listener{listener})
	b.see(accepted(4, 5))
	require.Equal(t, "process-0", b.one().Endpoint.Workload)
}

func TestRetell(t *testing.T) {
	b := newBench(t, 10)
	b.see(client(1, model.PhaseEstablished, 100), client(2, model.PhaseOpening, 0), client(3, model.PhaseClosed, 5))
	require.Len(t, b.take(), 3)
	require.Empty(t, b.take(), "nothing has happened")
	b.table.Retell()
	flows := b.take()
	require.Len(t, flows, 2, "what is open")
	for _, flow := range flows {
		require.True(t, flow.Delta.IsZero())
		require.False(t, flow.Opened || flow.Established || flow.Closed)
		require.Equal(t, flow.Cookie == 1, flow.Adopted)
	}
	require.Empty(t, b.take(), "once")
	b.see(client(1, model.PhaseClosed, 100))
	require.False(t, b.one().Adopted)
}
