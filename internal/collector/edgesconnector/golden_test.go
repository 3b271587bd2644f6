// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "if that is wanted: go test ./internal/collector/edgesconnector -update")
}

// scene plays a little of everything: a call, one that is refused, a reset, an agent's stages, an end.
func scene(b *bench) {
	b.batch(&model.Batch{Taken: b.clock, Flows: pair(1, 1, 2, model.Counters{
		SentBytes: 100, ReceivedBytes: 5000, SentSegments: 4, ReceivedSegments: 6, Retransmits: 1,
	}, nil), Stages: []model.StageCount{{Stage: "rings", In: 10, Out: 9, Dropped: map[string]uint64{"ring-full": 1}}}})
	b.happen(refused(1, b.clock))
	b.pass(3 * time.Second)
	failed := pair(7, 1, 2, model.Counters{SentSegments: 1}, func(client, _ *model.Flow) {
		client.Established, client.Closed, client.End, client.Failure = false, true, b.clock, model.FailureRefused
		client.Handshake, client.SmoothedRTT = 0, 0
	})
	closed := pair(1, 1, 2, model.Counters{SentBytes: 1, SentSegments: 1}, func(client, server *model.Flow) {
		client.Closed, server.Closed, client.End, server.End = true, true, b.clock, b.clock
	})
	b.batch(&model.Batch{Taken: b.clock, Flows: append(closed, failed[0]), Stages: []model.StageCount{
		{Stage: "rings", In: 20, Out: 19, Dropped: map[string]uint64{"ring-full": 1}},
	}})
	b.happen(refused(2, b.clock), refused(2, b.clock))
	b.pass(2 * time.Second)
}

// TestGolden_samples holds every sample that Prometheus gets, with its time since the beginning.
func TestGolden_samples(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Names, c.Expire = []string{"aeolus", "obi", "dolphin"}, 30*time.Second
	})
	scene(b)
	b.pass(50 * time.Second)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(b.recorder.series)) {
		if strings.HasPrefix(key, "aeolus_collector_") {
			continue
		}
		fmt.Fprintln(&text, key)
		for _, s := range b.recorder.series[key] {
			value := fmt.Sprint(s.value)
			if s.stale {
				value = "ended"
			}
			fmt.Fprintf(&text, "  %-10s %s\n", s.at.AsTime().Sub(begin), value)
		}
		for _, id := range b.recorder.exemplars[key] {
			fmt.Fprintf(&text, "  exemplar   %s\n", id)
		}
	}
	golden(t, "samples.golden", text.String())
}

// TestScrape shows what Prometheus sees when it scrapes the collector: the names are those of the reference, and promtool
// finds nothing to blame.
func TestScrape(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Names = []string{"aeolus", "obi", "dolphin"} })
	page := scrape(t, b, func() { scene(b) })
	golden(t, "scrape.golden", page)
	for _, m := range names.Metrics() {
		if strings.HasPrefix(m.Name, "aeolus.controller.") {
			continue
		}
		kind := map[names.Instrument]string{names.UpDownCounter: "gauge"}[m.Instrument]
		if kind == "" {
			kind = string(m.Instrument)
		}
		require.True(t, strings.Contains(page, "# TYPE "+m.Prometheus()+" "+kind+"\n"), m.Prometheus())
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not here: apt-get install prometheus")
	}
	b = newBench(t, nil)
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(scrape(t, b, func() { scene(b) }))
	output, err := check.CombinedOutput()
	require.NoError(t, err, string(output))
	require.Empty(t, string(output))
}

// scrape gives what the collector's Prometheus exporter shows of the metrics that a connector makes.
func scrape(t *testing.T, b *bench, play func()) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	factory := prometheusexporter.NewFactory()
	config := factory.CreateDefaultConfig().(*prometheusexporter.Config)
	config.ServerConfig.NetAddr.Endpoint = address
	config.WithoutScopeInfo = true
	config.MetricExpiration = 1000 * time.Hour
	ctx := context.Background()
	exporter, err := factory.CreateMetrics(ctx, exportertest.NewNopSettings(factory.Type()), config)
	require.NoError(t, err)
	require.NoError(t, exporter.Start(ctx, componenttest.NewNopHost()))
	defer func() { require.NoError(t, exporter.Shutdown(ctx)) }()
	b.next = exporter
	play()
	b.pass(20 * time.Second)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(page)
}
