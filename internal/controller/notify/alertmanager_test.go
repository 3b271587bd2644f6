// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// notified waits until an Alertmanager has notified of an alert with a status, and gives it.
func notified(t *testing.T, hook *servers.Webhook, via, server, status string) servers.Alert {
	t.Helper()
	var found servers.Alert
	testkit.Eventually(t, 40*time.Second, func() string {
		for _, n := range hook.Received() {
			for _, a := range n.Alerts {
				if n.Via == via && a.Labels["server"] == server && a.Status == status {
					found = a
					return ""
				}
			}
		}
		return via + " has not notified that " + server + " is " + status
	})
	return found
}

// known gives what an Alertmanager says of an alert.
func known(t *testing.T, manager *servers.Server, server string) []servers.Alert {
	t.Helper()
	status, body := manager.Get("/api/v2/alerts?filter=server%3D" + server)
	require.Equal(t, http.StatusOK, status, "%s", body)
	var alerts []struct {
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		GeneratorURL string            `json:"generatorURL"`
		EndsAt       string            `json:"endsAt"`
	}
	require.NoError(t, json.Unmarshal(body, &alerts))
	var list []servers.Alert
	for _, a := range alerts {
		list = append(list, servers.Alert{Labels: a.Labels, Annotations: a.Annotations, GeneratorURL: a.GeneratorURL, EndsAt: a.EndsAt})
	}
	return list
}

// TestAlertmanagers has two real ones at once, of which one goes away and comes back: both notify of what begins, of what
// ends, and the one that was away of what it has missed.
func TestAlertmanagers(t *testing.T) {
	hook := servers.ReceiveWebhooks(t)
	managers := map[string]*servers.Server{
		"newest": servers.Alertmanager(t, hook.AlertmanagerConfig("newest")),
		"debian": servers.DebianAlertmanager(t, hook.AlertmanagerConfig("debian")),
	}
	w := newWorld(t, Config{
		Alertmanagers: []string{managers["newest"].URL, managers["debian"].URL}, Resend: 2 * time.Second, ExternalURL: "https://aeolus.example.org/map",
	})
	w.open("payment")
	for via, manager := range managers {
		alert := notified(t, hook, via, "payment", "firing")
		require.Equal(t, map[string]string{"alertname": "Refuses", "severity": "critical", "server": "payment", "aeolus": "lab"}, alert.Labels)
		require.Equal(t, "payment refuses", alert.Annotations["summary"])
		require.Regexp(t, `^https://aeolus\.example\.org/map/\?open=anomaly%3A\w+$`, alert.GeneratorURL)
		require.Len(t, known(t, manager, "payment"), 1)
	}
	output, err := exec.Command(servers.Amtool(t), "--alertmanager.url", managers["newest"].URL, "alert", "query", "server=payment").CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "payment refuses")

	managers["debian"].Stop()
	w.close("payment")
	w.open("stock")
	notified(t, hook, "newest", "payment", "resolved")
	notified(t, hook, "newest", "stock", "firing")
	testkit.Eventually(t, 20*time.Second, func() string {
		if w.dropped("notify.requests")["refused"] == 0 {
			return "nobody has missed it"
		}
		return ""
	})
	managers["debian"].Start()
	notified(t, hook, "debian", "stock", "firing")
	notified(t, hook, "debian", "payment", "resolved")
	require.Empty(t, known(t, managers["debian"], "payment"))

	// What lasts is repeated, and so lasts there.
	first := known(t, managers["newest"], "stock")
	require.Len(t, first, 1)
	testkit.Eventually(t, 20*time.Second, func() string {
		if now := known(t, managers["newest"], "stock"); len(now) != 1 || now[0].EndsAt <= first[0].EndsAt {
			return "it was not said again that it lasts"
		}
		return ""
	})
	w.close("stock")
	for via := range managers {
		notified(t, hook, via, "stock", "resolved")
	}
	require.Empty(t, w.dropped("notify")["rejected"])
}
