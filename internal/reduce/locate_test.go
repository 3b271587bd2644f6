// SPDX-License-Identifier: Apache-2.0

package reduce_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/reduce"
)

func TestLocate_findsTheEdgeOfAnEvent(t *testing.T) {
	b := newBench(reduce.Config{})
	a, payment := who("a", "n1", 1), who("payment", "n1", 2)
	b.apply(&model.Batch{Node: "n1", Addresses: []model.AddressOwner{
		{Address: netip.MustParseAddr("10.0.0.2"), NetNS: 2, Endpoint: payment},
		{Address: netip.MustParseAddr("10.0.0.1"), NetNS: 1, Endpoint: a},
	}})
	located := b.reducer.Locate(&model.Event{
		Kind: model.EventRefused, Node: "n1", Time: b.now, Cookie: 1, Local: addr("10.0.0.1:40000"),
		Remote: addr("10.0.0.2:80"), Role: model.RoleClient, Endpoint: a,
	}, b.now)
	require.Equal(t, "payment", located.Edge.Server.Name)
	require.True(t, located.First)
	require.Equal(t, []uint16{80}, located.Edge.Ports, "before any row has come")
	reset := &model.Event{
		Kind: model.EventReset, Node: "n1", Time: b.now, Cookie: 2, Local: addr("10.0.0.1:40001"),
		Remote: addr("10.0.0.2:80"), Role: model.RoleClient, Endpoint: a, ByPeer: true,
	}
	other := &model.Event{
		Kind: model.EventReset, Node: "n1", Time: b.now, Cookie: 3, Local: addr("10.0.0.2:80"),
		Remote: addr("10.0.0.1:40001"), Role: model.RoleServer, Endpoint: payment,
	}
	first, second := b.reducer.Locate(reset, b.now), b.reducer.Locate(other, b.now)
	require.Same(t, first.Edge, second.Edge)
	require.True(t, first.First)
	require.False(t, second.First, "both ends report one reset")
}
