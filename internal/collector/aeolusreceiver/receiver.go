// SPDX-License-Identifier: Apache-2.0

package aeolusreceiver

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"
	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // Clients of OTLP may compress; agents do not.
	"google.golang.org/grpc/keepalive"

	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

const (
	// maxStreams is how many calls of one connection are served at once: more than an agent ever has under way. A
	// collector in front of this one has those of many agents.
	maxStreams = 64
	// handshakeTime is how long a client may take to introduce itself.
	handshakeTime = 5 * time.Second
)

// agentReceiver is one server for agents.
type agentReceiver struct {
	config   *Config
	next     consumer.Logs
	settings receiver.Settings
	report   *receiverhelper.ObsReport
	refused  *refusals

	server *grpc.Server
	served sync.WaitGroup
}

func newReceiver(settings receiver.Settings, config *Config, next consumer.Logs) (*agentReceiver, error) {
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: settings.ID, Transport: "grpc", ReceiverCreateSettings: settings,
	})
	if err != nil {
		return nil, fmt.Errorf("creating the aeolus receiver: %w", err)
	}
	refused, err := newRefusals(settings)
	if err != nil {
		return nil, fmt.Errorf("creating the aeolus receiver: %w", err)
	}
	return &agentReceiver{config: config, next: next, settings: settings, report: report, refused: refused}, nil
}

// Start listens. It fails where the certificate cannot be used or the address is taken.
func (r *agentReceiver) Start(ctx context.Context, host component.Host) error {
	material, err := r.config.TLS.Load(r.config.TLS.authority(), pki.UsageServer)
	if err != nil {
		return fmt.Errorf("starting %s: %w", r.settings.ID, err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", r.config.Endpoint)
	if err != nil {
		return fmt.Errorf("starting %s: %w", r.settings.ID, err)
	}
	r.server = grpc.NewServer(
		grpc.Creds(credentials.NewTLS(pki.ServerConfig(material.Certificate, material.Trusted))),
		grpc.ForceServerCodecV2(passage.Codec{}),
		grpc.UnaryInterceptor(r.guard),
		grpc.MaxRecvMsgSize(wire.MaxMessageBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(16<<10),
		grpc.ConnectionTimeout(handshakeTime),
		grpc.WaitForHandlers(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 15 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
	r.server.RegisterService(&flowService, r)
	r.server.RegisterService(&logsService, r)
	limited := netutil.LimitListener(listener, r.config.MaxConnections)
	r.settings.Logger.Info("taking reports of agents", zap.String("endpoint", listener.Addr().String()))
	r.served.Go(func() {
		if err := r.server.Serve(limited); err != nil {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(
				fmt.Errorf("serving agents on %s: %w", listener.Addr(), err)))
		}
	})
	return nil
}

// Shutdown lets go of every agent at once, because they send again what was not answered, and waits for what is being
// handed on.
func (r *agentReceiver) Shutdown(context.Context) error {
	if r.server == nil {
		return nil
	}
	r.server.Stop()
	r.served.Wait()
	return nil
}
