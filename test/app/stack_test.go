// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// stackToken is what the controllers of stacks ask for.
const stackToken = "token-of-a-test"

// stack is each role in a process of its own: an agent reports to a collector, and that to a controller. Each may go and
// come again where it was.
type stack struct {
	*roles
	l         *lab
	collector *role
	watching  *role
	// reports is where the collector takes agents, scrape where it shows metrics, told where it tells of itself.
	reports, scrape, told string
	// more are further settings of the collector.
	more []string
}

func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	return free.Addr().String()
}

// newStack starts all three; the agent sees a lab with so many places and nothing else.
func newStack(t *testing.T, prefix string, places int) *stack {
	t.Helper()
	s := unstartedStack(t)
	s.start(prefix, places)
	return s
}

// unstartedStack knows where everything will be, and nothing is there yet.
func unstartedStack(t *testing.T) *stack {
	t.Helper()
	testkit.RequireRoot(t)
	return &stack{roles: unstarted(t), reports: freeAddress(t), scrape: freeAddress(t), told: freeAddress(t)}
}

func (s *stack) start(prefix string, places int) {
	s.t.Helper()
	s.startController()
	s.l = newLab(s.t, newPrefix(prefix), places)
	s.startCollector()
	s.startAgent()
	s.await("node-1")
}

// unstarted are roles whose controller has addresses and a token that outlive it, and is not there yet.
func unstarted(t *testing.T) *roles {
	t.Helper()
	r := &roles{aeolus: &aeolus{t: t}, agents: freeAddress(t), http: freeAddress(t)}
	// A socket's path is short, and the directory of a test with a long name is not.
	var err error
	r.dir, err = os.MkdirTemp("", "aest-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(r.dir) })
	return r
}

func (s *stack) startCollector() {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.told)
	require.NoError(s.t, err)
	args := []string{"collector", "--data-dir", s.data(), "--token", stackToken}
	for _, setting := range append([]string{
		"receivers.aeolus.endpoint=" + s.reports, "receivers.otlp.protocols.grpc.endpoint=127.0.0.1:0",
		"receivers.otlp.protocols.http.endpoint=127.0.0.1:0", "extensions.health_check.endpoint=127.0.0.1:0",
		"exporters.aeolus.endpoints=[" + s.agents + "]", "exporters.prometheus.endpoint=" + s.scrape,
		"exporters.prometheus_remote_write.http.endpoint=http://" + s.http + "/api/v1/write",
		fmt.Sprintf("service.telemetry.metrics.readers=[{pull: {exporter: {prometheus: {host: %s, port: %s}}}}]", host, port),
	}, s.more...) {
		args = append(args, "--set", setting)
	}
	s.collector = startRole(s.t, binary, args...)
	testkit.Eventually(s.t, 60*time.Second, func() string {
		if out := s.collector.out.String(); !strings.Contains(out, "logs ") {
			return "the collector does not run: " + out
		}
		return ""
	})
}

func (s *stack) startAgent() {
	s.t.Helper()
	s.watching = s.agent("node-1", s.l.places, ownBinary(s.t), "--collector", s.reports, "--collector-tls-server-name", "localhost")
}

func (r *roles) data() string { return filepath.Join(r.dir, "data") }

// vector asks the controller for a query at a time, as Grafana does.
func (r *roles) vector(query string, at time.Time) []promSeries {
	r.t.Helper()
	form := url.Values{"query": {query}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1e3, 'f', 3, 64)}}
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+r.http+"/api/v1/query", strings.NewReader(form.Encode()))
	require.NoError(r.t, err)
	request.Header.Set("Authorization", "Bearer "+stackToken)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	require.NoError(r.t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	require.Equal(r.t, http.StatusOK, response.StatusCode, "%s: %s", query, body)
	var answer struct {
		Data struct{ Result []promSeries }
	}
	require.NoError(r.t, json.Unmarshal(body, &answer), "%s", body)
	return answer.Data.Result
}

// promSeries is a series as the Prometheus API gives it.
type promSeries struct {
	Metric map[string]string
	Value  promSample
	Values []promSample
}

// promSample is a pair of a time and a number as text.
type promSample struct {
	At    time.Time
	Value float64
}

// UnmarshalJSON reads the pair.
func (p *promSample) UnmarshalJSON(text []byte) error {
	var pair [2]any
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	seconds, _ := pair[0].(float64)
	number, _ := pair[1].(string)
	value, err := strconv.ParseFloat(number, 64)
	p.At, p.Value = time.UnixMilli(int64(seconds*1e3)), value
	return err
}

// counted is what the samples of counters have counted within a time, with no regard to what Prometheus' functions guess
// about their ends: each begins at 0, and one that goes back has begun again.
func (r *roles) counted(selector string, within time.Duration) float64 {
	r.t.Helper()
	return r.sum(selector, within, func([]promSample) float64 { return 0 })
}

// grown is by how much counters have grown between the samples of a time.
func (r *roles) grown(selector string, within time.Duration) float64 {
	r.t.Helper()
	return r.sum(selector, within, func(samples []promSample) float64 { return samples[0].Value })
}

func (r *roles) sum(selector string, within time.Duration, begin func([]promSample) float64) float64 {
	r.t.Helper()
	sum := 0.0
	for _, series := range r.vector(fmt.Sprintf("%s[%dms]", selector, within.Milliseconds()), time.Now()) {
		last := begin(series.Values)
		for _, sample := range series.Values {
			if sample.Value < last {
				last = 0
			}
			sum += sample.Value - last
			last = sample.Value
		}
	}
	return sum
}
