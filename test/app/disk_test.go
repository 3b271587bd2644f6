// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// smallDisk mounts a file system of its own on a directory.
func smallDisk(t *testing.T, directory, size string) {
	t.Helper()
	testkit.RequireRoot(t)
	require.NoError(t, os.MkdirAll(directory, 0o755))
	require.NoError(t, syscall.Mount("tmpfs", directory, "tmpfs", 0, "size="+size))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(directory, syscall.MNT_DETACH)) })
}

// fill takes all room that a directory's file system has left.
func fill(t *testing.T, directory string) (ballast string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(directory, "ballast"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(t, err)
	for _, size := range []int{1 << 20, 4 << 10} {
		block := make([]byte, size)
		for err = error(nil); err == nil; {
			_, err = file.Write(block)
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
	require.NoError(t, file.Close())
	return file.Name()
}

// TestDiskFull fills the disk of a controller and a collector while connections are made. The map, events and anomalies go
// on; what cannot be kept is said and counted; when there is room again, everything is kept again.
func TestDiskFull(t *testing.T) {
	s := unstartedStack(t)
	smallDisk(t, s.data(), "64m")
	s.start("ad", 2)
	traffic := s.flow(20, 0)
	selector := fmt.Sprintf(`aeolus_edge_connections_opened_total{source_workload=%q,destination_workload=%q}`, traffic.client.name, traffic.server.name)
	since := func(begin time.Time, n float64) func() string {
		return func() string {
			if counted := s.grown(selector, max(time.Since(begin), time.Second)); counted < n {
				return fmt.Sprintf("the metrics have grown by %.0f since %s; %v", counted, begin, s.lost())
			}
			return ""
		}
	}
	testkit.Eventually(t, 60*time.Second, since(time.Now(), 20))
	ballast := fill(t, s.data())
	full := time.Now()

	s.l.call(&edge{client: traffic.client, server: traffic.server, address: traffic.address, port: 9}, 30, 0)
	testkit.Eventually(t, 60*time.Second, func() string { return s.anomalyAfter(full) })
	live := len(s.connections(s.l.prefix + "-*"))
	// The head is a minute long: when it is to be sealed, there is no room.
	said := func(words ...string) func() string {
		return func() string {
			fill(t, s.data())
			for _, word := range words {
				if !strings.Contains(s.controller.out.String(), word) {
					return "nothing is said of " + word + ": " + fmt.Sprint(s.lost()) + s.controller.out.String()
				}
			}
			return ""
		}
	}
	testkit.Eventually(t, 150*time.Second, said("the archive cannot be written", "no space left on device"))
	t.Logf("lost while the disk is full: %v", s.lost())
	testkit.Eventually(t, 20*time.Second, func() string { return fewer(uint64(len(s.connections(s.l.prefix+"-*"))), uint64(live+20)) })
	s.await("node-1")
	require.Less(t, strings.Count(s.controller.out.String(), "level="), 40, "a full disk is no reason to shout: %s", s.controller.out)

	require.NoError(t, os.Remove(ballast))
	room := time.Now()
	testkit.Eventually(t, 150*time.Second, func() string {
		if !strings.Contains(s.controller.out.String(), "the archive can be written again") {
			return "the archive is not written again: " + s.controller.out.String()
		}
		return ""
	})
	testkit.Eventually(t, 60*time.Second, since(room, 20))
	traffic.program.stop()
	s.requireAccount(traffic, nil)
	s.controller.end(syscall.SIGTERM)
	requireWhole(t, s.data())
	s.startController()
	s.requireAccount(traffic, nil)
}

// anomalyAfter looks for an anomaly of the lab that opened after a time.
func (s *stack) anomalyAfter(at time.Time) string {
	s.t.Helper()
	answer, err := s.client.ListAnomalies(s.t.Context(), &queryv1.ListAnomaliesRequest{
		Filter: &queryv1.Filter{Workload: s.l.prefix + "-*"}, Ended: true, Limit: 100,
	})
	require.NoError(s.t, err)
	for _, anomaly := range answer.GetAnomalies() {
		if anomaly.GetOpened().AsTime().After(at) {
			return ""
		}
	}
	return "no anomaly has opened: " + answer.String()
}
