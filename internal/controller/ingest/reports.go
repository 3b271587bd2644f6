// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// TakeFlows takes a batch of flows from somebody who showed no certificate, but may speak for any node, as a collector may.
func (s *Server) TakeFlows(name string, batch *flowv1.Batch) (*flowv1.ExportResponse, error) {
	return s.takeBatch(pki.Identity{Kind: pki.KindCollector, Name: name}, batch)
}

// TakeEvents takes events likewise. It says how many records were rejected, and why.
func (s *Server) TakeEvents(name string, resources []*logspb.ResourceLogs) (rejected uint64, why string, err error) {
	return s.takeEvents(pki.Identity{Kind: pki.KindCollector, Name: name}, resources)
}
