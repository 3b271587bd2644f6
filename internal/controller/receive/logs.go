// SPDX-License-Identifier: Apache-2.0

package receive

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/crowd"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/protoshape"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// The parts of a request with log records that cost memory once it is decoded, and how many there may be.
const (
	partMessage = iota
	partRecord
	partAttribute
)

var logBounds = protoshape.Bounds{Most: []int{100_000, 50_000, 500_000}, Names: []string{"messages", "records", "attributes"}}

func logsShape() *protoshape.Shape {
	type fields = map[int]*protoshape.Shape
	attribute := protoshape.Attributes(partAttribute)
	resource, scope := protoshape.Message(partMessage, fields{1: attribute}), protoshape.Message(partMessage, fields{3: attribute})
	return protoshape.Message(partMessage, fields{
		1: protoshape.Message(partMessage, fields{
			1: resource,
			2: protoshape.Message(partMessage, fields{
				1: scope,
				2: protoshape.Message(partRecord, fields{5: protoshape.Value(partAttribute), 6: attribute}),
			}),
		}),
	})
}

// sorted are the records of a request by what they are.
type sorted struct {
	events  []*logspb.ResourceLogs
	flows   []*logspb.LogRecord
	foreign []*logspb.ResourceLogs
	counts  struct{ events, foreign uint64 }
}

// takeLogs takes an encoded request. The error is gRPC's.
func (r *Receiver) takeLogs(ctx context.Context, body []byte, asJSON bool) (rejected uint64, why string, err error) {
	weight, err := r.weigh(body, asJSON)
	if err != nil {
		return 0, "", status.Error(codes.InvalidArgument, err.Error())
	}
	if !r.slots.Take(weight) {
		r.requests.In(1)
		r.requests.Drop("busy", 1)
		return 0, "", status.Error(codes.Unavailable, crowd.ErrCrowded.Error())
	}
	defer r.slots.Give(weight)
	logs, err := decode(body, asJSON)
	if err != nil {
		return 0, "", status.Error(codes.InvalidArgument, err.Error())
	}
	found := sort(logs)
	r.logs.In(found.counts.foreign)
	if found.counts.events > 0 || len(found.flows) > 0 {
		if err := r.mayReport(ctx); err != nil {
			r.logs.Drop("permission", found.counts.foreign)
			return 0, "", err
		}
	}
	if found.counts.foreign > 0 {
		if err := credential.Check(ctx, credential.Write); err != nil {
			r.logs.Drop("permission", found.counts.foreign)
			return 0, "", status.Error(codes.PermissionDenied, err.Error())
		}
	}
	rejected, why, err = r.report(ctx, &found)
	if err != nil {
		r.logs.Drop("failed-with-reports", found.counts.foreign)
		return 0, "", err
	}
	if dropped := r.keep(&found); dropped > 0 {
		rejected += dropped
		why += fmt.Sprintf("; %d log records were dropped: at most %g a second are taken from all together", dropped, r.config.LogsPerSecond)
	}
	if rejected == 0 {
		why = ""
	}
	return rejected, why, nil
}

// weigh tells about how much memory a request takes once it is decoded, or that it is larger than any may be.
func (r *Receiver) weigh(body []byte, asJSON bool) (int64, error) {
	parts := bytes.Count(body, []byte{'{'})
	if asJSON {
		if parts > logBounds.Most[partMessage] {
			return 0, errObjects
		}
	} else {
		var counts [3]int
		if err := r.shape.Count(body, counts[:], logBounds); err != nil {
			return 0, fmt.Errorf("reading log records: %w", err)
		}
		parts = counts[partMessage] + counts[partRecord] + 2*counts[partAttribute]
	}
	return min(int64(len(body))+partBytes*int64(parts), decodedBytes), nil
}

func decode(body []byte, asJSON bool) (*logspb.LogsData, error) {
	if asJSON {
		return decodeJSON(body)
	}
	logs := new(logspb.LogsData)
	if err := proto.Unmarshal(body, logs); err != nil {
		return nil, fmt.Errorf("decoding log records: %w", err)
	}
	return logs, nil
}

// sort tells Aeolus' own records from those of others.
func sort(logs *logspb.LogsData) sorted {
	var found sorted
	for _, resource := range logs.GetResourceLogs() {
		events := &logspb.ResourceLogs{Resource: resource.GetResource()}
		foreign := &logspb.ResourceLogs{Resource: resource.GetResource()}
		for _, scope := range resource.GetScopeLogs() {
			switch scope.GetScope().GetName() {
			case names.ScopeEvents:
				events.ScopeLogs = append(events.ScopeLogs, scope)
				found.counts.events += uint64(len(scope.GetLogRecords()))
			case names.ScopeFlow:
				found.flows = append(found.flows, scope.GetLogRecords()...)
			default:
				foreign.ScopeLogs = append(foreign.ScopeLogs, scope)
				found.counts.foreign += uint64(len(scope.GetLogRecords()))
			}
		}
		if len(events.ScopeLogs) > 0 {
			found.events = append(found.events, events)
		}
		if len(foreign.ScopeLogs) > 0 {
			found.foreign = append(found.foreign, foreign)
		}
	}
	return found
}

// report passes on what is Aeolus' own. Sent again, it would be known again: sequences and ids say so.
func (r *Receiver) report(ctx context.Context, found *sorted) (rejected uint64, why string, err error) {
	name := credential.From(ctx)
	for _, record := range found.flows {
		batch := new(flowv1.Batch)
		if proto.Unmarshal(record.GetBody().GetBytesValue(), batch) != nil {
			rejected++
			r.requests.In(1)
			r.requests.Drop("malformed-batch", 1)
			continue
		}
		if _, err := r.config.Reports.TakeFlows(name.Name, batch); err != nil {
			if status.Code(err) != codes.InvalidArgument && status.Code(err) != codes.PermissionDenied {
				return 0, "", err
			}
			rejected++
			why = err.Error()
		}
	}
	if len(found.events) == 0 {
		return rejected, why, nil
	}
	more, text, err := r.config.Reports.TakeEvents(name.Name, found.events)
	if more > 0 {
		why = text
	}
	return rejected + more, why, err
}

// TakeOthers takes log records of other programs that came another way, from whoever may send them, and says how many were
// dropped.
func (r *Receiver) TakeOthers(resources []*logspb.ResourceLogs) (dropped uint64) {
	found := sorted{foreign: resources}
	for _, resource := range resources {
		for _, scope := range resource.GetScopeLogs() {
			found.counts.foreign += uint64(len(scope.GetLogRecords()))
		}
	}
	r.logs.In(found.counts.foreign)
	return r.keep(&found)
}

// keep gives the engine as many of the others' records as there is time for, and says how many were dropped.
func (r *Receiver) keep(found *sorted) uint64 {
	if found.counts.foreign == 0 {
		return 0
	}
	now := r.config.Now()
	room := r.bucket.take(int(found.counts.foreign), now)
	dropped := found.counts.foreign - uint64(room)
	records := make([]engine.Log, 0, room)
	for _, resource := range found.foreign {
		from := originOf(resource.GetResource())
		for _, scope := range resource.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				if len(records) < room {
					records = append(records, logOf(record, &from, now))
				}
			}
		}
	}
	r.config.Logs.ApplyLogs(records)
	r.logs.Drop("rate-limit", dropped)
	r.logs.Out(uint64(len(records)))
	return dropped
}

var errObjects = errors.New("the request is too large: too many objects")
