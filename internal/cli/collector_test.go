// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/collector"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestCollector_components(t *testing.T) {
	got := run(t, nil, "collector", "components")
	require.Equal(t, exitOK, got.code, got.err)
	require.Regexp(t, `(?m)^receiver +aeolus +logs alpha +github.com/aeolus-ebpf/aeolus/internal/collector/aeolusreceiver`, got.out)
	require.Regexp(t, `(?m)^exporter +prometheus_remote_write +metrics beta +github.com/open-telemetry/`, got.out)
	require.Contains(t, run(t, nil, "collector", "components", "-o", "wide").out, "prometheusremotewrite ")
	require.Contains(t, run(t, nil, "collector", "components", "-o", "json").out, `"type": "aeolus_edges"`)
	require.Contains(t, run(t, nil, "collector", "components", "-o", "yaml").out, "type: aeolus_edges")
}

func TestCollector_validate(t *testing.T) {
	got := run(t, nil, "collector", "validate")
	require.Equal(t, result{out: "the default configuration: nothing is wrong\n"}, got)
	require.Equal(t, collector.Default(), run(t, nil, "collector", "config").out)
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte("receivers:\n  otlp:\n    protocls:\n"), 0o600))
	got = run(t, nil, "collector", "validate", "--config", file)
	require.Equal(t, result{code: exitUsage, err: "aeolus: " + file + ": line 3: receivers: otlp: unknown setting \"protocls\"\n"}, got)
	require.Equal(t, got, run(t, nil, "collector", "--config", file), "running it says the same")
	require.Equal(t, got, run(t, map[string]string{"AEOLUS_CONFIG": file}, "collector", "validate"))
	got = run(t, nil, "collector", "validate", "--config", filepath.Join(t.TempDir(), "none.yaml"))
	require.Equal(t, exitFailure, got.code)
	require.Contains(t, got.err, "no such file or directory")
	got = run(t, nil, "collector", "--data-dir", t.TempDir())
	require.Equal(t, exitFailure, got.code)
	require.Contains(t, got.err, "(start aeolus controller here once, or bring what aeolus certificate collector writes, or give a --config)")
}

// TestCollector_besideAController runs it as people do first: told nothing but where the controller keeps its data.
func TestCollector_besideAController(t *testing.T) {
	data := t.TempDir()
	_, err := pki.OpenAuthority(filepath.Join(data, authorityDirectory))
	require.NoError(t, err)
	args := []string{"collector", "--data-dir", data}
	for _, setting := range []string{
		"receivers.aeolus.endpoint", "receivers.otlp.protocols.grpc.endpoint", "receivers.otlp.protocols.http.endpoint",
		"exporters.prometheus.endpoint", "extensions.health_check.endpoint",
	} {
		args = append(args, "--set", setting+"=127.0.0.1:0")
	}
	out, errs, stop := start(t, append(args, "--set", "service.telemetry.metrics.level=none")...)
	testkit.Eventually(t, 30*time.Second, out.has("metrics   aeolus_edges, otlp → memory_limiter → prometheus\n"))
	require.True(t, strings.HasPrefix(out.String(), "aeolus "), out.String())
	require.Contains(t, out.String(), "  logs      aeolus, otlp → memory_limiter → aeolus, aeolus_edges\n")
	require.Contains(t, errs.String(), "aeolus: no --token is given: metrics are there to be scraped, and are not written to the controller\n")
	require.Equal(t, exitOK, stop(), errs.String())
	require.NotContains(t, errs.String(), "level=ERROR")
	for _, name := range []string{"collector.crt", "collector.key", "ca.crt", "spool"} {
		_, err := os.Stat(filepath.Join(data, collectorDirectory, name))
		require.NoError(t, err)
	}
}

func TestLiteral_meansNothingElse(t *testing.T) {
	for _, text := range []string{"plain", "a: b # c", `"quoted\`, "${env:HOME} $1 $$", "line\nline"} {
		name := literal(text)
		require.NotContains(t, strings.ReplaceAll(name, "$$", ""), "$")
	}
}
