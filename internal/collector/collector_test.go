// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// quiet keeps a collector's own metrics to itself.
const quiet = "service: {telemetry: {metrics: {level: none}}}"

// metersSent is a counter and a gauge as OTLP in JSON.
const metersSent = `{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
"scopeMetrics":[{"scope":{"name":"test"},"metrics":[{"name":"orders","unit":"1","sum":{"isMonotonic":true,"aggregationTemporality":2,
"dataPoints":[{"asInt":"7","startTimeUnixNano":"%[1]d","timeUnixNano":"%[2]d","attributes":[{"key":"kind","value":{"stringValue":"book"}}],
"exemplars":[{"timeUnixNano":"%[2]d","asInt":"1","filteredAttributes":[{"key":"event","value":{"stringValue":"e-1"}}]}]}]}}]}]}]}`

func post(t *testing.T, address, path, body string) {
	t.Helper()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Post("http://"+address+path, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(answer))
}

func get(address, path string) string {
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("http://" + address + path)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return string(text)
}

func metersNow(began time.Time) string {
	return fmt.Sprintf(metersSent, began.UnixNano(), time.Now().UnixNano())
}

func TestCollector_takesOTLPAndIsScraped(t *testing.T) {
	in, out := free(t), free(t)
	file := filepath.Join(t.TempDir(), "collector.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
receivers: {otlp: {protocols: {http: {endpoint: `+in+`}}}}
processors: {memory_limiter: {check_interval: 1s, limit_mib: 512}}
exporters:
  prometheus: {endpoint: `+out+`}
  debug: {verbosity: detailed}
service:
  pipelines:
    metrics: {receivers: [otlp], processors: [memory_limiter], exporters: [prometheus, debug]}
`), 0o600))
	_, log, stop := begin(t, Config{Files: []string{file, "yaml:" + quiet}})
	post(t, in, "/v1/metrics", metersNow(time.Now()))
	testkit.Eventually(t, 20*time.Second, func() string {
		if text := get(out, "/metrics"); !strings.Contains(text, `orders_total{job="shop",kind="book"`) {
			return text + log.String()
		}
		return ""
	})
	testkit.Eventually(t, 20*time.Second, func() string {
		if !strings.Contains(log.String(), "Name: orders") {
			return log.String()
		}
		return ""
	})
	require.Contains(t, log.String(), `msg="the collector runs" pipelines=1`)
	require.NotContains(t, log.String(), "otelcol.")
	require.NotContains(t, log.String(), "service.instance.id", "the same on every line says nothing")
	stop()
	require.NotContains(t, log.String(), "level=ERROR")
}

func TestCollector_readsAnew(t *testing.T) {
	first, second := free(t), free(t)
	file := filepath.Join(t.TempDir(), "collector.yaml")
	write := func(address string) {
		require.NoError(t, os.WriteFile(file, []byte("receivers: {otlp: {protocols: {http: {endpoint: '"+address+"'}}}}\n"+
			"exporters: {debug: {}}\nservice: {pipelines: {metrics: {receivers: [otlp], exporters: [debug]}}, telemetry: {metrics: {level: none}}}\n"), 0o600))
	}
	write(first)
	running, log, stop := begin(t, Config{Files: []string{file}})
	post(t, first, "/v1/metrics", metersNow(time.Now()))
	require.NoError(t, os.WriteFile(file, []byte("receivers: {otpl: {}}\n"), 0o600))
	running.Reload()
	testkit.Eventually(t, 20*time.Second, func() string {
		if !strings.Contains(log.String(), "the configuration is wrong, so the old one stays") {
			return log.String()
		}
		return ""
	})
	post(t, first, "/v1/metrics", metersNow(time.Now()))
	write(second)
	running.Reload()
	testkit.Eventually(t, 20*time.Second, func() string {
		connection, err := net.Dial("tcp", second)
		if err != nil {
			return err.Error()
		}
		return map[bool]string{false: "closing"}[connection.Close() == nil]
	})
	post(t, second, "/v1/metrics", metersNow(time.Now()))
	stop()
}

func TestCollector_saysWhatIsInTheWay(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	for _, text := range []string{
		"receivers: {otlp: {protocols: {http: {endpoint: '" + listener.Addr().String() + "'}}}}\nexporters: {debug: {}}\n",
		"receivers: {otlp: {protocols: {http: {endpoint: '" + free(t) + "'}}}}\nexporters: {prometheus: {endpoint: '" + listener.Addr().String() + "'}}\n",
	} {
		name := map[bool]string{true: "prometheus", false: "debug"}[strings.Contains(text, "prometheus")]
		made, err := New(t.Context(), Config{Text: text + "service: {pipelines: {metrics: {receivers: [otlp], exporters: [" + name + "]}}, telemetry: {metrics: {level: none}}}"})
		require.NoError(t, err)
		err = made.Run(context.Background())
		require.ErrorContains(t, err, "address already in use")
		require.ErrorContains(t, err, listener.Addr().String())
	}
}
