// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// receiver stands for an Alertmanager that answers as it is told.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	answer  func(w http.ResponseWriter, r *http.Request, alerts []alert)
	batches [][]alert
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, alerts []alert)) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, request *http.Request) {
	var alerts []alert
	if err := json.NewDecoder(request.Body).Decode(&alerts); err != nil || request.URL.Path != "/api/v2/alerts" {
		http.NotFound(w, request)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, alerts)
	if r.answer != nil {
		r.answer(w, request, alerts)
	}
}

// become changes how it answers.
func (r *receiver) become(answer func(w http.ResponseWriter, r *http.Request, alerts []alert)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
	r.batches = nil
}

// last gives the alerts that have come, each as it came last, by the server that they are of.
func (r *receiver) last() map[string]alert {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := map[string]alert{}
	for _, batch := range r.batches {
		for _, a := range batch {
			last[a.Labels["server"]] = a
		}
	}
	return last
}

func answering(status int) func(http.ResponseWriter, *http.Request, []alert) {
	return func(w http.ResponseWriter, _ *http.Request, _ []alert) { http.Error(w, "no", status) }
}

// world is an engine whose anomalies a test opens and closes, and a notifier that runs.
type world struct {
	*engine.Engine
	ledger *loss.Ledger
	found  map[string]engine.Finding
}

func newWorld(t *testing.T, config Config) *world {
	t.Helper()
	w := &world{ledger: loss.NewLedger(), found: map[string]engine.Finding{}}
	w.Engine = engine.New(engine.Config{Ledger: w.ledger})
	config.Ledger, config.Name = w.ledger, "lab"
	config.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	notifier, err := New(config, w.Engine)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = notifier.Run(ctx, "http://127.0.0.1:7777")
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return w
}

// open makes an anomaly of a server.
func (w *world) open(server string) {
	w.found[server] = engine.Finding{
		Key: server, Severity: detect.Failing, Since: time.Now(), Summary: server + " refuses", Evidence: "refused 7 of 9",
		Labels: map[string]string{"alertname": "Refuses", "server": server},
	}
	w.settle()
}

func (w *world) close(server string) {
	delete(w.found, server)
	w.settle()
}

func (w *world) settle() {
	var found []engine.Finding
	for _, finding := range w.found {
		found = append(found, finding)
	}
	w.Findings("test", found, nil)
}

func (w *world) dropped(stage string) map[string]uint64 {
	for _, count := range w.ledger.Counts() {
		if count.Stage == stage {
			return count.Dropped
		}
	}
	return nil
}

// firing gives the servers whose alerts last by what came last.
func (r *receiver) firing() string {
	var names []string
	for name, a := range r.last() {
		ends, err := time.Parse(timeFormat, a.EndsAt)
		if err == nil && ends.After(time.Now()) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func eventually(t *testing.T, r *receiver, firing string, known int) {
	t.Helper()
	testkit.Eventually(t, 20*time.Second, func() string {
		if got := r.firing(); got != firing || len(r.last()) != known {
			return "firing: " + got
		}
		return ""
	})
}

func TestNotifier_tellsAll(t *testing.T) {
	one, two := newReceiver(t, nil), newReceiver(t, nil)
	w := newWorld(t, Config{Alertmanagers: []string{one.URL, two.URL + "/", one.URL + "/"}, Resend: time.Hour})
	w.open("payment")
	for _, r := range []*receiver{one, two} {
		eventually(t, r, "payment", 1)
	}
	told := one.last()["payment"]
	require.Equal(t, map[string]string{"alertname": "Refuses", "severity": "critical", "server": "payment", "aeolus": "lab"}, told.Labels)
	require.Equal(t, "refused 7 of 9", told.Annotations["evidence"])
	require.True(t, strings.HasPrefix(told.GeneratorURL, "http://127.0.0.1:7777/?open=anomaly%3A"), told.GeneratorURL)
	w.close("payment")
	for _, r := range []*receiver{one, two} {
		eventually(t, r, "", 1)
	}
	require.Len(t, one.batches, 2, "it is one Alertmanager, although it was named twice")
}

func TestNotifier_repeats(t *testing.T) {
	one := newReceiver(t, nil)
	w := newWorld(t, Config{Alertmanagers: []string{one.URL}, Resend: 50 * time.Millisecond})
	w.open("payment")
	testkit.Eventually(t, 20*time.Second, func() string {
		one.mu.Lock()
		defer one.mu.Unlock()
		if len(one.batches) < 5 {
			return "not repeated"
		}
		return ""
	})
}

// TestNotifier_acknowledged: it stays the same alert, and says so at once, for as long as that holds.
func TestNotifier_acknowledged(t *testing.T) {
	one := newReceiver(t, nil)
	w := newWorld(t, Config{Alertmanagers: []string{one.URL}, Resend: time.Hour})
	w.open("payment")
	eventually(t, one, "payment", 1)
	before := one.last()["payment"]
	id := before.Annotations["anomaly"]
	require.NotContains(t, before.Annotations, "acknowledged")
	says := func(want string) {
		t.Helper()
		testkit.Eventually(t, 20*time.Second, func() string {
			now := one.last()["payment"]
			require.Equal(t, before.Labels, now.Labels)
			require.Equal(t, before.StartsAt, now.StartsAt)
			if got := now.Annotations["acknowledged"]; got != want || one.firing() != "payment" {
				return "acknowledged: " + got
			}
			return ""
		})
	}
	require.NotNil(t, w.Acknowledge(id, &engine.Acknowledgement{Who: "kim", Comment: "the\ndisk", At: time.Now(), Until: time.Now().Add(time.Second)}))
	says("kim: the disk")
	says("")
	require.NotNil(t, w.Acknowledge(id, &engine.Acknowledgement{Who: "kim", At: time.Now()}))
	says("kim")
	require.NotNil(t, w.Acknowledge(id, nil))
	says("")
	w.close("payment")
	eventually(t, one, "", 1)
}

// TestNotifier_survives has Alertmanagers that answer badly, and one that does not: each hears how things are in the end,
// and none keeps the others waiting.
func TestNotifier_survives(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	fine := newReceiver(t, nil)
	broken := newReceiver(t, answering(http.StatusInternalServerError))
	strict := newReceiver(t, answering(http.StatusUnauthorized))
	slow := newReceiver(t, nil)
	slow.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	w := newWorld(t, Config{
		Alertmanagers: []string{slow.URL, broken.URL, gone.URL, strict.URL, fine.URL}, Timeout: 300 * time.Millisecond,
	})
	w.open("payment")
	w.open("stock")
	w.close("stock")
	eventually(t, fine, "payment", 2)
	testkit.Eventually(t, 20*time.Second, func() string {
		dropped := w.dropped("notify.requests")
		for _, cause := range []string{"timeout", "server-error", "refused", "not-allowed"} {
			if dropped[cause] == 0 {
				return cause + " is not counted"
			}
		}
		return ""
	})
	broken.become(nil)
	eventually(t, broken, "payment", 2)
	strict.become(nil)
	eventually(t, strict, "payment", 2)
}

// TestNotifier_oneIsRefused: an alert that an Alertmanager refuses for what it is keeps no other away.
func TestNotifier_oneIsRefused(t *testing.T) {
	picky := newReceiver(t, answering(http.StatusInternalServerError))
	w := newWorld(t, Config{Alertmanagers: []string{picky.URL}, Resend: time.Hour})
	for _, name := range []string{"a", "b", "bad", "c", "d"} {
		w.open(name)
	}
	taken := map[string]bool{}
	picky.become(func(w http.ResponseWriter, _ *http.Request, alerts []alert) {
		for _, a := range alerts {
			if a.Labels["server"] == "bad" {
				http.Error(w, "bad labels", http.StatusBadRequest)
				return
			}
		}
		for _, a := range alerts {
			taken[a.Labels["server"]] = true
		}
	})
	testkit.Eventually(t, 20*time.Second, func() string {
		picky.mu.Lock()
		defer picky.mu.Unlock()
		if len(taken) != 4 {
			return "some were not taken"
		}
		return ""
	})
	testkit.Eventually(t, 20*time.Second, func() string {
		if got := w.dropped("notify")["rejected"]; got != 1 {
			return "the refused one is not counted"
		}
		return ""
	})
}

// TestNotifier_credentials are taken from a file in Prometheus' own words.
func TestNotifier_credentials(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "password"), []byte("secret\n"), 0o600))
	for name, file := range map[string]string{
		"basic":  "basic_auth: {username: aeolus, password_file: password}\n",
		"bearer": "authorization: {credentials: token}\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name+".yml")
			require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
			how, err := ReadHTTP(path)
			require.NoError(t, err)
			headers := make(chan string, 16)
			one := newReceiver(t, func(_ http.ResponseWriter, r *http.Request, _ []alert) { headers <- r.Header.Get("Authorization") })
			w := newWorld(t, Config{Alertmanagers: []string{one.URL}, HTTP: how, Resend: time.Hour})
			w.open("payment")
			require.Contains(t, []string{"Basic YWVvbHVzOnNlY3JldA==", "Bearer token"}, <-headers)
		})
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret.yml"), []byte(`proxy_url: "http://user:s3cret@ho st:99x"`), 0o600))
	_, err := ReadHTTP(filepath.Join(dir, "secret.yml"))
	require.ErrorContains(t, err, "://…@")
	require.NotContains(t, err.Error(), "s3cret")
	_, err = ReadHTTP(filepath.Join(dir, "missing.yml"))
	require.ErrorContains(t, err, "reading how Alertmanagers are reached from")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.yml"), []byte("basic_auht: {}\n"), 0o600))
	_, err = ReadHTTP(filepath.Join(dir, "bad.yml"))
	require.ErrorContains(t, err, "basic_auht")
}

func TestConfig_check(t *testing.T) {
	for address, says := range map[string]string{
		"http://localhost:9093": "", "https://alerts.example.org/prefix/": "", "localhost:9093": "expected a URL", "ftp://x": "expected a URL",
		"http://user:secret@host": "credentials", "http://host/?a=b": "expected neither", "http://": "expected a URL", "http://[": "it is not a URL",
	} {
		err := Config{Alertmanagers: []string{address}}.Check()
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "secret")
		require.ErrorContains(t, Config{ExternalURL: address}.Check(), says)
	}
}

func TestAlert_namesAreAnybodys(t *testing.T) {
	evil := "a\x00b\n\xff" + strings.Repeat("ü", 400)
	a := &Anomaly{
		ID: evil, Kind: detect.Kind(evil), Edge: evil, Client: evil, Server: evil, ClientNamespace: evil, Summary: evil,
		Evidence: []string{evil, evil}, Labels: map[string]string{"9 bad\x00name": evil, "client": "another", "": "x"},
	}
	labels := alertLabels(evil, a)
	for name, value := range labels {
		require.Regexp(t, `^[a-zA-Z_][a-zA-Z0-9_]*$`, name)
		require.LessOrEqual(t, len(value), maxLabel)
		require.True(t, strings.ToValidUTF8(value, "") == value && !strings.ContainsAny(value, "\x00\n"), "%q", value)
	}
	require.NotEqual(t, "another", labels["client"], "a rule does not rename the ends of an edge")
	require.Equal(t, labels["client_namespace"], labels["namespace"])
	require.Equal(t, "http://page/?open=anomaly%3Aa%26b%2F%3F", link("http://page/", "a&b/?"))
}
