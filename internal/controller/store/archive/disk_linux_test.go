// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// smallDisk mounts a small file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	testkit.RequireRoot(t)
	directory := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", directory, "tmpfs", 0, "size="+size))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(directory, syscall.MNT_DETACH)) })
	return directory
}

func TestSeal_diskFull(t *testing.T) {
	directory := smallDisk(t, "600k")
	ledger := loss.NewLedger()
	var said bytes.Buffer
	a, err := Open(Config{
		Directory: directory, Ledger: ledger, HeadRows: RowBounds{Flows: 4000}, Logger: slog.New(slog.NewTextHandler(&said, nil)),
	})
	require.NoError(t, err)
	ballast := filepath.Join(directory, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 560<<10), 0o600))
	g := newGenerator(1, 20)
	rows := make([]Flow, 3000)
	for i := range rows {
		rows[i] = g.flow(begin)
	}
	a.AddFlows(rows)
	require.ErrorIs(t, a.sealAll(true), syscall.ENOSPC)
	require.ErrorIs(t, a.sealAll(true), syscall.ENOSPC)
	require.Contains(t, a.Stats().SealError, "no space left on device")
	require.Equal(t, 1, strings.Count(said.String(), "the archive cannot be written"), "said once")
	left, err := filepath.Glob(filepath.Join(directory, "*"+temporary))
	require.NoError(t, err)
	require.Empty(t, left)
	// What there is can still be asked for, and what there is no room for is counted.
	a.AddFlows(rows)
	require.Len(t, collect(t, a.Flows(context.Background(), FlowQuery{})), 4000)
	require.Equal(t, map[string]uint64{dropDisk: 2000}, count(ledger, "archive.flows").Dropped)

	require.NoError(t, os.Remove(ballast))
	require.NoError(t, a.sealAll(true))
	require.Empty(t, a.Stats().SealError)
	require.Contains(t, said.String(), "the archive can be written again")
	require.Len(t, collect(t, a.Flows(context.Background(), FlowQuery{})), 4000)
	require.NoError(t, a.Close())
}

func TestSeal_readOnlyDisk(t *testing.T) {
	directory := smallDisk(t, "10m")
	a, err := Open(Config{Directory: directory})
	require.NoError(t, err)
	newGenerator(1, 10).fill(a, &oracle{}, begin, 10)
	require.NoError(t, a.sealAll(true))
	newGenerator(2, 10).fill(a, &oracle{}, begin, 10)
	// Files that are open for writing keep a file system from becoming read-only.
	a.marker.close()
	a.lock.Close()
	require.NoError(t, syscall.Mount("", directory, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	require.ErrorIs(t, a.sealAll(true), syscall.EROFS)
	require.Len(t, collect(t, a.Flows(context.Background(), FlowQuery{})), 20)
	require.ErrorIs(t, a.Close(), syscall.EROFS)
	_, err = Open(Config{Directory: directory})
	require.ErrorIs(t, err, syscall.EROFS)
	require.ErrorContains(t, err, "opening the archive in "+directory)
}
