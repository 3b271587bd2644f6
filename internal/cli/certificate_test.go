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

func TestCertificate_issuesWhatACollectorNeeds(t *testing.T) {
	data, out := t.TempDir(), filepath.Join(t.TempDir(), "hall")
	_, err := pki.OpenAuthority(filepath.Join(data, authorityDirectory))
	require.NoError(t, err)
	got := run(t, nil, "certificate", "collector", "hall", "--host", "collector.example", "--host", "10.0.0.7", "--data-dir", data, "--out", out)
	require.Equal(t, exitOK, got.code, got.err)
	require.Contains(t, got.out, "are for collector hall\n")
	file := func(name string) string { return filepath.Join(out, name) }
	files := pki.Files{Certificate: file("collector.crt"), Key: file("collector.key"), Authority: file("ca.crt")}
	for _, usage := range []pki.Usage{pki.UsageClient, pki.UsageServer} {
		material, err := pki.Load(files, usage)
		require.NoError(t, err)
		require.NoError(t, material.Certificate.Leaf.VerifyHostname("collector.example"))
		require.NoError(t, material.Certificate.Leaf.VerifyHostname("10.0.0.7"))
		identity, err := pki.IdentityOf(material.Certificate.Leaf)
		require.NoError(t, err)
		require.Equal(t, pki.Identity{Kind: pki.KindCollector, Name: "hall"}, identity)
	}
	_, _, err = pki.LoadClientConfig(files)
	require.ErrorContains(t, err, "only an agent's names a node", "it is no agent's")
	require.Equal(t, exitUsage, run(t, nil, "certificate", "collector").code)
	require.Equal(t, exitUsage, run(t, nil, "certificate", "collector", "a b").code)
}

func TestCertificate_refusesWhatIsNoNode(t *testing.T) {
	require.Equal(t, exitUsage, run(t, nil, "certificate", "agent", "../x").code)
}
