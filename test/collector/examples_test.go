// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/collector"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/test/servers"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// orders is a counter as OTLP in JSON, with the event that it last counted.
const orders = `{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
"scopeMetrics":[{"metrics":[{"name":"orders","sum":{"isMonotonic":true,"aggregationTemporality":2,
"dataPoints":[{"asInt":"7","startTimeUnixNano":"%[1]d","timeUnixNano":"%[2]d","attributes":[{"key":"kind","value":{"stringValue":"book"}}],
"exemplars":[{"timeUnixNano":"%[2]d","asInt":"1","filteredAttributes":[{"key":"event","value":{"stringValue":"e-1"}}]}]}]}}]}]}]}`

// running is a collector with the default configuration and an example over it.
type running struct{ otlp, scrape string }

// begin runs a collector as the guide says it, on free ports.
func begin(t *testing.T, example string) running {
	t.Helper()
	r := running{otlp: servers.FreeAddress(t), scrape: servers.FreeAddress(t)}
	_, port, err := net.SplitHostPort(servers.FreeAddress(t))
	require.NoError(t, err)
	directory := t.TempDir()
	authority, err := pki.NewAuthority()
	require.NoError(t, err)
	certificate, err := authority.IssueCollector("test", "127.0.0.1")
	require.NoError(t, err)
	encoded, err := authority.EncodePEM(certificate)
	require.NoError(t, err)
	for name, content := range map[string][]byte{"collector.crt": encoded.Certificate, "collector.key": encoded.Key, "ca.crt": encoded.Authority} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), content, 0o600))
	}
	for name, value := range map[string]string{
		"CERTIFICATES": directory, "SPOOL": filepath.Join(directory, "spool"), "AGENTS": "127.0.0.1:0", "OTLP_GRPC": "127.0.0.1:0", "OTLP_HTTP": r.otlp,
		"SCRAPE": r.scrape, "HEALTH": "127.0.0.1:0", "TELEMETRY_PORT": port, "CONTROLLER": servers.FreeAddress(t),
	} {
		t.Setenv("AEOLUS_COLLECTOR_"+name, value)
	}
	config := collector.Config{
		Text: collector.Default(), Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		// Nobody takes what is written to the controller.
		Set: []string{"exporters.prometheus_remote_write.retry_on_failure.enabled=false"},
	}
	if example != "" {
		config.Files = []string{"../../deploy/collector/" + example}
	}
	made, err := collector.New(t.Context(), config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- made.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	select {
	case <-made.Ready():
	case err := <-ended:
		ended <- nil
		require.NoError(t, err)
	}
	return r
}

// order sends the counter.
func (r running) order(t *testing.T, began time.Time) {
	t.Helper()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	body := fmt.Sprintf(orders, began.UnixNano(), time.Now().UnixNano())
	response, err := (&http.Client{Transport: transport}).Post("http://"+r.otlp+"/v1/metrics", "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(text))
}

// has waits until a server answers a question with something.
func has(t *testing.T, server *servers.Server, path string, want ...string) {
	t.Helper()
	testkit.Eventually(t, 60*time.Second, func() string {
		_, body := server.Get(path)
		for _, text := range want {
			if !bytes.Contains(body, []byte(text)) {
				return path + ": " + string(body)
			}
		}
		return ""
	})
}

func query(expression string) string {
	return "/api/v1/query?" + url.Values{"query": {expression}}.Encode()
}

func TestExample_victoriaMetrics(t *testing.T) {
	server := servers.VictoriaMetrics(t)
	t.Setenv("AEOLUS_VICTORIA", server.URL)
	r := begin(t, "victoriametrics.yaml")
	r.order(t, time.Now().Add(-time.Minute))
	has(t, server, query(`orders_total{job="shop"}`), `"kind":"book"`, `"7"`)
}

func TestExample_prometheusByRemoteWrite2(t *testing.T) {
	server := servers.Prometheus(t, "global: {}\n", "--enable-feature=exemplar-storage")
	t.Setenv("AEOLUS_PROMETHEUS", server.URL)
	r := begin(t, "prometheus.yaml")
	r.order(t, time.Now().Add(-time.Minute))
	has(t, server, query(`orders_total{job="shop"}`), `"kind":"book"`, `"7"`)
	span := url.Values{"query": {"orders_total"}, "start": {fmt.Sprint(time.Now().Add(-time.Hour).Unix())}, "end": {fmt.Sprint(time.Now().Add(time.Hour).Unix())}}
	has(t, server, "/api/v1/query_exemplars?"+span.Encode(), `"event":"e-1"`)
}

func TestExample_prometheusByRemoteWrite1(t *testing.T) {
	server := servers.DebianPrometheus(t, "global: {}\n")
	t.Setenv("AEOLUS_PROMETHEUS", server.URL)
	t.Setenv("AEOLUS_PROMETHEUS_MESSAGE", "prometheus.WriteRequest")
	r := begin(t, "prometheus.yaml")
	r.order(t, time.Now())
	has(t, server, query(`orders_total{job="shop"}`), `"kind":"book"`, `"7"`)
}

// TestScrape_byDebiansPrometheus is the other way round: a Prometheus that asks.
func TestScrape_byDebiansPrometheus(t *testing.T) {
	r := begin(t, "")
	server := servers.DebianPrometheus(t,
		"scrape_configs: [{job_name: aeolus, honor_labels: true, scrape_interval: 1s, static_configs: [{targets: ['"+r.scrape+"']}]}]\n")
	r.order(t, time.Now())
	has(t, server, query(`orders_total{job="shop"}`), `"kind":"book"`, `"7"`)
}
