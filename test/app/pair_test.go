// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestTwoControllers feeds two controllers from one collector, and kills one of them for a while: they agree on edges,
// connections, events and anomalies, whose ids alone may differ.
func TestTwoControllers(t *testing.T) {
	s := unstartedStack(t)
	s.startController()
	second := unstarted(t)
	require.NoError(t, os.MkdirAll(second.data(), 0o700))
	require.NoError(t, os.CopyFS(filepath.Join(second.data(), "authority"), os.DirFS(filepath.Join(s.data(), "authority"))))
	require.NoError(t, os.Chmod(filepath.Join(second.data(), "authority", "ca.key"), 0o600))
	second.startController()
	s.more = []string{fmt.Sprintf("exporters.aeolus.endpoints=[%s, %s]", s.agents, second.agents)}
	s.l = newLab(t, newPrefix("a2"), 3)
	s.startCollector()
	s.startAgent()
	s.await("node-1")

	traffic := s.flow(40, 8)
	other := s.l.serve(8081)
	other.client = s.l.places[1]
	testkit.Eventually(t, 60*time.Second, func() string { return s.disagree(second, traffic.begun, 100) })
	second.controller.end(syscall.SIGKILL)
	// What the second had in memory alone is lost, and it says so; from here on it must have everything.
	since := time.Now().Add(time.Second)
	time.Sleep(time.Second)
	s.l.call(other, 50, 0.05)
	time.Sleep(5 * time.Second)
	second.startController()
	time.Sleep(5 * time.Second)
	s.l.call(other, 20, 0)
	traffic.program.stop()
	made := len(other.outcomes)
	for _, m := range traffic.account(s) {
		if opened, _ := m.at(); opened.After(since) {
			made++
		}
	}
	testkit.Eventually(t, 60*time.Second, func() string { return s.disagree(second, since, made-2) })
	t.Logf("both list %d connections since one of them was killed", made)
}

// view is what a controller says of a lab, in words that do not depend on which controller says it.
type view struct{ edges, connections, events, anomalies []string }

func (r *roles) view(prefix string, since time.Time) view {
	r.t.Helper()
	var v view
	for _, e := range r.edges(prefix + "-*") {
		v.edges = append(v.edges, fmt.Sprintf("%s → %s %v %s", e.GetClientName(), e.GetServerName(), e.GetPorts(), e.GetReporter()))
	}
	listed, _ := r.listed(prefix+"-*", since)
	for _, c := range listed {
		if c.GetOpened().AsTime().Before(since) {
			continue
		}
		v.connections = append(v.connections, fmt.Sprintf("%s %s → %s %s %s %d %d", c.GetOpened().AsTime(), c.GetClientAddress(), c.GetServerAddress(),
			c.GetState(), c.GetFailure(), c.GetSentBytes(), c.GetReceivedBytes()))
	}
	events, err := r.client.ListEvents(r.t.Context(), &queryv1.ListEventsRequest{
		Filter: &queryv1.Filter{Workload: prefix + "-*"}, Kinds: []string{"connect.refused"}, Limit: 10_000, Since: timestamppb.New(since), To: timestamppb.Now(),
	})
	require.NoError(r.t, err)
	for _, e := range events.GetEvents() {
		v.events = append(v.events, fmt.Sprintf("%s %s %s %s", e.GetId(), e.GetTime().AsTime(), e.GetKind(), e.GetServerAddress()))
	}
	anomalies, err := r.client.ListAnomalies(r.t.Context(), &queryv1.ListAnomaliesRequest{Filter: &queryv1.Filter{Workload: prefix + "-*"}, Ended: true, Limit: 100})
	require.NoError(r.t, err)
	for _, a := range anomalies.GetAnomalies() {
		v.anomalies = append(v.anomalies, fmt.Sprintf("%s %s → %s", a.GetKind(), a.GetClientName(), a.GetServerName()))
	}
	for _, list := range []*[]string{&v.edges, &v.connections, &v.events, &v.anomalies} {
		slices.Sort(*list)
	}
	v.anomalies = slices.Compact(v.anomalies)
	return v
}

// disagree says in what two controllers differ, once both list so many connections.
func (s *stack) disagree(second *roles, since time.Time, least int) string {
	s.t.Helper()
	a, b := s.view(s.l.prefix, since), second.view(s.l.prefix, since)
	if len(a.connections) < least || len(b.connections) < least {
		return fmt.Sprintf("%d and %d of %d connections are listed", len(a.connections), len(b.connections), least)
	}
	for _, pair := range [][2][]string{{a.edges, b.edges}, {a.connections, b.connections}, {a.events, b.events}, {a.anomalies, b.anomalies}} {
		if !slices.Equal(pair[0], pair[1]) {
			only, there := minus(pair[0], pair[1]), minus(pair[1], pair[0])
			return fmt.Sprintf("%d of the first and %d of the second differ, as %v and %v", len(only), len(there), only[:min(3, len(only))], there[:min(3, len(there))])
		}
	}
	return ""
}
