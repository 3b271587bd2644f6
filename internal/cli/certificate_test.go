// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

func TestCertificate_issuesWhatAnAgentNeeds(t *testing.T) {
	data, out := t.TempDir(), filepath.Join(t.TempDir(), "node-1")
	got := run(t, nil, "certificate", "agent", "node-1", "--data-dir", data, "--out", out)
	require.Equal(t, exitFailure, got.code)
	require.Contains(t, got.err, "(start aeolus controller once, or name its data directory with --data-dir)")

	_, err := pki.OpenAuthority(filepath.Join(data, authorityDirectory))
	require.NoError(t, err)
	got = run(t, nil, "certificate", "agent", "node-1", "--data-dir", data, "--out", out)
	require.Equal(t, exitOK, got.code, got.err)
	file := func(name string) string { return filepath.Join(out, name) }
	_, node, err := pki.LoadClientConfig(pki.Files{Certificate: file("agent.crt"), Key: file("agent.key"), Authority: file("ca.crt")})
	require.NoError(t, err)
	require.Equal(t, "node-1", node)
	info, err := os.Stat(file("agent.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestCertificate_refusesWhatIsNoNode(t *testing.T) {
	require.Equal(t, exitUsage, run(t, nil, "certificate", "agent", "../x").code)
}
