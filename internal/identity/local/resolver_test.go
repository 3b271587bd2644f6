// SPDX-License-Identifier: Apache-2.0

package local

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

func TestResolveAnswersWithTheSamePointer(t *testing.T) {
	resolver, err := New(Config{Node: "here"})
	require.NoError(t, err)
	owner := model.Owner{Kind: model.OwnerNetNS, ID: 1, NetNS: 1, PID: 1 << 30, Comm: "gone"}
	endpoint := resolver.Resolve(owner)
	require.Equal(t, "gone", endpoint.Workload)
	owner.Inherited = true
	require.Same(t, endpoint, resolver.Resolve(owner))
}
