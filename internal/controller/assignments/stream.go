// SPDX-License-Identifier: Apache-2.0

package assignments

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
)

const (
	maxFeatures = 256
	maxText     = 4096
)

// Server serves the stream between a controller and its agents from a book.
type Server struct {
	controlv1.UnimplementedControlServiceServer
	Book *Book
	// NodeOf gives the node that the sender's certificate is bound to.
	NodeOf func(context.Context) (string, error)
}

// Attach sends an agent what it should be running, now and whenever that changes, and takes its answers.
func (s *Server) Attach(stream controlv1.ControlService_AttachServer) error {
	node, err := s.NodeOf(stream.Context())
	if err != nil {
		return err
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	hello := first.GetHello()
	if err := checkHello(hello, node); err != nil {
		return err
	}
	at := s.Book.attach(hello)
	defer s.Book.detach(node, at)
	received := make(chan error, 1)
	go func() { received <- defect.Guard(func() error { return s.receive(stream, node) }) }()
	for {
		if err := stream.Send(s.Book.desired(node)); err != nil {
			return err
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-at.over:
			return status.Error(codes.Aborted, "another agent has attached for the same node")
		case err := <-received:
			return err
		case <-at.changed:
		}
	}
}

// receive takes answers until the agent has no more. It ends with the stream.
func (s *Server) receive(stream controlv1.ControlService_AttachServer, node string) error {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		report := message.GetReport()
		if report == nil {
			return status.Error(codes.InvalidArgument, "after the first message only reports are expected")
		}
		generation, statuses, err := assign.DecodeReport(report)
		if err != nil {
			return status.Error(codes.InvalidArgument, err.Error())
		}
		s.Book.report(node, generation, statuses)
	}
}

func checkHello(hello *controlv1.Hello, node string) error {
	switch {
	case hello == nil:
		return status.Error(codes.InvalidArgument, "the first message must be a hello")
	case hello.GetNode() != node:
		return status.Errorf(codes.PermissionDenied, "the hello is of node %.100q, but the certificate is of %q", hello.GetNode(), node)
	case len(hello.GetFeatures()) > maxFeatures:
		return status.Errorf(codes.InvalidArgument, "the hello names %d features: %d are allowed", len(hello.GetFeatures()), maxFeatures)
	}
	long := len(hello.GetAgentId()) + len(hello.GetVersion()) + len(hello.GetKernel()) + len(hello.GetScope())
	for _, feature := range hello.GetFeatures() {
		if len(feature.GetName())+len(feature.GetError())+len(feature.GetWithout()) > 3*maxText {
			return status.Error(codes.InvalidArgument, "the hello has a feature with too long a text")
		}
	}
	if long > maxText {
		return status.Errorf(codes.InvalidArgument, "the hello's texts have %d bytes: %d are allowed", long, maxText)
	}
	return nil
}
