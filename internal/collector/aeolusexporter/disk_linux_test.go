// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestExporter_realDiskFull fills a small file system. What did not fit is given back to its sender, and what was
// answered before arrives.
func TestExporter_realDiskFull(t *testing.T) {
	testkit.RequireRoot(t)
	b := newBench(t, withStorage, func(b *bench) {
		require.NoError(t, unix.Mount("aeo-passage", b.directory, "tmpfs", 0, "size=1m"))
		t.Cleanup(func() { require.NoError(t, unix.Unmount(b.directory, 0)) })
	})
	c := b.controllers[0]
	c.stop()
	var want []any
	for n := uint64(1); ; n++ {
		batch := &flowv1.Batch{Node: "n1", AgentId: "a", Sequence: n, Endpoints: []*flowv1.Endpoint{{Workload: strings.Repeat("x", 30_000)}}}
		bytes, err := proto.Marshal(batch)
		require.NoError(t, err)
		if err = b.exporter.ConsumeLogs(t.Context(), passage.BatchLogs(passage.Header{}, bytes)); err != nil {
			require.ErrorContains(t, err, "spooling flows: ")
			require.False(t, consumererror.IsPermanent(err))
			break
		}
		want = append(want, n)
		require.Less(t, n, uint64(100), "a megabyte holds less than that")
	}
	require.Greater(t, len(want), 5)
	require.Equal(t, uint64(1), b.hops[0].failed[flows].Load())
	c.restart()
	b.await(c, want...)
	b.settled()
	require.NoError(t, b.batch(1_000), "and then straight to the controller again")
}

// TestExporter_readOnlyStorage holds that a storage that cannot be opened is told at the start.
func TestExporter_readOnlyStorage(t *testing.T) {
	testkit.RequireRoot(t)
	b := newBench(t, withStorage)
	b.stop()
	directory := t.TempDir()
	require.NoError(t, unix.Mount("aeo-passage", directory, "tmpfs", unix.MS_RDONLY, "size=1m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(directory, 0)) })
	storage, err := newShelf(t.Context(), directory)
	require.NoError(t, err)
	err = tryStart(t, b, host{map[component.ID]component.Component{storageID(): storage}})
	require.ErrorContains(t, err, "opening the storage for "+b.controllers[0].address)
	require.ErrorIs(t, err, unix.EROFS)
}
