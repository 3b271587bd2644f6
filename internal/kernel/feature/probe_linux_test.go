// SPDX-License-Identifier: Apache-2.0

package feature_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// helperVariable makes the test binary print what it finds, and nothing else.
const helperVariable = "AEOLUS_FEATURE_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		for _, found := range feature.Probe(context.Background(), feature.Config{}) {
			fmt.Printf("%s\t%s\t%s\t%t\t%v\n", found.Name, found.Group, found.Verdict,
				errors.Is(found.Err, feature.ErrPermission), found.Err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// TestProbe_withoutPrivilege runs the trials as nobody: what could not be tried is unknown, and never a no.
func TestProbe_withoutPrivilege(t *testing.T) {
	testkit.RequireRoot(t)
	output, err := asNobody(t).CombinedOutput()
	require.NoError(t, err, string(output))
	unknown := 0
	for line := range strings.Lines(string(output)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		require.Len(t, fields, 5, line)
		if group := feature.Group(fields[1]); group == feature.State || group == feature.Capability {
			continue
		}
		require.NotEqual(t, "no", fields[2], line)
		if fields[2] == "unknown" {
			unknown++
			require.Equal(t, "true", fields[3], line)
		}
	}
	require.Positive(t, unknown)
}

// asNobody is this test binary as a helper that runs as another user, from a place that this user can reach.
func asNobody(t *testing.T) *exec.Cmd {
	dir, err := os.MkdirTemp("", "aeolus-feature-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	content, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	path := filepath.Join(dir, "helper")
	require.NoError(t, os.WriteFile(path, content, 0o755))
	command := exec.Command(path)
	command.Dir = dir
	command.Env = append(os.Environ(), helperVariable+"=1")
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return command
}

// TestProbe_thisKernel prints what this kernel can do, and holds the answers to what must hold on any.
func TestProbe_thisKernel(t *testing.T) {
	testkit.RequireRoot(t)
	began := time.Now()
	features := feature.Probe(t.Context(), feature.Config{})
	first := time.Since(began)
	began = time.Now()
	again := feature.Probe(t.Context(), feature.Config{})
	t.Logf("first run %s, second %s", first, time.Since(began))

	names := map[string]bool{}
	for i, found := range features {
		t.Logf("%-26s %-7s %s %v", found.Name, found.Verdict, found.Detail, found.Err)
		require.False(t, names[found.Name], "%s is reported twice", found.Name)
		names[found.Name] = true
		require.Equal(t, found.Verdict == feature.Yes, found.Err == nil, "%s: an error goes with no and unknown", found.Name)
		require.True(t, strings.HasSuffix(found.Without, "."), "%s: one sentence", found.Name)
		require.Equal(t, found.Verdict, again[i].Verdict, "%s: asked twice", found.Name)
	}
	require.Equal(t, feature.Yes, feature.Find(features, feature.RingBuffer).Verdict)
	require.Equal(t, feature.Unknown, feature.Find(features, "nonsense").Verdict)
}

// TestProbe_leavesNothing compares what this process holds, and what the kernel holds in the trials' name.
func TestProbe_leavesNothing(t *testing.T) {
	testkit.RequireRoot(t)
	feature.Probe(t.Context(), feature.Config{})
	feature.Forget()
	before := descriptors(t)
	feature.Probe(t.Context(), feature.Config{})
	testkit.Eventually(t, 10*time.Second, func() string {
		if now := descriptors(t); now != before {
			return fmt.Sprintf("%d descriptors before, %d after", before, now)
		}
		return trialsInKernel()
	})
}

// TestProbe_cancelled gives unknown for everything, and remembers none of it.
func TestProbe_cancelled(t *testing.T) {
	feature.Forget()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, found := range feature.Probe(ctx, feature.Config{}) {
		require.Equal(t, feature.Unknown, found.Verdict, found.Name)
		require.ErrorIs(t, found.Err, context.Canceled)
	}
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

func trialsInKernel() string {
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if err != nil {
			return ""
		}
		id = next
		program, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue
		}
		info, err := program.Info()
		program.Close()
		if err == nil && info.Name == feature.ProgramName {
			return fmt.Sprintf("program %d is still loaded", id)
		}
	}
}
