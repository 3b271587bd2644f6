// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"fmt"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// decoded is a flow batch with what could not be read of it.
type decoded struct {
	batch    *model.Batch
	rejected []wire.Rejected
	// rows is how many there were, those that were rejected included.
	rows uint64
}

// intake is what one message of log records holds.
type intake struct {
	batches []decoded
	events  []model.Event
	// Why batches and records were not taken, and how many log records are not of Aeolus.
	badBatches map[string]uint64
	badEvents  map[string]uint64
	records    uint64
	foreign    int
}

// read takes a message apart. It holds no lock: decoding is most of the work.
func read(logs plog.Logs) *intake {
	in := &intake{badBatches: map[string]uint64{}, badEvents: map[string]uint64{}}
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			switch scope.Scope().Name() {
			case names.ScopeFlow:
				for _, record := range scope.LogRecords().All() {
					in.batch(resource.Resource(), record)
				}
			case names.ScopeEvents:
				in.happened(resource.Resource(), scope.LogRecords())
			default:
				in.foreign += scope.LogRecords().Len()
			}
		}
	}
	return in
}

func (in *intake) batch(resource pcommon.Resource, record plog.LogRecord) {
	if record.Body().Type() != pcommon.ValueTypeBytes {
		in.badBatches["body-no-bytes"]++
		return
	}
	body := record.Body().Bytes().AsRaw()
	if len(body) > wire.MaxMessageBytes {
		in.badBatches["too-large"]++
		return
	}
	message := &flowv1.Batch{}
	if err := proto.Unmarshal(body, message); err != nil {
		in.badBatches["malformed"]++
		return
	}
	if host, known := resource.Attributes().Get(names.HostName); known && host.Str() != message.GetNode() {
		in.badBatches["wrong-node"]++
		return
	}
	batch, rejected, err := wire.DecodeBatch(message, nil)
	if err != nil {
		in.badBatches["malformed"]++
		return
	}
	in.batches = append(in.batches, decoded{batch, rejected, uint64(len(message.GetRows().GetCookie()))})
}

// happened reads the records of one scope as events.
func (in *intake) happened(resource pcommon.Resource, records plog.LogRecordSlice) {
	count := uint64(records.Len())
	in.records += count
	converted, err := convert(resource, records)
	if err != nil {
		in.badEvents["malformed"] += count
		return
	}
	events, rejected, err := wire.EventsFromOTLP(converted, nil)
	if err != nil {
		in.badEvents["malformed"] += count
		return
	}
	for _, r := range rejected {
		in.badEvents[r.Reason] += r.Count
	}
	in.events = append(in.events, events...)
}

// convert carries records from the collector's form of OTLP to that of package wire, over the bytes that both stand for.
func convert(resource pcommon.Resource, records plog.LogRecordSlice) ([]*logspb.ResourceLogs, error) {
	alone := plog.NewLogs()
	to := alone.ResourceLogs().AppendEmpty()
	resource.CopyTo(to.Resource())
	records.CopyTo(to.ScopeLogs().AppendEmpty().LogRecords())
	marshaler := plog.ProtoMarshaler{}
	bytes, err := marshaler.MarshalLogs(alone)
	if err != nil {
		return nil, fmt.Errorf("encoding log records: %w", err)
	}
	var data logspb.LogsData
	if err := proto.Unmarshal(bytes, &data); err != nil {
		return nil, fmt.Errorf("decoding log records: %w", err)
	}
	return data.ResourceLogs, nil
}
