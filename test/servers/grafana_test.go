// SPDX-License-Identifier: Apache-2.0

package servers_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/test/promql"
	"github.com/aeolus-ebpf/aeolus/test/remotewrite"
	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// TestGrafana asks by curl what Grafana asks a data source of the kind Prometheus, in its order: the check of the data
// source, what the editor lists, a dashboard's panels, exemplars, the list of rules. It signs in with basic
// authentication, the token being the password.
func TestGrafana(t *testing.T) {
	t.Parallel()
	server := servers.Controller(t)
	end := time.Now().Truncate(15 * time.Second)
	remotewrite.Send(t, server, remotewrite.V2, promql.Dataset(end))
	from, to := fmt.Sprint(end.Add(-15*time.Minute).Unix()), fmt.Sprint(end.Unix())
	curl := func(arguments ...string) map[string]any {
		t.Helper()
		for i, a := range arguments {
			if len(a) > 0 && a[0] == '/' {
				arguments[i] = server.URL + a
			}
		}
		all := append([]string{
			"--silent", "--show-error", "--fail-with-body", "--max-time", "20", "--user", "grafana:" + server.Token,
			"--user-agent", "Grafana/12.2.0", "--header", "X-Grafana-Org-Id: 1", "--header", "Accept-Encoding: gzip", "--compressed",
		}, arguments...)
		output, err := exec.Command("curl", all...).CombinedOutput()
		require.NoError(t, err, "%v: %s", arguments, output)
		var answer map[string]any
		require.NoError(t, json.Unmarshal(output, &answer), "%s", output)
		require.Equal(t, "success", answer["status"], "%s", output)
		return answer
	}
	data := func(answer map[string]any) map[string]any {
		t.Helper()
		found, ok := answer["data"].(map[string]any)
		require.True(t, ok, "%v", answer)
		return found
	}

	require.NotEmpty(t, data(curl("/api/v1/query", "--data-urlencode", "query=1+1", "--data-urlencode", "time="+to))["result"], "save & test")
	require.NotEmpty(t, data(curl("/api/v1/status/buildinfo"))["version"])
	require.Contains(t, curl("/api/v1/labels", "--get", "--data-urlencode", "start="+from, "--data-urlencode", "end="+to)["data"], "job")
	require.Contains(t, curl("/api/v1/labels", "--data-urlencode", "match[]=up", "--data-urlencode", "start="+from, "--data-urlencode", "end="+to)["data"], "instance")
	require.Contains(t, curl("/api/v1/label/__name__/values", "--get", "--data-urlencode", "start="+from, "--data-urlencode", "end="+to)["data"], "http_requests_total")
	require.Len(t, curl("/api/v1/label/job/values", "--get", "--data-urlencode", "match[]=up")["data"], 3)
	require.Contains(t, data(curl("/api/v1/metadata", "--get", "--data-urlencode", "limit=40000")), "http_requests_total")
	require.Len(t, curl("/api/v1/series", "--data-urlencode", "match[]=up", "--data-urlencode", "start="+from, "--data-urlencode", "end="+to)["data"], 3)
	for _, query := range []string{
		"sum by (job) (rate(http_requests_total[1m]))", "histogram_quantile(0.95, sum by (le) (rate(request_seconds_bucket[1m])))",
		"topk(5, memory_bytes)", "histogram_quantile(0.5, sum(rate(size_bytes[1m])))",
	} {
		answer := curl("/api/v1/query_range", "--data-urlencode", "query="+query, "--data-urlencode", "start="+from,
			"--data-urlencode", "end="+to, "--data-urlencode", "step=15")
		require.NotEmpty(t, data(answer)["result"], query)
	}
	require.NotEmpty(t, curl("/api/v1/query_exemplars", "--data-urlencode", "query=http_requests_total", "--data-urlencode", "start="+fmt.Sprint(end.Add(-time.Hour).Unix()),
		"--data-urlencode", "end="+to)["data"])
	require.Contains(t, data(curl("/api/v1/rules")), "groups")
	require.Contains(t, data(curl("/api/v1/alerts")), "alerts")
	require.NotNil(t, curl("/api/v1/parse_query", "--data-urlencode", "query=sum(up)")["data"])
	require.Equal(t, "sum(up)", curl("/api/v1/format_query", "--get", "--data-urlencode", "query=sum( up )")["data"])

	output, err := exec.Command("curl", "--silent", "--max-time", "20", "--write-out", "%{http_code}", "--output", "/dev/null", server.URL+"/api/v1/query?query=up").CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "401", string(output), "nobody is answered without the token")
}
