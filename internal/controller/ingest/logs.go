// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"fmt"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// logsExport is the method of OTLP's own service.
const logsExport = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

// logsServer is OTLP's own service. Its generated package links a gateway from gRPC to JSON, which nobody here needs:
// LogsData has the same fields as the request, and the answer is written by hand.
type logsServer interface {
	takeLogs(ctx context.Context, logs *logspb.LogsData) (*emptypb.Empty, error)
}

var logsService = grpc.ServiceDesc{
	ServiceName: "opentelemetry.proto.collector.logs.v1.LogsService",
	HandlerType: (*logsServer)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Export",
		Handler: func(server any, ctx context.Context, decode func(any) error, guard grpc.UnaryServerInterceptor) (any, error) {
			logs := new(logspb.LogsData)
			if err := decode(logs); err != nil {
				return nil, err
			}
			take := func(ctx context.Context, request any) (any, error) {
				return server.(logsServer).takeLogs(ctx, request.(*logspb.LogsData))
			}
			if guard == nil {
				return take(ctx, logs)
			}
			return guard(ctx, logs, &grpc.UnaryServerInfo{Server: server, FullMethod: logsExport}, take)
		},
	}},
	Metadata: "opentelemetry/proto/collector/logs/v1/logs_service.proto",
}

// takeLogs takes events as OTLP log records. It is answered once they have been applied.
func (s *Server) takeLogs(ctx context.Context, logs *logspb.LogsData) (*emptypb.Empty, error) {
	sender, err := senderOf(ctx)
	if err != nil {
		return nil, err
	}
	ours, others := s.sort(sender, logs.GetResourceLogs())
	rejected, why, err := s.takeEvents(sender, ours)
	if err != nil {
		return nil, err
	}
	if len(others) > 0 {
		dropped := s.config.Others(others)
		rejected += dropped
		why += fmt.Sprintf(", %d log records of other programs were dropped: there were too many within a second", dropped)
	}
	return answer(rejected, why), nil
}

// sort tells agents' records from those of other programs, which a collector may pass on and an agent does not.
func (s *Server) sort(sender pki.Identity, resources []*logspb.ResourceLogs) (ours, others []*logspb.ResourceLogs) {
	if sender.Kind != pki.KindCollector || s.config.Others == nil {
		return resources, nil
	}
	for _, resource := range resources {
		events, foreign := &logspb.ResourceLogs{Resource: resource.GetResource()}, &logspb.ResourceLogs{Resource: resource.GetResource()}
		for _, scope := range resource.GetScopeLogs() {
			if scope.GetScope().GetName() == names.ScopeEvents {
				events.ScopeLogs = append(events.ScopeLogs, scope)
			} else {
				foreign.ScopeLogs = append(foreign.ScopeLogs, scope)
			}
		}
		if len(events.ScopeLogs) > 0 {
			ours = append(ours, events)
		}
		if len(foreign.ScopeLogs) > 0 {
			others = append(others, foreign)
		}
	}
	return ours, others
}

// answer writes an ExportLogsServiceResponse: partial_success is its field 1, and of that rejected_log_records is 1 and
// error_message 2.
func answer(rejected uint64, why string) *emptypb.Empty {
	response := &emptypb.Empty{}
	if rejected == 0 {
		return response
	}
	var partial []byte
	partial = protowire.AppendVarint(protowire.AppendTag(partial, 1, protowire.VarintType), rejected)
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), why)
	response.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial))
	return response
}

func (s *Server) takeEvents(sender pki.Identity, resources []*logspb.ResourceLogs) (rejected uint64, why string, err error) {
	sent := uint64(0)
	for _, resource := range resources {
		for _, scope := range resource.GetScopeLogs() {
			sent += uint64(len(scope.GetLogRecords()))
		}
	}
	s.events.In(sent)
	events, unread, err := wire.EventsFromOTLP(resources, nil)
	if err != nil {
		s.events.Drop("malformed", sent)
		return 0, "", status.Error(codes.InvalidArgument, err.Error())
	}
	for _, r := range unread {
		s.events.Drop(r.Reason, r.Count)
		rejected += r.Count
	}
	kept := events[:0]
	for i := range events {
		if sender.MayReport(events[i].Node) {
			kept = append(kept, events[i])
		}
	}
	foreign := uint64(len(events) - len(kept))
	s.events.Drop("wrong-node", foreign)
	if len(kept) > 0 {
		s.config.Sink.ApplyEvents(kept)
	}
	s.events.Out(uint64(len(kept)))
	why = fmt.Sprintf("%d records could not be read, %d were of a node that %s may not speak for", rejected, foreign, sender)
	return rejected + foreign, why, nil
}
