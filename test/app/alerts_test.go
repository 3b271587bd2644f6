// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// notified waits until an Alertmanager has notified of an edge of the shop, and gives the alert.
func notified(t *testing.T, hook *servers.Webhook, via, edge, status string) servers.Alert {
	t.Helper()
	var found servers.Alert
	testkit.Eventually(t, ends, func() string {
		var others []string
		for _, n := range hook.Received() {
			for _, a := range n.Alerts {
				if n.Via == via && a.Status == status && a.Labels["namespace"] == shopName && a.Labels["client"]+"->"+a.Labels["server"] == edge {
					found = a
					return ""
				}
				others = append(others, n.Via+": "+a.Status+": "+a.Annotations["summary"])
			}
		}
		return via + " has not notified that " + edge + " is " + status + "; there were: " + strings.Join(others, "; ")
	})
	return found
}

// TestAlerts lets two Alertmanagers notify people of a fault of the shop, follows the link that they are given, and
// mends the fault while one of them is away.
func TestAlerts(t *testing.T) {
	testkit.RequireRoot(t)
	hook := servers.ReceiveWebhooks(t)
	managers := map[string]*servers.Server{
		"newest": servers.Alertmanager(t, hook.AlertmanagerConfig("newest")),
		"debian": servers.DebianAlertmanager(t, hook.AlertmanagerConfig("debian")),
	}
	const token = "token-of-a-test"
	a := up(t, "--demo", "--shop", shopName, "--learning", "10s", "--token", token, "--alertmanager", managers["newest"].URL, "--alertmanager", managers["debian"].URL)
	testkit.Eventually(t, learns, a.learning)
	faults := a.faults()
	at := slices.IndexFunc(faults, func(f listedFault) bool { return f.Name == "refuse" })
	require.GreaterOrEqual(t, at, 0)
	edge := faults[at].Expected.Edges[0]
	a.demo("fault", "on", "refuse")
	began := time.Now()
	for via := range managers {
		alert := notified(t, hook, via, edge, "firing")
		require.Equal(t, "AeolusConnectFailures", alert.Labels["alertname"])
		require.Contains(t, []string{"warning", "critical"}, alert.Labels["severity"])
		require.NotEmpty(t, alert.Labels["edge"])
		require.NotEmpty(t, alert.Labels["aeolus"])
		require.Contains(t, alert.Annotations["summary"], "refuses")
		require.NotEmpty(t, alert.Annotations["evidence"])
		a.follow(alert.GeneratorURL, token)
	}
	t.Logf("both have notified %s after the fault was switched on", time.Since(began).Round(time.Millisecond))
	managers["debian"].Stop()
	a.demo("fault", "off", "refuse")
	notified(t, hook, "newest", edge, "resolved")
	managers["debian"].Start()
	notified(t, hook, "debian", edge, "resolved")
	for _, stage := range a.status().GetStages() {
		if stage.GetName() == "notify" {
			require.NotZero(t, stage.GetOut())
			require.Empty(t, stage.GetDropped()["rejected"])
		}
	}
}

// follow follows an alert's link: the page is there, and what it opens is an anomaly that is known.
func (a *aeolus) follow(link, token string) {
	a.t.Helper()
	address, err := url.Parse(link)
	require.NoError(a.t, err)
	kind, id, _ := strings.Cut(address.Query().Get("open"), ":")
	require.Equal(a.t, "anomaly", kind)
	answer, err := a.client.ListAnomalies(a.t.Context(), &queryv1.ListAnomaliesRequest{Ended: true, Limit: 1000})
	require.NoError(a.t, err)
	require.True(a.t, slices.ContainsFunc(answer.GetAnomalies(), func(x *queryv1.Anomaly) bool { return x.GetId() == id }), id)
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, link, nil)
	require.NoError(a.t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(a.t, err)
	require.NoError(a.t, response.Body.Close())
	require.Equal(a.t, http.StatusOK, response.StatusCode)
	require.Contains(a.t, response.Header.Get("Content-Type"), "text/html")
}
