// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// shows waits until an address shows a metric; dial is nil for TCP.
func shows(t *testing.T, address, want string, dial func(context.Context, string, string) (net.Conn, error)) {
	t.Helper()
	transport := &http.Transport{DialContext: dial}
	defer transport.CloseIdleConnections()
	testkit.Eventually(t, 30*time.Second, func() string {
		response, err := (&http.Client{Transport: transport}).Get(address)
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || !strings.Contains(string(text), want) {
			return string(text)
		}
		return ""
	})
}

// TestUp_twoAtOnce runs two on one host: each shows its metrics somewhere, and writes them to its own controller.
func TestUp_twoAtOnce(t *testing.T) {
	testkit.RequireRoot(t)
	first, stopFirst := begin(t, config(t))
	second, stopSecond := begin(t, config(t))
	require.NotEqual(t, first.Scrape, second.Scrape)
	for _, addresses := range []Addresses{first, second} {
		shows(t, "http://"+addresses.Scrape+"/metrics", `aeolus_agent_stage_in_total{`, nil)
		shows(t, "http://localhost/api/v1/query?query=aeolus_agent_stage_in_total", `"stage":"connections"`,
			func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", addresses.Socket)
			})
	}
	require.NoError(t, stopFirst())
	require.NoError(t, stopSecond())
}

func TestUp_scrapeWhereItWasAsked(t *testing.T) {
	testkit.RequireRoot(t)
	c := config(t)
	c.Scrape = NoScrape
	addresses, stop := begin(t, c)
	require.Empty(t, addresses.Scrape)
	require.NoError(t, stop())

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	c = config(t)
	c.Scrape = listener.Addr().String()
	all, err := New(c)
	require.NoError(t, err)
	err = all.Run(t.Context())
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, c.Scrape)
}

// TestCollectorText_secretsMeanNothingElse has a token that would be read as a variable, and as YAML.
func TestCollectorText_secretsMeanNothingElse(t *testing.T) {
	text := collectorText(&collecting{reports: "127.0.0.1:1"}, controller.Addresses{GRPC: "127.0.0.1:2", HTTP: "127.0.0.1:3"}, `${env:HOME}: "$x`, pki.PEM{})
	require.Contains(t, text, `$${env:HOME}`)
	require.NotContains(t, text, "prometheus:\n", "nothing is shown where no address is")
}
