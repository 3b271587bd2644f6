// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
	"github.com/aeolus-ebpf/aeolus/internal/controller"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

const token = "a-token-for-tests"

// place is a running controller with what is needed to talk to it.
type place struct {
	controller *controller.Controller
	addresses  controller.Addresses
	authority  *pki.Authority
	client     *http.Client
	done       chan error
	cancel     context.CancelFunc
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// start runs a controller until the test ends.
func start(t *testing.T, change func(*controller.Config)) *place {
	t.Helper()
	authority, err := pki.NewAuthority()
	require.NoError(t, err)
	certificate, err := authority.IssueServer("127.0.0.1", "localhost")
	require.NoError(t, err)
	config := controller.Config{
		Name: "test", Version: "v0", GRPCListen: "127.0.0.1:0", HTTPListen: "127.0.0.1:0", Token: token,
		UnixSocket: filepath.Join(t.TempDir(), "query.sock"), TLS: pki.ServerConfig(certificate, authority.Pool()),
		Assets: fstest.MapFS{
			"index.html":                  {Data: []byte("<title>ui</title>")},
			"assets/index-abcdefgh.js":    {Data: []byte("plain")},
			"assets/index-abcdefgh.js.gz": {Data: []byte("packed")},
		},
		Logger: quiet(),
	}
	if change != nil {
		change(&config)
	}
	c, err := controller.New(config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	p := &place{controller: c, authority: authority, done: make(chan error, 1), cancel: cancel}
	go func() { p.done <- c.Run(ctx) }()
	select {
	case p.addresses = <-c.Ready():
	case err := <-p.done:
		t.Fatalf("the controller ended: %v", err)
	case <-time.After(10 * time.Second):
		t.Fatal("the controller is not ready after 10 s")
	}
	transport := &http.Transport{}
	p.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		p.stop(t)
	})
	return p
}

func (p *place) stop(t *testing.T) {
	p.cancel()
	select {
	case err, first := <-p.done:
		require.NoError(t, err)
		if first {
			close(p.done)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the controller did not end")
	}
}

// dial connects as the agent of a node.
func (p *place) dial(t *testing.T, node string) *grpc.ClientConn {
	t.Helper()
	certificate, err := p.authority.IssueAgent(node)
	require.NoError(t, err)
	connection, err := grpc.NewClient(p.addresses.GRPC,
		grpc.WithTransportCredentials(credentials.NewTLS(pki.ClientConfig(certificate, p.authority.Pool()))))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

type withToken struct{ next http.RoundTripper }

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+token)
	return w.next.RoundTrip(r)
}

func (p *place) query(options ...connect.ClientOption) queryv1connect.QueryServiceClient {
	return queryv1connect.NewQueryServiceClient(&http.Client{Transport: withToken{p.client.Transport}}, "http://"+p.addresses.HTTP, options...)
}

func endpoint(name string, netns uint32) *model.Endpoint {
	return &model.Endpoint{Workload: name, Kind: model.KindContainer, Node: "n1", NetNS: netns, PID: netns, Process: name}
}

// traffic is a connection from a to b as one agent sees both ends of it.
func traffic(sequence uint64) *model.Batch {
	now := time.Now()
	from, to := netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("10.0.0.2:80")
	a, b := endpoint("a", 1), endpoint("b", 2)
	return &model.Batch{
		Node: "n1", AgentID: "0123456789abcdef", Sequence: sequence, Taken: now, Mono: 1 << 40, Interval: time.Second,
		Flows: []model.Flow{
			{
				Cookie: 2 * sequence, Endpoint: a, Local: from, Remote: to, Role: model.RoleClient, Opened: true, Established: true,
				Start: now.Add(-time.Second), Delta: model.Counters{SentBytes: 10, ReceivedBytes: 20, SentSegments: 2, ReceivedSegments: 2},
			},
			{
				Cookie: 2*sequence + 1, Endpoint: b, Local: to, Remote: from, Role: model.RoleServer, Established: true,
				Start: now.Add(-time.Second), Delta: model.Counters{SentBytes: 20, ReceivedBytes: 10, SentSegments: 2, ReceivedSegments: 2},
			},
		},
		Listeners: []model.BoundListener{{Local: netip.MustParseAddrPort("0.0.0.0:80"), Endpoint: b}},
		Addresses: []model.AddressOwner{{Address: to.Addr(), NetNS: 2, Endpoint: b}, {Address: from.Addr(), NetNS: 1, Endpoint: a}},
		Stages:    []model.StageCount{{Stage: "sensor.tcp", In: 2, Out: 2}},
	}
}

func send(t *testing.T, connection *grpc.ClientConn, batch *model.Batch) error {
	t.Helper()
	_, err := flowv1.NewFlowServiceClient(connection).Export(t.Context(), &flowv1.ExportRequest{Batch: wire.EncodeBatch(batch)})
	return err
}

func refusal(id string, at time.Time) model.Event {
	return model.Event{
		ID: id, Kind: model.EventRefused, Node: "n1", Time: at, Received: at, Cookie: 99, Role: model.RoleClient,
		Local: netip.MustParseAddrPort("10.0.0.1:40001"), Remote: netip.MustParseAddrPort("10.0.0.2:80"),
		Endpoint: endpoint("a", 1), Errno: 111, Attempt: 1,
	}
}

func TestController_fromTheWireToTheAnswer(t *testing.T) {
	p := start(t, nil)
	agent := p.dial(t, "n1")
	require.NoError(t, send(t, agent, traffic(1)))
	require.NoError(t, send(t, agent, traffic(1)), "a batch that is sent again is taken, and dropped")
	require.NoError(t, send(t, agent, traffic(4)))

	sendEvents(t, agent, refusal("0123456789abcdef-1", time.Now()))

	query := p.query()
	drawn, err := query.GetGraph(t.Context(), &queryv1.GetGraphRequest{})
	require.NoError(t, err)
	require.Len(t, drawn.Nodes, 2)
	require.Len(t, drawn.Edges, 1)
	edge := drawn.Edges[0]
	require.Equal(t, "a", edge.ClientName)
	require.Equal(t, "b", edge.ServerName)
	require.Equal(t, "both", edge.Reporter)
	require.Equal(t, queryv1.Health_HEALTH_FAILING, edge.Health)
	require.Contains(t, edge.Summary, "b refuses 100 % of a's connects since ")

	events, err := query.ListEvents(t.Context(), &queryv1.ListEventsRequest{})
	require.NoError(t, err)
	require.Len(t, events.Events, 1)
	require.Equal(t, edge.Id, events.Events[0].EdgeId)
	require.Positive(t, events.Events[0].Latency.AsDuration())
	require.Less(t, events.Events[0].Latency.AsDuration(), 10*time.Second)

	anomalies, err := query.ListAnomalies(t.Context(), &queryv1.ListAnomaliesRequest{})
	require.NoError(t, err)
	require.Len(t, anomalies.Anomalies, 1)
	require.Equal(t, edge.AnomalyIds, []string{anomalies.Anomalies[0].Id})

	state, err := query.GetStatus(t.Context(), &queryv1.GetStatusRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 2, state.Workloads)
	require.EqualValues(t, 2, state.OpenConnections)
	require.True(t, state.Learning)
	require.Len(t, state.Agents, 1)
	require.Equal(t, "sensor.tcp", state.Agents[0].Stages[0].Name)
	stages := map[string]*queryv1.Stage{}
	for _, s := range state.Stages {
		stages[s.Name] = s
	}
	require.EqualValues(t, map[string]uint64{"duplicate": 1, "sequence-gap": 2}, stages["ingest.batches"].Dropped)
	require.EqualValues(t, 5, stages["ingest.batches"].In)
	require.EqualValues(t, 2, stages["ingest.batches"].Out)

	hits, err := query.Search(t.Context(), &queryv1.SearchRequest{Text: "10.0.0.2"})
	require.NoError(t, err)
	require.Len(t, hits.Hits, 1)
	require.Equal(t, "of b", hits.Hits[0].Subtitle)
}

func TestController_questionsOnTheSocketNeedNoToken(t *testing.T) {
	p := start(t, nil)
	info, err := os.Stat(p.addresses.UnixSocket)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", p.addresses.UnixSocket)
	}}
	defer transport.CloseIdleConnections()
	query := queryv1connect.NewQueryServiceClient(&http.Client{Transport: transport}, "http://aeolus")
	_, err = query.GetStatus(t.Context(), &queryv1.GetStatusRequest{})
	require.NoError(t, err)
	p.stop(t)
	require.NoFileExists(t, p.addresses.UnixSocket)
	p.done = make(chan error, 1)
	p.done <- nil
}

func TestController_whatIsInUseIsSaid(t *testing.T) {
	p := start(t, nil)
	for says, change := range map[string]func(*controller.Config){
		"is in use by another program": func(c *controller.Config) { c.HTTPListen = p.addresses.HTTP },
		"may have 86 bytes: choose a shorter one": func(c *controller.Config) {
			c.UnixSocket = "/tmp/" + strings.Repeat("x", 82) + "/aeolus.sock"
		},
		"another controller answers there": func(c *controller.Config) { c.UnixSocket = p.addresses.UnixSocket },
		"a file that is not a socket": func(c *controller.Config) {
			c.UnixSocket = filepath.Join(t.TempDir(), "file")
			require.NoError(t, os.WriteFile(c.UnixSocket, nil, 0o600))
		},
	} {
		config := controller.Config{HTTPListen: "127.0.0.1:0", Token: token, Logger: quiet()}
		change(&config)
		c, err := controller.New(config)
		require.NoError(t, err)
		require.ErrorContains(t, c.Run(t.Context()), says)
	}
	for says, config := range map[string]controller.Config{
		"a token is needed":         {HTTPListen: "127.0.0.1:0", Logger: quiet()},
		"is not a loopback address": {HTTPListen: "0.0.0.0:0", Token: token, Logger: quiet()},
		"TLS is needed":             {GRPCListen: "127.0.0.1:0", Logger: quiet()},
		"a logger is needed":        {},
		"requires their certificat": {GRPCListen: "127.0.0.1:0", TLS: &tls.Config{MinVersion: tls.VersionTLS13}, Logger: quiet()},
	} {
		_, err := controller.New(config)
		require.ErrorContains(t, err, says)
	}
}

func TestController_staleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "query.sock")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	require.FileExists(t, path)
	p := start(t, func(c *controller.Config) { c.UnixSocket = path })
	require.Equal(t, path, p.addresses.UnixSocket)
}

// TestController_removesWhatAKilledOneLeft in the moment in which it made its socket.
func TestController_removesWhatAKilledOneLeft(t *testing.T) {
	directory := t.TempDir()
	left, young, other := filepath.Join(directory, ".aeolus-1"), filepath.Join(directory, ".aeolus-2"), filepath.Join(directory, "keep")
	for _, path := range []string{left, young, other} {
		require.NoError(t, os.Mkdir(path, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(path, "s"), nil, 0o600))
	}
	before := time.Now().Add(-time.Hour)
	for _, path := range []string{left, other} {
		require.NoError(t, os.Chtimes(path, before, before))
	}
	start(t, func(c *controller.Config) { c.UnixSocket = filepath.Join(directory, "x.sock") })
	require.NoDirExists(t, left)
	require.DirExists(t, young, "another may just be starting")
	require.DirExists(t, other)
}

// TestController_panic ends everything in order: nothing listens any more, and the socket is gone.
func TestController_panic(t *testing.T) {
	var broken atomic.Bool
	p := start(t, func(c *controller.Config) {
		c.Now = func() time.Time {
			if broken.Load() {
				panic("oh")
			}
			return time.Now()
		}
	})
	broken.Store(true)
	err := <-p.done
	require.ErrorIs(t, err, defect.ErrPanic)
	require.NoFileExists(t, p.addresses.UnixSocket)
	_, err = net.Dial("tcp", p.addresses.HTTP)
	require.Error(t, err)
	p.done = make(chan error, 1)
	p.done <- nil
}
