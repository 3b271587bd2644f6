// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

func TestReach(t *testing.T) {
	in := func(namespaces ...uint32) (all []model.AddressOwner) {
		for _, netns := range namespaces {
			all = append(all, model.AddressOwner{Address: netip.MustParseAddr("10.0.0.1"), NetNS: netns})
		}
		return all
	}
	require.Equal(t, in(1, 2), newReach(sensor.Scope{}).within(in(1, 2)), "the host is all in reach")

	named := newReach(sensor.Scope{NetNS: []uint32{2}})
	require.Equal(t, in(2), named.within(in(1, 2, 3)))
	named.note(&model.Owner{NetNS: 3})
	require.Equal(t, in(2, 3), named.within(in(1, 2, 3)), "it was made under the one that was named")

	group := newReach(sensor.Scope{CgroupPath: "/a"})
	require.Empty(t, group.within(in(1)))
	group.note(&model.Owner{NetNS: 4})
	require.Empty(t, group.within(in(1)), "it has not been found yet")
	require.Equal(t, in(4), group.within(in(1, 4)))
	require.Empty(t, group.within(in(1)))
	require.Empty(t, group.within(in(1, 4)), "the number is used again")
}
