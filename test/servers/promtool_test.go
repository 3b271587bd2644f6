// SPDX-License-Identifier: Apache-2.0

package servers_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/test/promql"
	"github.com/aeolus-ebpf/aeolus/test/remotewrite"
	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// promtool runs promtool, which shows a server's token, and gives what it writes, in order: series have none.
func promtool(t *testing.T, server *servers.Server, arguments ...string) (said string, err error) {
	t.Helper()
	if server.Token != "" {
		file := filepath.Join(t.TempDir(), "http.yml")
		require.NoError(t, os.WriteFile(file, []byte("authorization: {credentials: "+server.Token+"}\n"), 0o600))
		arguments = append([]string{"--http.config.file=" + file}, arguments...)
	}
	output, err := exec.Command(servers.Promtool(t), append([]string{"query"}, arguments...)...).CombinedOutput()
	lines := strings.Split(strings.ReplaceAll(string(output), server.URL, "SERVER"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n"), err
}

// TestPromtool asks the controller and a Prometheus by promtool: it says the same of both.
func TestPromtool(t *testing.T) {
	t.Parallel()
	reference, subject := servers.Prometheus(t, "", "--enable-feature=promql-experimental-functions"), servers.Controller(t)
	end := time.Now().Truncate(15 * time.Second)
	for _, server := range []*servers.Server{reference, subject} {
		remotewrite.Send(t, server, remotewrite.V2, promql.Dataset(end))
	}
	at := fmt.Sprint(end.Unix())
	begin := fmt.Sprint(end.Add(-10 * time.Minute).Unix())
	for _, c := range []struct {
		before, after []string
		fails         bool
	}{
		{before: []string{"instant", "--time=" + at}, after: []string{"up"}},
		{before: []string{"instant", "--time=" + at, "--format=json"}, after: []string{"sum by (job) (rate(http_requests_total[5m]))"}},
		{before: []string{"instant", "--time=" + at}, after: []string{"histogram_quantile(0.9, size_bytes)"}},
		{before: []string{"range", "--start=" + begin, "--end=" + at, "--step=60s"}, after: []string{"sum(up)"}},
		{before: []string{"series", "--start=" + begin, "--end=" + at, "--match=up", "--match={job=\"job-1\"}"}},
		{before: []string{"labels", "--start=" + begin, "--end=" + at}, after: []string{"job"}},
		{before: []string{"labels", "--start=" + begin, "--end=" + at, "--match=up"}, after: []string{"instance"}},
		{before: []string{"instant", "--time=" + at}, after: []string{"sum(("}, fails: true},
	} {
		ask := func(server *servers.Server) (string, error) {
			arguments := append(slices.Clone(c.before), server.URL)
			return promtool(t, server, append(arguments, c.after...)...)
		}
		want, wantErr := ask(reference)
		got, gotErr := ask(subject)
		// The controller writes its own figures into its store; names of labels' values are not told apart by time there.
		got = strings.ReplaceAll(got, "aeolus-controller\n", "")
		require.Equal(t, c.fails, wantErr != nil, "%v: %s", c, want)
		require.Equal(t, wantErr != nil, gotErr != nil, "%v: %s", c, got)
		require.Equal(t, want, got, "%v", c)
		require.NotEmpty(t, strings.TrimSpace(got), "%v", c)
	}
}
