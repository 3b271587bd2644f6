// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/sequence"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

const (
	maxStreams     = 16
	maxConnections = 4096
	// handshakeTime is how long a client may take to introduce itself.
	handshakeTime = 5 * time.Second
)

// Sink takes what has been decoded.
type Sink interface {
	ApplyBatch(*model.Batch)
	ApplyEvents([]model.Event)
}

// Config is what a server needs.
type Config struct {
	TLS     *tls.Config
	Sink    Sink
	Ledger  *loss.Ledger
	Logger  *slog.Logger
	Control controlv1.ControlServiceServer
	// Heard is told of every batch that was taken; it may be nil.
	Heard func(node, agent string, stages []model.StageCount)
	// Others takes log records of other programs that a collector passes on, and says how many it dropped. Without it they
	// are refused.
	Others func([]*logspb.ResourceLogs) (dropped uint64)
	Now    func() time.Time
}

// Server serves agents.
type Server struct {
	flowv1.UnimplementedFlowServiceServer

	config    Config
	grpc      *grpc.Server
	sequences *sequence.Book
	batches   *loss.Stage
	flows     *loss.Stage
	places    *loss.Stage
	events    *loss.Stage
}

// New makes a server that does not listen yet.
func New(config Config) (*Server, error) {
	if config.TLS == nil || config.TLS.ClientAuth != tls.RequireAndVerifyClientCert {
		return nil, errors.New("serving agents: a TLS configuration is needed that requires their certificates")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Heard == nil {
		config.Heard = func(string, string, []model.StageCount) {}
	}
	s := &Server{
		config: config, sequences: sequence.New(), batches: config.Ledger.Stage("ingest.batches"),
		flows: config.Ledger.Stage("ingest.flows"), places: config.Ledger.Stage("ingest.places"),
		events: config.Ledger.Stage("ingest.events"),
	}
	s.grpc = grpc.NewServer(
		grpc.Creds(credentials.NewTLS(config.TLS)),
		grpc.UnaryInterceptor(s.guardCall),
		grpc.StreamInterceptor(s.guardStream),
		grpc.MaxRecvMsgSize(wire.MaxMessageBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(16<<10),
		grpc.ConnectionTimeout(handshakeTime),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 15 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
	flowv1.RegisterFlowServiceServer(s.grpc, s)
	s.grpc.RegisterService(&logsService, s)
	if config.Control != nil {
		controlv1.RegisterControlServiceServer(s.grpc, config.Control)
	}
	return s, nil
}

// Serve serves a listener until the context ends; then it lets go of every agent at once, because they send again what
// was not answered.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, s.grpc.Stop)
	defer stop()
	if err := s.grpc.Serve(netutil.LimitListener(listener, maxConnections)); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serving agents on %s: %w", listener.Addr(), err)
	}
	return nil
}

// Close ends the server.
func (s *Server) Close() { s.grpc.Stop() }
