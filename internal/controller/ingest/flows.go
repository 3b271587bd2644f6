// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/sequence"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// Export takes a batch of flows. It is answered once the batch has been applied.
func (s *Server) Export(ctx context.Context, request *flowv1.ExportRequest) (*flowv1.ExportResponse, error) {
	sender, err := senderOf(ctx)
	if err != nil {
		return nil, err
	}
	return s.takeBatch(sender, request.GetBatch())
}

func (s *Server) takeBatch(sender pki.Identity, encoded *flowv1.Batch) (*flowv1.ExportResponse, error) {
	s.batches.In(1)
	rows := uint64(len(encoded.GetRows().GetCookie()))
	if !sender.MayReport(encoded.GetNode()) {
		s.batches.Drop("wrong-node", 1)
		return nil, status.Errorf(codes.PermissionDenied, "the batch is of node %.100q, but the certificate is of %s", encoded.GetNode(), sender)
	}
	batch, rejected, err := wire.DecodeBatch(encoded, nil)
	if err != nil {
		s.batches.Drop("malformed", 1)
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	seen := s.sequences.Take(batch.Node+"/"+batch.AgentID, batch.Sequence, s.config.Now())
	if !seen.Fresh {
		s.batches.Drop("duplicate", 1)
		return &flowv1.ExportResponse{}, nil
	}
	s.countGap(seen)
	s.batches.Out(1)
	s.flows.In(rows)
	s.places.In(uint64(len(encoded.GetListeners()) + len(encoded.GetAddressOwners())))
	response := &flowv1.ExportResponse{}
	for _, r := range rejected {
		if r.OfPlace() {
			// The agent counts rows, and these are none.
			s.places.Drop(r.Reason, r.Count)
			continue
		}
		s.flows.Drop(r.Reason, r.Count)
		response.Rejected = append(response.Rejected, &flowv1.LossCount{Reason: r.Reason, Count: r.Count})
	}
	s.config.Sink.ApplyBatch(batch)
	s.flows.Out(uint64(len(batch.Flows)))
	s.places.Out(uint64(len(batch.Listeners) + len(batch.Addresses)))
	s.config.Heard(batch.Node, batch.AgentID, batch.Stages)
	return response, nil
}

// countGap counts the batches that never came as having come in and been lost, so that the stage's figures agree.
func (s *Server) countGap(seen sequence.Verdict) {
	s.batches.In(seen.Skipped)
	if seen.Late {
		// It was counted in when it was missed.
		s.batches.In(^uint64(0))
	}
	if seen.Skipped > 0 || seen.Late {
		s.batches.SetDropped("sequence-gap", s.sequences.Lost())
	}
}
