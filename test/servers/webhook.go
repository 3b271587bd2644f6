// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Webhook receives what Alertmanagers notify people of.
type Webhook struct {
	// URL is for webhook_configs.
	URL string

	mu       sync.Mutex
	received []Notification
}

// Notification is what an Alertmanager sends to a webhook.
type Notification struct {
	Status string  `json:"status"`
	Alerts []Alert `json:"alerts"`
	// Via is the query of the address that it was sent to.
	Via string `json:"-"`
}

// Alert is an alert as Alertmanagers give it back.
type Alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     string            `json:"startsAt"`
	EndsAt       string            `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

// ReceiveWebhooks starts a receiver that ends with the test.
func ReceiveWebhooks(t testing.TB) *Webhook {
	t.Helper()
	w := new(Webhook)
	server := httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(server.Close)
	w.URL = server.URL
	return w
}

func (w *Webhook) receive(answer http.ResponseWriter, request *http.Request) {
	var n Notification
	if err := json.NewDecoder(http.MaxBytesReader(answer, request.Body, maxAnswer)).Decode(&n); err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	n.Via = request.URL.RawQuery
	w.mu.Lock()
	defer w.mu.Unlock()
	w.received = append(w.received, n)
}

// Received gives what has come so far, oldest first.
func (w *Webhook) Received() []Notification {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Notification(nil), w.received...)
}

// AlertmanagerConfig is a configuration that tells a webhook everything at once; via tells several Alertmanagers apart.
func (w *Webhook) AlertmanagerConfig(via string) string {
	return `route: {receiver: hook, group_by: [...], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: "` + w.URL + "/?" + via + `", send_resolved: true}]}]
`
}
