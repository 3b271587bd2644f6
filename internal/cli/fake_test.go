// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
)

// fake is a controller with fixed answers. A watch sends them once and stays open, or ends at once.
type fake struct {
	queryv1connect.UnimplementedQueryServiceHandler
	empty bool
	token string

	mu       sync.Mutex
	requests []any
}

func (f *fake) note(request any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, request)
}

// asked is the last request.
func (f *fake) asked() any {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.requests) == 0 {
		return nil
	}
	return f.requests[len(f.requests)-1]
}

// serve answers on a socket until the returned function is called.
func (f *fake) serve(t *testing.T, socket string) (stop func()) {
	t.Helper()
	return f.serveAs(t, socket, f)
}

// serveAs lets another answer, which is more than the fake.
func (f *fake) serveAs(t *testing.T, socket string, answers queryv1connect.QueryServiceHandler) (stop func()) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(queryv1connect.NewQueryServiceHandler(answers))
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{Handler: f.guard(mux), BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	return sync.OnceFunc(func() {
		cancel()
		_ = server.Close()
		<-done
	})
}

func (f *fake) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.token != "" && r.Header.Get("Authorization") != "Bearer "+f.token {
			http.Error(w, "no token", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// start serves for the length of a test and gives the flag that names it.
func (f *fake) start(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	t.Cleanup(f.serve(t, socket))
	return "--controller=" + socket
}

// startAs is start for another that answers.
func (f *fake) startAs(t *testing.T, answers queryv1connect.QueryServiceHandler) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	t.Cleanup(f.serveAs(t, socket, answers))
	return "--controller=" + socket
}

func at(ago time.Duration) *timestamppb.Timestamp { return timestamppb.New(now.Add(-ago)) }

func known[T any](v T) *T { return &v }

func (f *fake) graph() *queryv1.Graph {
	if f.empty {
		return &queryv1.Graph{At: at(0), Window: durationpb.New(10 * time.Second)}
	}
	return &queryv1.Graph{At: at(0), Window: durationpb.New(10 * time.Second), Edges: []*queryv1.Edge{
		{Id: "e1", ClientName: "front", ServerName: "catalogue", Ports: []uint32{8080}, Health: queryv1.Health_HEALTH_OK, Reporter: "both",
			Figures: &queryv1.Figures{OpensPerSecond: known(3412.0), OpenConnections: known(uint64(17)), FailureRatio: known(0.0),
				SentBytesPerSecond: known(1.2e6), ReceivedBytesPerSecond: known(56e6), SmoothedRttSeconds: known(0.00025), RetransmitRatio: known(0.0)}},
		{Id: "e2", ClientName: "checkout", ServerName: "payment", Ports: []uint32{8443, 9090}, Health: queryv1.Health_HEALTH_FAILING,
			Reporter: "client", Summary: "payment refuses 94 % of checkout's connects since 12:04:11", AnomalyIds: []string{"a1"},
			Figures: &queryv1.Figures{OpensPerSecond: known(12.3), OpenConnections: known(uint64(1)), FailureRatio: known(0.94),
				FailuresPerSecond: map[string]float64{"refused": 11.5, "reset": 0.2, "timed-out": 0}, HandshakeSeconds: known(0.0012)}},
		{Id: "e3", ClientName: "evil\x1b[2J\nname", ServerName: "192.0.2.7", Ports: []uint32{443}, Health: queryv1.Health_HEALTH_QUIET, Figures: &queryv1.Figures{}},
	}}
}

// GetStatus is asked before every watch.
func (f *fake) GetStatus(context.Context, *queryv1.GetStatusRequest) (*queryv1.Status, error) {
	return &queryv1.Status{Name: "fake"}, nil
}

func (f *fake) GetGraph(_ context.Context, request *queryv1.GetGraphRequest) (*queryv1.Graph, error) {
	f.note(request)
	return f.graph(), nil
}

func (f *fake) WatchGraph(ctx context.Context, request *queryv1.GetGraphRequest, stream *connect.ServerStream[queryv1.Graph]) error {
	f.note(request)
	return send(ctx, stream, f.graph())
}

// send sends one answer, and holds the stream open until its end.
func send[M any](ctx context.Context, stream *connect.ServerStream[M], answer *M) error {
	if err := stream.Send(answer); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (f *fake) connections() *queryv1.ListConnectionsResponse {
	if f.empty {
		return &queryv1.ListConnectionsResponse{}
	}
	return &queryv1.ListConnectionsResponse{Truncated: true, Connections: []*queryv1.Connection{
		{Id: "c1", EdgeId: "e1", ClientName: "front", ServerName: "catalogue", ClientAddress: "10.0.0.2:40000", ServerAddress: "10.0.0.3:8080",
			State: "established", Failure: "none", Reporter: "both", Opened: at(42 * time.Second), SentBytes: 5120, ReceivedBytes: 2_400_000,
			Segments: 1800, Retransmits: 3, SmoothedRttSeconds: known(0.0012), MinRttSeconds: known(0.0002), ClientPid: 41, ClientProcess: "front",
			Adopted: true},
		{Id: "c2", EdgeId: "e2", ClientName: "checkout", ServerName: "payment", ClientAddress: "[2001:db8::1]:41000", ServerAddress: "[2001:db8::2]:8443",
			State: "failed", Failure: "refused", Reporter: "client", Opened: at(2 * time.Second), Closed: at(2*time.Second - 80*time.Microsecond), ResetsReceived: 1},
	}}
}

func (f *fake) ListConnections(_ context.Context, request *queryv1.ListConnectionsRequest) (*queryv1.ListConnectionsResponse, error) {
	f.note(request)
	return f.connections(), nil
}

func (f *fake) WatchConnections(ctx context.Context, request *queryv1.ListConnectionsRequest, stream *connect.ServerStream[queryv1.ListConnectionsResponse]) error {
	f.note(request)
	return send(ctx, stream, f.connections())
}

func (f *fake) events() *queryv1.ListEventsResponse {
	if f.empty {
		return &queryv1.ListEventsResponse{}
	}
	return &queryv1.ListEventsResponse{Events: []*queryv1.Event{
		{Id: "n1-1", Time: at(20 * time.Second), Kind: "edge.new", EdgeId: "e2", ClientName: "checkout", ServerName: "payment",
			ServerAddress: "10.0.0.9:8443", Text: "checkout talks to payment for the first time"},
		{Id: "n1-2", Time: at(1500 * time.Millisecond), Kind: "connect.refused", EdgeId: "e2", ClientName: "checkout", ServerName: "payment",
			ClientAddress: "10.0.0.5:41000", ServerAddress: "10.0.0.9:8443", Reporter: "client", Node: "n1", Pid: 77, Process: "checkout",
			Text: "payment refused checkout's connect to port 8443", Latency: durationpb.New(640 * time.Microsecond)},
	}}
}

func (f *fake) ListEvents(_ context.Context, request *queryv1.ListEventsRequest) (*queryv1.ListEventsResponse, error) {
	f.note(request)
	return f.events(), nil
}

func (f *fake) WatchEvents(ctx context.Context, request *queryv1.ListEventsRequest, stream *connect.ServerStream[queryv1.ListEventsResponse]) error {
	f.note(request)
	return send(ctx, stream, f.events())
}

func (f *fake) anomalies() *queryv1.ListAnomaliesResponse {
	if f.empty {
		return &queryv1.ListAnomaliesResponse{}
	}
	return &queryv1.ListAnomaliesResponse{Anomalies: []*queryv1.Anomaly{
		{Id: "a0", Kind: "latency", Severity: queryv1.Health_HEALTH_DEGRADED, EdgeId: "e1", ClientName: "front", ServerName: "catalogue",
			Opened: at(10 * time.Minute), Closed: at(8 * time.Minute), Changed: at(8 * time.Minute), Summary: "front waited 30 ms for catalogue, usually 0.3 ms"},
		{Id: "a1", Kind: "connect-failures", Severity: queryv1.Health_HEALTH_FAILING, EdgeId: "e2", ClientName: "checkout", ServerName: "payment",
			Opened: at(20 * time.Second), Changed: at(time.Second), Events: 230, Detection: durationpb.New(12 * time.Millisecond),
			Summary: "payment refuses 94 % of checkout's connects since 12:04:11"},
	}}
}

func (f *fake) ListAnomalies(_ context.Context, request *queryv1.ListAnomaliesRequest) (*queryv1.ListAnomaliesResponse, error) {
	f.note(request)
	return f.anomalies(), nil
}

func (f *fake) WatchAnomalies(ctx context.Context, request *queryv1.ListAnomaliesRequest, stream *connect.ServerStream[queryv1.ListAnomaliesResponse]) error {
	f.note(request)
	return send(ctx, stream, f.anomalies())
}
