// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// begin runs everything in directories of the test and waits until it is ready.
func begin(t *testing.T, config Config) (Addresses, func() error) {
	t.Helper()
	ready := make(chan Addresses, 1)
	config.Ready = func(addresses Addresses) { ready <- addresses }
	all, err := New(config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- all.Run(ctx) }()
	stop := func() error {
		cancel()
		return <-ended
	}
	select {
	case addresses := <-ready:
		return addresses, stop
	case err := <-ended:
		require.NoError(t, err)
		t.Fatal("it ended at once")
		panic("unreachable")
	}
}

func config(t *testing.T) Config {
	directory := t.TempDir()
	return Config{DataDir: filepath.Join(directory, "data"), RunDir: filepath.Join(directory, "run"), Listen: "127.0.0.1:0"}
}

func TestUp_watchesAndLeavesNothing(t *testing.T) {
	testkit.RequireRoot(t)
	c := config(t)
	c.Assets = fstest.MapFS{"index.html": {Data: []byte("the page")}}
	addresses, stop := begin(t, c)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", addresses.Socket)
	}}
	defer transport.CloseIdleConnections()
	query := queryv1connect.NewQueryServiceClient(&http.Client{Transport: transport}, "http://localhost")
	testkit.Eventually(t, 20*time.Second, func() string {
		status, err := query.GetStatus(t.Context(), &queryv1.GetStatusRequest{})
		if err != nil {
			return err.Error()
		}
		for _, agent := range status.GetAgents() {
			for _, assignment := range agent.GetAssignments() {
				if assignment.GetState() == "running" {
					return ""
				}
			}
		}
		return status.String()
	})
	require.Equal(t, "the page", get(t, addresses.Page))
	require.NoError(t, stop())
	require.NoDirExists(t, c.RunDir, "it was made, so it is removed")
	entries, err := os.ReadDir(c.DataDir)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	require.Equal(t, []string{"lock", "state.db"}, names)
}

// get opens the page as a browser does, which keeps cookies.
func get(t *testing.T, address string) string {
	t.Helper()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Get(address)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusSeeOther, response.StatusCode)
	next, err := response.Location()
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, next.String(), nil)
	require.NoError(t, err)
	for _, cookie := range response.Cookies() {
		request.AddCookie(cookie)
	}
	page, err := client.Do(request)
	require.NoError(t, err)
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	return string(text)
}

func TestUp_oneDataDirectoryOneProcess(t *testing.T) {
	testkit.RequireRoot(t)
	c := config(t)
	_, stop := begin(t, c)
	second, err := New(c)
	require.NoError(t, err)
	require.ErrorIs(t, second.Run(t.Context()), ErrTaken)
	require.NoError(t, stop())
}

func TestUp_saysWhatIsInTheWay(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	c := config(t)
	c.Listen = listener.Addr().String()
	all, err := New(c)
	require.NoError(t, err)
	require.ErrorContains(t, all.Run(t.Context()), c.Listen+" is in use by another program")
	require.NoDirExists(t, c.RunDir)

	c = config(t)
	require.NoError(t, os.WriteFile(c.DataDir, nil, 0o600))
	all, err = New(c)
	require.NoError(t, err)
	require.EqualError(t, all.Run(t.Context()), "making data directory "+c.DataDir+": not a directory")
}

func TestGuarded_aPanicIsAnError(t *testing.T) {
	err := guarded("agent", func() error { panic("oh") })
	require.ErrorIs(t, err, defect.ErrPanic)
	require.True(t, strings.HasPrefix(err.Error(), "running the agent: a defect in Aeolus: panic: oh\n"), err)
	require.EqualError(t, guarded("agent", func() error { return errors.New("no") }), "running the agent: no")
	require.NoError(t, guarded("agent", func() error { return nil }))
}

func TestPlaces_ofAnotherUser(t *testing.T) {
	testkit.RequireRoot(t)
	directory := t.TempDir()
	require.NoError(t, os.Chown(directory, 4242, 4242))
	info, err := os.Stat(directory)
	require.NoError(t, err)
	require.True(t, foreign(info, 4243))
	require.False(t, foreign(info, 4242))
	require.False(t, foreign(info, 0))
}
