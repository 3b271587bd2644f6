// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/aeolus-ebpf/aeolus/internal/demo/shoppb"
)

// A fixed window switches gRPC's bandwidth probing off, whose pings may cross with the end of a connection and be
// answered by a reset: a healthy shop has none.
const grpcWindow = 1 << 20

type grpcServer struct {
	shoppb.UnimplementedCheckoutServer
	shoppb.UnimplementedShippingServer
	service *Service
}

// PlaceOrder implements the Checkout service.
func (g *grpcServer) PlaceOrder(ctx context.Context, r *shoppb.PlaceOrderRequest) (*shoppb.PlaceOrderResponse, error) {
	if err := g.service.handle(ctx); err != nil {
		return nil, status.Error(codes.Aborted, err.Error())
	}
	return &shoppb.PlaceOrderResponse{Order: "order for " + r.GetCart()}, nil
}

// Quote implements the Shipping service.
func (g *grpcServer) Quote(ctx context.Context, _ *shoppb.QuoteRequest) (*shoppb.QuoteResponse, error) {
	if err := g.service.handle(ctx); err != nil {
		return nil, status.Error(codes.Aborted, err.Error())
	}
	return &shoppb.QuoteResponse{Cents: 490, Label: g.service.body}, nil
}

// serveGRPC answers calls until the listener is closed.
func (s *Service) serveGRPC(listener net.Listener) {
	server := grpc.NewServer(
		grpc.InitialWindowSize(grpcWindow), grpc.InitialConnWindowSize(grpcWindow), grpc.MaxConcurrentStreams(256),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
	handler := &grpcServer{service: s}
	switch s.spec.Service {
	case "shipping":
		shoppb.RegisterShippingServer(server, handler)
	default:
		shoppb.RegisterCheckoutServer(server, handler)
	}
	_ = server.Serve(listener)
	server.Stop()
}

type grpcClient struct {
	edge Call
	dial dialer
	kept *grpc.ClientConn
}

func newGRPCClient(edge Call, dial dialer) (*grpcClient, error) {
	c := &grpcClient{edge: edge, dial: dial}
	var err error
	c.kept, err = c.connect()
	return c, err
}

func (c *grpcClient) connect() (*grpc.ClientConn, error) {
	connection, err := grpc.NewClient(fmt.Sprintf("passthrough:///%s:%d", c.edge.To, c.edge.Port),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return c.dial(ctx) }),
		grpc.WithInitialWindowSize(grpcWindow), grpc.WithInitialConnWindowSize(grpcWindow),
		grpc.WithDisableServiceConfig(), grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 1500 * time.Millisecond,
		}),
		// Its timeout also bounds how long sent bytes may stay unanswered, so that a path that was cut for a while
		// does not leave a connection waiting for a retransmission that is minutes away.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
	)
	if err != nil {
		return nil, fmt.Errorf("making gRPC client for %s: %w", c.edge.To, err)
	}
	return connection, nil
}

func (c *grpcClient) call(ctx context.Context, fresh bool) error {
	by := c.kept
	if fresh {
		connection, err := c.connect()
		if err != nil {
			return err
		}
		defer func() { _ = connection.Close() }()
		by = connection
	}
	var err error
	switch c.edge.To {
	case "shipping":
		_, err = shoppb.NewShippingClient(by).Quote(ctx, &shoppb.QuoteRequest{Cart: "cart-7"})
	default:
		_, err = shoppb.NewCheckoutClient(by).PlaceOrder(ctx, &shoppb.PlaceOrderRequest{Cart: "cart-7"})
	}
	if status.Code(err) == codes.Aborted {
		return errUpstream
	}
	return err
}

func (c *grpcClient) close() { _ = c.kept.Close() }
