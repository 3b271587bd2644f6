// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// links are an agent's connections.
type links struct {
	// control leads to the controller, reports to whoever takes batches and events; the same one where that is the
	// controller.
	control, reports *grpc.ClientConn
}

// connect prepares the connections; nothing is dialled yet.
func connect(config Config) (links, error) {
	control, err := dial(config.Controller, pki.OnlyControllers(config.TLS))
	if err != nil {
		return links{}, fmt.Errorf("preparing the connection to %s: %w", config.Controller, err)
	}
	if config.Reports == config.Controller && config.ReportsName == "" {
		return links{control, control}, nil
	}
	trust := config.TLS.Clone()
	trust.ServerName = config.ReportsName
	reports, err := dial(config.Reports, trust)
	if err != nil {
		_ = control.Close()
		return links{}, fmt.Errorf("preparing the connection to %s: %w", config.Reports, err)
	}
	return links{control, reports}, nil
}

func dial(address string, trust *tls.Config) (*grpc.ClientConn, error) {
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(credentials.NewTLS(trust)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 3 * time.Second,
		}),
		// A receiver that vanished without a word is noticed, though its host no longer answers.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<20), grpc.MaxCallSendMsgSize(2*wire.MaxMessageBytes)),
	)
}

func (l links) close() {
	_ = l.control.Close()
	if l.reports != l.control {
		_ = l.reports.Close()
	}
}

// watch calls back whenever a connection to a collector has come up, until the context ends: a collector knows nothing of
// what an earlier one was told. A controller says so itself.
func (l links) watch(ctx context.Context, up func()) error {
	if l.reports == l.control {
		return nil
	}
	for {
		state := l.reports.GetState()
		if state == connectivity.Ready {
			up()
		}
		if !l.reports.WaitForStateChange(ctx, state) {
			return nil
		}
	}
}
