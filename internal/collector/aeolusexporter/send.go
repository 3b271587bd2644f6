// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// dial prepares the connection to a controller.
func dial(endpoint string, trust TLS) (*grpc.ClientConn, error) {
	material, err := trust.Load(trust.authority(), pki.UsageClient)
	if err != nil {
		return nil, err
	}
	// Without an identity in its certificate every controller would turn it away, which it would take for being away.
	if _, err := pki.IdentityOf(material.Certificate.Leaf); err != nil {
		return nil, err
	}
	config := pki.ClientConfig(material.Certificate, material.Trusted)
	config.ServerName = trust.ServerName
	connection, err := grpc.NewClient(endpoint,
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 3 * time.Second,
		}),
		// A connection that lies idle is kept: an event does not wait for a handshake.
		grpc.WithIdleTimeout(0),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(passage.Codec{}), grpc.MaxCallRecvMsgSize(1<<20), grpc.MaxCallSendMsgSize(2*wire.MaxMessageBytes)),
	)
	if err != nil {
		return nil, fmt.Errorf("preparing the connection to %s: %w", endpoint, err)
	}
	return connection, nil
}

// send hands one message to a controller and reads its answer.
func send(ctx context.Context, connection grpc.ClientConnInterface, timeout time.Duration, p parcel) (passage.Rejected, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	method := passage.LogsExport
	if p.kind == flows {
		method = passage.FlowExport
	}
	response := new(passage.Frame)
	if err := connection.Invoke(ctx, method, &passage.Frame{Bytes: p.message}, response); err != nil {
		return passage.Rejected{}, err
	}
	return readAnswer(p.kind, response.Bytes), nil
}

// readAnswer reads what a controller has not taken. An answer that cannot be read is an answer.
func readAnswer(of kind, answer []byte) passage.Rejected {
	var rejected passage.Rejected
	if len(answer) == 0 {
		return rejected
	}
	if of == flows {
		response := new(flowv1.ExportResponse)
		if proto.Unmarshal(answer, response) != nil {
			return rejected
		}
		for _, loss := range response.GetRejected() {
			rejected.Add(passage.Rejected{Rows: map[string]uint64{loss.GetReason(): loss.GetCount()}})
		}
		return rejected
	}
	response := plogotlp.NewExportResponse()
	if response.UnmarshalProto(answer) != nil {
		return rejected
	}
	rejected.Records = uint64(max(response.PartialSuccess().RejectedLogRecords(), 0))
	rejected.Why = response.PartialSuccess().ErrorMessage()
	return rejected
}

// hopeless tells whether a controller has said that the same message will never do. Everything else is taken for being
// away: a controller that is set up wrongly for a while costs nothing then.
func hopeless(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.OutOfRange:
		return true
	}
	return false
}
