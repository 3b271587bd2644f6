// SPDX-License-Identifier: Apache-2.0

package servers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/test/promql"
	"github.com/aeolus-ebpf/aeolus/test/remotewrite"
	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// query asks a server for an expression at an instant.
func query(server *servers.Server, expression string, at time.Time) promql.Answer {
	form := url.Values{"query": {expression}, "time": {fmt.Sprint(at.Unix())}}
	status, body := server.Get("/api/v1/query?" + form.Encode())
	return promql.Answer{Status: status, Body: body}
}

// own scrapes a Prometheus itself and writes what it finds to a server.
func own(target, token, message string) string {
	return fmt.Sprintf(`global: {scrape_interval: 1s}
scrape_configs: [{job_name: own, static_configs: [{targets: [%q]}]}]
remote_write: [{url: %q, authorization: {credentials: %q}%s, queue_config: {batch_send_deadline: 200ms}, send_exemplars: %t}]
`, servers.OwnAddress, target, token, message, message != "")
}

// TestPrometheus_passesOn has Prometheus write what it scrapes to the controller, by remote write 2.0 and 1.0, the newest
// one and Debian's: both then answer the same.
func TestPrometheus_passesOn(t *testing.T) {
	t.Parallel()
	newest := func(t *testing.T, config string) *servers.Server {
		return servers.Prometheus(t, config, "--enable-feature=exemplar-storage")
	}
	debian := func(t *testing.T, config string) *servers.Server { return servers.DebianPrometheus(t, config) }
	for name, c := range map[string]struct {
		start   func(t *testing.T, config string) *servers.Server
		message string
	}{
		"newest by 2.0": {newest, ", protobuf_message: io.prometheus.write.v2.Request"},
		"newest by 1.0": {newest, ", protobuf_message: prometheus.WriteRequest"},
		"Debian's":      {debian, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			controller := servers.Controller(t)
			source := c.start(t, own(controller.URL+remotewrite.Path, controller.Token, c.message))
			var at time.Time
			testkit.Eventually(t, 60*time.Second, func() string {
				at = time.Now().Add(-2 * time.Second).Truncate(time.Second)
				answer := query(controller, `count({job="own"}) > 50 and on() count_over_time(up{job="own"}[1m]) > 5`, at)
				if answer.Status != http.StatusOK || strings.Contains(string(answer.Body), `"result":[]`) {
					return "not enough has come: " + string(answer.Body)
				}
				return ""
			})
			for _, expression := range []string{`{job="own"}`, `count_over_time({job="own"}[2m])`, `count by (__name__) ({job="own"})`} {
				testkit.Eventually(t, 30*time.Second, func() string {
					return promql.Difference(expression, query(source, expression, at), query(controller, expression, at))
				})
			}
		})
	}
}

// TestVictoriaMetrics has the controller keep its metrics in VictoriaMetrics: what is written to the controller is there,
// and what the controller is asked comes from there.
func TestVictoriaMetrics(t *testing.T) {
	t.Parallel()
	victoria := servers.VictoriaMetrics(t)
	controller := servers.Controller(t, "--metrics-url", victoria.URL, "--metrics-write-url", victoria.URL+remotewrite.Path)
	end := time.Now().Truncate(15 * time.Second)
	var series []remotewrite.Series
	for _, s := range promql.Dataset(end) {
		// It is of 2022, and knows no native histograms.
		if len(s.Histograms) == 0 {
			s.Exemplars = nil
			series = append(series, s)
		}
	}
	remotewrite.Send(t, controller, remotewrite.V1, series)
	testkit.Eventually(t, 30*time.Second, func() string {
		if answer := query(controller, "count(http_requests_total)", end); strings.Contains(string(answer.Body), `"result":[]`) {
			return "nothing has come: " + string(answer.Body)
		}
		return ""
	})
	for _, expression := range []string{"sum by (job) (http_requests_total)", "memory_bytes", "count(temperature_celsius)"} {
		direct, through := query(victoria, expression, end), query(controller, expression, end)
		require.Equal(t, http.StatusOK, through.Status, "%s", through.Body)
		require.Empty(t, promql.Difference(expression, direct, through))
	}
	for _, path := range []string{"/api/v1/labels", "/api/v1/label/job/values", "/api/v1/series?match[]=up"} {
		status, body := controller.Get(path)
		require.Equal(t, http.StatusOK, status, "%s", body)
		require.Contains(t, string(body), "job")
	}
}
