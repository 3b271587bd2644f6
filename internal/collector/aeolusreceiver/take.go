// SPDX-License-Identifier: Apache-2.0

package aeolusreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// format is what these records are called in the Collector's own metrics.
const format = "aeolus"

// takeBatch hands on a flow batch as one record. Its rows are not looked at.
func (r *agentReceiver) takeBatch(ctx context.Context, sender pki.Identity, request []byte) ([]byte, error) {
	batch, err := passage.BatchOf(request)
	var header passage.Header
	if err == nil {
		header, err = passage.ReadHeader(batch)
	}
	if err != nil {
		r.refused.count(ctx, "malformed", 1)
		return nil, status.Errorf(codes.InvalidArgument, "reading a flow batch: %s", err)
	}
	if !sender.MayReport(header.Node) {
		r.refused.count(ctx, "wrong-node", 1)
		return nil, status.Errorf(codes.PermissionDenied, "the batch is of node %.100q, but the certificate is of %s", header.Node, sender)
	}
	ctx, rejections := passage.WithRejections(ctx)
	if err := r.hand(ctx, passage.BatchLogs(header, batch)); err != nil {
		return nil, err
	}
	return flowAnswer(rejections.Total())
}

func flowAnswer(rejected passage.Rejected) ([]byte, error) {
	if len(rejected.Rows) == 0 {
		return nil, nil
	}
	response := new(flowv1.ExportResponse)
	for reason, n := range rejected.Rows {
		response.Rejected = append(response.Rejected, &flowv1.LossCount{Reason: reason, Count: n})
	}
	bytes, err := proto.Marshal(response)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "answering: %s", err)
	}
	return bytes, nil
}

// takeLogs hands on events.
func (r *agentReceiver) takeLogs(ctx context.Context, sender pki.Identity, bytes []byte) ([]byte, error) {
	request := plogotlp.NewExportRequest()
	if err := request.UnmarshalProto(bytes); err != nil {
		r.refused.count(ctx, "malformed", 1)
		return nil, status.Errorf(codes.InvalidArgument, "reading events: %s", err)
	}
	logs := request.Logs()
	foreign := r.removeForeign(ctx, logs, sender)
	ctx, rejections := passage.WithRejections(ctx)
	if logs.LogRecordCount() > 0 {
		if err := r.hand(ctx, logs); err != nil {
			return nil, err
		}
	}
	rejected := rejections.Total()
	if foreign > 0 {
		rejected.Add(passage.Rejected{Records: foreign, Why: fmt.Sprintf("%d records were not for %s to send", foreign, sender)})
	}
	return logsAnswer(rejected)
}

// removeForeign removes what the sender may not say: what is of another node, and flow batches, which come by their own
// service, where their node is checked.
func (r *agentReceiver) removeForeign(ctx context.Context, logs plog.Logs, sender pki.Identity) uint64 {
	var wrongNode, wrongWay int
	logs.ResourceLogs().RemoveIf(func(resource plog.ResourceLogs) bool {
		foreign := !sender.MayReport(nodeOf(resource))
		resource.ScopeLogs().RemoveIf(func(scope plog.ScopeLogs) bool {
			count := scope.LogRecords().Len()
			switch {
			case foreign:
				wrongNode += count
			case scope.Scope().Name() == names.ScopeFlow:
				wrongWay += count
			default:
				return false
			}
			return true
		})
		return resource.ScopeLogs().Len() == 0
	})
	r.refused.count(ctx, "wrong-node", wrongNode)
	r.refused.count(ctx, "wrong-service", wrongWay)
	return uint64(wrongNode + wrongWay)
}

// nodeOf gives the one node that a resource names; empty if it names none or several, of which readers might believe
// either.
func nodeOf(resource plog.ResourceLogs) string {
	node, times := "", 0
	for key, value := range resource.Resource().Attributes().All() {
		if key == names.HostName {
			node, times = value.Str(), times+1
		}
	}
	if times != 1 {
		return ""
	}
	return node
}

func logsAnswer(rejected passage.Rejected) ([]byte, error) {
	response := plogotlp.NewExportResponse()
	if rejected.Records > 0 {
		response.PartialSuccess().SetRejectedLogRecords(int64(rejected.Records))
		response.PartialSuccess().SetErrorMessage(rejected.Why)
	}
	bytes, err := response.MarshalProto()
	if err != nil {
		return nil, status.Errorf(codes.Internal, "answering: %s", err)
	}
	return bytes, nil
}

// hand gives records to the next component, and returns when that has answered.
func (r *agentReceiver) hand(ctx context.Context, logs plog.Logs) error {
	records := logs.LogRecordCount()
	ctx = r.report.StartLogsOp(ctx)
	err := r.next.ConsumeLogs(ctx, logs)
	r.report.EndLogsOp(ctx, format, records, err)
	if err != nil {
		return answerTo(err)
	}
	return nil
}
