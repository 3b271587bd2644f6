// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/demo"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// shopName sets these tests' shop apart from any other on this host.
var shopName = fmt.Sprintf("tested-%d", os.Getpid())

// How long an anomaly may take to appear and to end: generous, for a machine that is busy with other things.
const (
	appears = 45 * time.Second
	ends    = 90 * time.Second
	learns  = 2 * time.Minute
)

// TestFaults switches each fault of the demo that a connection can show on and off, and expects an anomaly on exactly
// the edge that the demo names, with its end.
func TestFaults(t *testing.T) {
	testkit.RequireRoot(t)
	a := up(t, "--demo", "--shop", shopName)
	testkit.Eventually(t, learns, a.learning)
	require.Empty(t, a.openAnomalies(), "before any fault")
	for _, fault := range a.faults() {
		t.Run(fault.Name, func(t *testing.T) { a.tryFault(t, fault) })
	}
}

// TestQuiet lets the shop run without faults: nothing may be reported.
func TestQuiet(t *testing.T) {
	testkit.RequireRoot(t)
	watch := time.Minute
	if testkit.Full() {
		watch = 30 * time.Minute
	}
	a := up(t, "--demo", "--shop", shopName)
	testkit.Eventually(t, learns, a.learning)
	time.Sleep(watch)
	answer, err := a.client.ListAnomalies(t.Context(), &queryv1.ListAnomaliesRequest{Filter: inShop(), Ended: true, Limit: 1000})
	require.NoError(t, err)
	require.Empty(t, answer.GetAnomalies(), "%v", answer)
	status, err := a.client.GetStatus(t.Context(), &queryv1.GetStatusRequest{})
	require.NoError(t, err)
	require.NotZero(t, status.GetOpenConnections())
}

// listedFault is a fault as `aeolus demo fault list -o json` prints it.
type listedFault struct {
	Name     string           `json:"name"`
	Expected demo.Expectation `json:"expected"`
}

func (a *aeolus) faults() []listedFault {
	a.t.Helper()
	var answer struct {
		Faults []listedFault `json:"faults"`
	}
	require.NoError(a.t, json.Unmarshal(a.demo("fault", "list", "-o", "json"), &answer))
	require.NotEmpty(a.t, answer.Faults)
	return answer.Faults
}

// demo runs `aeolus demo ...` against the running shop.
func (a *aeolus) demo(args ...string) []byte {
	a.t.Helper()
	all := append([]string{"demo", "--state-dir", filepath.Join(a.dir, "run", "demo")}, args...)
	out, err := exec.Command(binary, all...).Output()
	require.NoError(a.t, err, "aeolus %s", strings.Join(all, " "))
	return out
}

func (a *aeolus) learning() string {
	status, err := a.client.GetStatus(a.t.Context(), &queryv1.GetStatusRequest{})
	if err != nil {
		return err.Error()
	}
	if status.GetLearning() || status.GetEdges() == 0 {
		return "the detectors are still learning"
	}
	return ""
}

func (a *aeolus) tryFault(t *testing.T, fault listedFault) {
	began := time.Now()
	a.demo("fault", "on", fault.Name)
	defer a.demo("fault", "off", fault.Name)
	if len(fault.Expected.Edges) == 0 {
		time.Sleep(5 * time.Second)
		require.Empty(t, a.openAnomalies(), "the demo says: %s", fault.Expected.Why)
		return
	}
	testkit.Eventually(t, appears, func() string {
		if open := a.openAnomalies(); !onEdges(open, fault.Expected) {
			return fmt.Sprintf("wanted an anomaly on %v, have %v", fault.Expected, sentences(open))
		}
		return ""
	})
	t.Logf("open after %s", time.Since(began).Round(time.Millisecond))
	time.Sleep(3 * time.Second)
	for _, anomaly := range a.openAnomalies() {
		require.Contains(t, fault.Expected.Edges, edgeOf(anomaly), "an anomaly where the fault is not: %s", anomaly.GetSummary())
	}
	a.demo("fault", "off", fault.Name)
	testkit.Eventually(t, ends, func() string {
		if open := a.openAnomalies(); len(open) > 0 {
			return fmt.Sprintf("still open: %v", sentences(open))
		}
		return ""
	})
}

// inShop leaves out whatever else this host does.
func inShop() *queryv1.Filter { return &queryv1.Filter{Namespace: shopName} }

func (a *aeolus) openAnomalies() []*queryv1.Anomaly {
	a.t.Helper()
	answer, err := a.client.ListAnomalies(a.t.Context(), &queryv1.ListAnomaliesRequest{Filter: inShop(), Limit: 1000})
	require.NoError(a.t, err)
	return answer.GetAnomalies()
}

// onEdges tells whether each expected edge has an anomaly of an expected kind.
func onEdges(open []*queryv1.Anomaly, want demo.Expectation) bool {
	for _, edge := range want.Edges {
		if !slices.ContainsFunc(open, func(a *queryv1.Anomaly) bool {
			return edgeOf(a) == edge && slices.Contains(want.Kinds, a.GetKind())
		}) {
			return false
		}
	}
	return true
}

func edgeOf(a *queryv1.Anomaly) string { return a.GetClientName() + "->" + a.GetServerName() }

func sentences(anomalies []*queryv1.Anomaly) []string {
	var all []string
	for _, a := range anomalies {
		all = append(all, a.GetSummary())
	}
	return all
}
