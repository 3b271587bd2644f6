// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// certificates writes what aeolus certificate collector writes.
func certificates(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	authority, err := pki.OpenAuthority(filepath.Join(directory, "authority"))
	require.NoError(t, err)
	certificate, err := authority.IssueCollector("hall", "127.0.0.1", "localhost")
	require.NoError(t, err)
	encoded, err := authority.EncodePEM(certificate)
	require.NoError(t, err)
	for name, content := range map[string][]byte{"collector.crt": encoded.Certificate, "collector.key": encoded.Key, "ca.crt": encoded.Authority} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), content, 0o600))
	}
	return directory
}

// TestDefault_runsAsItIs runs the configuration that people get, moved to ports that are free.
func TestDefault_runsAsItIs(t *testing.T) {
	require.NoError(t, Validate(t.Context(), Config{Text: Default()}))
	scrape, health, otlp, own := free(t), free(t), free(t), free(t)
	t.Setenv("AEOLUS_COLLECTOR_CERTIFICATES", certificates(t))
	t.Setenv("AEOLUS_COLLECTOR_SPOOL", filepath.Join(t.TempDir(), "spool"))
	t.Setenv("AEOLUS_COLLECTOR_AGENTS", free(t))
	t.Setenv("AEOLUS_COLLECTOR_CONTROLLER", free(t))
	t.Setenv("AEOLUS_COLLECTOR_REMOTE_WRITE", "http://"+free(t)+"/api/v1/write")
	t.Setenv("AEOLUS_COLLECTOR_OTLP_GRPC", free(t))
	t.Setenv("AEOLUS_COLLECTOR_OTLP_HTTP", otlp)
	t.Setenv("AEOLUS_COLLECTOR_SCRAPE", scrape)
	t.Setenv("AEOLUS_COLLECTOR_HEALTH", health)
	t.Setenv("AEOLUS_COLLECTOR_TELEMETRY_PORT", own[strings.LastIndex(own, ":")+1:])
	running, _, stop := begin(t, Config{Text: Default(), Version: "v1"})
	var ways []string
	for _, p := range running.Pipelines() {
		ways = append(ways, p.Name+": "+p.String())
	}
	require.Equal(t, []string{
		"logs: aeolus, otlp → memory_limiter → aeolus, aeolus_edges",
		"metrics: aeolus_edges, otlp → memory_limiter → prometheus_remote_write, prometheus",
	}, ways)
	require.Contains(t, get(health, "/"), "Server available")
	post(t, otlp, "/v1/metrics", metersNow(time.Now()))
	for address, want := range map[string]string{scrape: `orders_total{job="shop",kind="book"} 7`, own: `otelcol_receiver_accepted_metric_points`} {
		testkit.Eventually(t, 20*time.Second, func() string {
			if text := get(address, "/metrics"); !strings.Contains(text, want) {
				return text
			}
			return ""
		})
	}
	require.Equal(t, http.StatusOK, postZipped(t, otlp, 3<<20))
	require.NotEqual(t, http.StatusOK, postZipped(t, otlp, 5<<20), "more than 4 MiB once it is unpacked")
	stop()
}

// postZipped sends so many spaces, which gzip makes a few kilobytes of, and gives the status.
func postZipped(t *testing.T, address string, size int) int {
	t.Helper()
	var body bytes.Buffer
	packed := gzip.NewWriter(&body)
	_, err := packed.Write(append(bytes.Repeat([]byte(" "), size), "{}"...))
	require.NoError(t, err)
	require.NoError(t, packed.Close())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/v1/metrics", &body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Content-Encoding", "gzip")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

// TestDefault_listensOnLoopbackAlone reads every address that is not the next hop's.
func TestDefault_listensOnLoopbackAlone(t *testing.T) {
	require.NotRegexp(t, `0\.0\.0\.0|\[::\]|:-:`, Default())
}
