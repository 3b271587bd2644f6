// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/test/remotewrite"
)

// TestOneClientOfMany lets one client talk to a thousand addresses. The metrics are capped, and with what is beyond the
// cap under one name they are the client's account, exactly.
func TestOneClientOfMany(t *testing.T) {
	const most, each = 100, 3
	addresses := 1000
	if testkit.Full() {
		addresses = 4000
	}
	s := unstackedForeign(t, most)
	client, foreign := s.l.places[0], s.l.places[1]
	s.l.ip("-n", foreign.name, "route", "add", "local", "10.201.0.0/16", "dev", "lo")
	s.l.ip("-n", client.name, "route", "add", "10.201.0.0/16", "via", foreign.v4)
	s.l.daemon(foreign, python, "testdata/server.py", "4", "8080")
	s.l.awaitListener(&edge{server: foreign, port: 8080})
	begun := time.Now()
	var jobs []job
	for n := range addresses * each {
		jobs = append(jobs, job{Address: fmt.Sprintf("10.201.%d.%d", n%addresses/250, 1+n%addresses%250), Port: 8080, Requests: 1, Bytes: 100, End: "close"})
	}
	outcomes := s.l.runJobs(t.Context(), client, jobs)
	sent, received := uint64(0), uint64(0)
	for _, o := range outcomes {
		require.Equal(t, "ok", o.Result)
		sent, received = sent+o.Sent, received+o.Received
	}
	within := func() time.Duration { return time.Since(begun) + time.Minute }
	testkit.Eventually(t, 90*time.Second, func() string {
		opened := s.counted(`aeolus_edge_connections_opened_total`, within())
		moved := s.counted(`aeolus_edge_io_bytes_total`, within())
		if opened != float64(len(outcomes)) || moved != float64(sent+received) {
			return fmt.Sprintf("counted %.0f connections of %d, and %.0f bytes of %d", opened, len(outcomes), moved, sent+received)
		}
		return ""
	})
	edges := s.vector(`count(aeolus_edge_connections_opened_total)`, time.Now())
	require.LessOrEqual(t, edges[0].Value.Value, float64(most+1))
	other := s.counted(`aeolus_edge_connections_opened_total{edge="other"}`, within())
	require.GreaterOrEqual(t, other, float64(len(outcomes)-most*each))
	require.Less(t, s.collector.resident(), uint64(200<<20))
	require.Less(t, s.controller.resident(), uint64(300<<20))
	t.Logf("%d connections to %d addresses: %.0f edges have series, %.0f connections are among the others; the collector has %d MiB, the controller %d MiB",
		len(outcomes), addresses, edges[0].Value.Value, other, s.collector.resident()>>20, s.controller.resident()>>20)
}

// TestCrowdWhileAway has a thousand edges change all the time while the controller is away: what waits for it in the memory
// of the collector is bounded, and when it is back the metrics have counted everything.
func TestCrowdWhileAway(t *testing.T) {
	const clients, each = 2, 10_000
	s := unstackedForeign(t, 2000)
	client, foreign := s.l.places[0], s.l.places[1]
	s.l.ip("-n", foreign.name, "route", "add", "local", "10.201.0.0/16", "dev", "lo")
	s.l.ip("-n", client.name, "route", "add", "10.201.0.0/16", "via", foreign.v4)
	s.l.daemon(foreign, python, "testdata/server.py", "4", "8080")
	s.l.awaitListener(&edge{server: foreign, port: 8080})
	begun := time.Now()
	s.controller.end(syscall.SIGTERM)
	rounds := 1
	if testkit.Full() {
		rounds = 10
	}
	var all sync.WaitGroup
	for k := range clients {
		all.Go(func() {
			var jobs []job
			for n := range each {
				address := fmt.Sprintf("10.201.%d.%d", k*2+n%500/250, 1+n%250)
				jobs = append(jobs, job{Address: address, Port: 8080, Requests: 1, Bytes: 100, End: "close"})
			}
			for range rounds {
				s.l.runJobs(t.Context(), client, jobs)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	most := uint64(0)
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(200 * time.Millisecond):
			most = max(most, s.collector.resident())
		}
	}
	t.Logf("for %s the collector had at most %d MiB", time.Since(begun).Round(time.Second), most>>20)
	require.Less(t, most, uint64(500<<20))
	s.startController()
	testkit.Eventually(t, 90*time.Second, func() string {
		counted := s.counted(`aeolus_edge_connections_opened_total`, time.Since(begun)+time.Minute)
		if counted != clients*each*float64(rounds) {
			return fmt.Sprintf("the metrics have counted %.0f of %d", counted, clients*each*rounds)
		}
		return ""
	})
}

// unstackedForeign is a stack whose agent sees the first of two places, and whose metrics are of so many edges.
func unstackedForeign(t *testing.T, most int) *stack {
	t.Helper()
	s := unstartedStack(t)
	s.more = []string{fmt.Sprintf("connectors.aeolus_edges.max_edges=%d", most)}
	s.startController()
	s.l = newLab(t, newPrefix("ax"), 2)
	s.startCollector()
	s.watching = s.agent("node-1", s.l.places[:1], ownBinary(t), "--collector", s.reports, "--collector-tls-server-name", "localhost")
	s.await("node-1")
	return s
}

// TestManySeriesOfOneSender takes a hundred thousand series from one who writes, beside what the collector writes: those
// go on, the sender's bound is held, and what is beyond is counted.
func TestManySeriesOfOneSender(t *testing.T) {
	const bound, series, batch = 50_000, 100_000, 10_000
	s := unstartedStack(t)
	credentials := s.dir + "/credentials.yaml"
	require.NoError(t, os.WriteFile(credentials, []byte(fmt.Sprintf(
		"credentials:\n  - name: crowd\n    token: token-of-the-crowd\n    permissions: [write]\n    limits: {active-series: %d}\n", bound)), 0o600))
	s.flags = []string{"--credentials", credentials}
	s.start("am", 2)
	traffic := s.flow(20, 0)
	now := time.Now().UnixMilli()
	answers := map[int]int{}
	for from := 0; from < series; from += batch {
		var some []remotewrite.Series
		for n := range batch {
			some = append(some, remotewrite.Series{
				Labels: labels.FromStrings("__name__", "crowd", "n", fmt.Sprint(from+n)), Floats: []remotewrite.Float{{Time: now, Value: 1}},
			})
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.http+remotewrite.Path, bytes.NewReader(remotewrite.Encode1(t, some)))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer token-of-the-crowd")
		request.Header.Set("Content-Encoding", "snappy")
		request.Header.Set("Content-Type", "application/x-protobuf")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		answers[response.StatusCode]++
	}
	t.Logf("answers: %v; lost: %v; the controller has %d MiB", answers, s.lost(), s.controller.resident()>>20)
	require.EqualValues(t, bound, s.vector(`count(crowd)`, time.Now())[0].Value.Value)
	require.EqualValues(t, series-bound, s.lost()["metrics.samples: series-limit"])
	require.Less(t, s.controller.resident(), uint64(500<<20))
	begun := time.Now()
	testkit.Eventually(t, 30*time.Second, func() string {
		return fewer(uint64(s.grown(`aeolus_edge_connections_opened_total`, time.Since(begun)+time.Second)), 20)
	})
	traffic.program.stop()
}

// TestSlowOnes has some who ask and do not take the answer, at the controller and at the collector, and some who write a
// byte now and then. Others are served meanwhile, and in the end the slow ones are let go of.
func TestSlowOnes(t *testing.T) {
	s := newStack(t, "ao", 2)
	traffic := s.flow(50, 2)
	const each = 30
	var slow []net.Conn
	var mu sync.Mutex
	begin := func(address, text string) {
		for range each {
			connection, err := net.Dial("tcp", address)
			require.NoError(t, err)
			require.NoError(t, connection.(*net.TCPConn).SetReadBuffer(1<<10))
			t.Cleanup(func() { _ = connection.Close() })
			_, err = connection.Write([]byte(text))
			require.NoError(t, err)
			slow = append(slow, connection)
		}
	}
	headers := " HTTP/1.1\r\nHost: " + s.http + "\r\nAuthorization: Bearer " + stackToken + "\r\n"
	before := [2]uint64{s.controller.resident(), s.collector.resident()}
	begin(s.http, "POST /aeolus.query.v1.QueryService/WatchEvents"+headers+
		"Content-Type: application/connect+json\r\nContent-Length: 7\r\n\r\n\x00\x00\x00\x00\x02{}")
	begin(s.http, "GET /api/v1/series?match[]={__name__=~\".%2B\"}"+headers+"\r\n")
	begin(s.scrape, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
	writers := len(slow)
	begin(s.http, "POST /api/v1/write"+headers+"Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\nContent-Length: 1000000\r\n\r\n")
	ended := make(chan struct{})
	var trickle sync.WaitGroup
	gone := map[net.Conn]bool{}
	trickle.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(500 * time.Millisecond):
			}
			for _, connection := range slow[writers:] {
				if _, err := connection.Write([]byte{0}); err != nil {
					mu.Lock()
					gone[connection] = true
					mu.Unlock()
				}
			}
		}
	})
	selector := `aeolus_edge_connections_opened_total`
	for round := range 4 {
		begun := time.Now()
		testkit.Eventually(t, 60*time.Second, func() string {
			return fewer(uint64(s.grown(selector, time.Since(begun)+time.Second)), 50)
		})
		t.Logf("round %d: the metrics went on within %s", round, time.Since(begun).Round(time.Millisecond))
		require.Contains(t, page(t, s.scrape), selector)
	}
	testkit.Eventually(t, 90*time.Second, func() string {
		mu.Lock()
		defer mu.Unlock()
		return fewer(uint64(len(gone)), each)
	})
	close(ended)
	trickle.Wait()
	t.Logf("memory before and after: controller %d and %d MiB, collector %d and %d MiB; lost: %v", before[0]>>20, s.controller.resident()>>20,
		before[1]>>20, s.collector.resident()>>20, s.lost())
	traffic.program.stop()
	s.requireAccount(traffic, nil)
}
