// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// kind tells the two sorts of messages apart. Each has a lane of its own.
type kind int

const (
	events kind = iota
	flows
	kinds
)

func (k kind) String() string { return [...]string{"events", "flows"}[k] }

// parcel is one message to a controller.
type parcel struct {
	kind    kind
	message []byte
	// count is how many records of the pipeline it holds: events, or one batch.
	count uint64
}

// pack makes messages of log records: each flow batch is one, and the rest goes together, in as many as it takes to stay
// within what a controller takes at once.
func pack(logs plog.Logs) ([]parcel, error) {
	var parcels []parcel
	others := plog.NewLogs()
	mixed := false
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			if scope.Scope().Name() != names.ScopeFlow {
				continue
			}
			mixed = true
			for _, record := range scope.LogRecords().All() {
				if record.Body().Type() != pcommon.ValueTypeBytes {
					return nil, consumererror.NewPermanent(errors.New("a flow batch must be a record whose body is bytes"))
				}
				message := passage.RequestOf(record.Body().Bytes().AsRaw())
				if len(message) > wire.MaxMessageBytes {
					return nil, consumererror.NewPermanent(fmt.Errorf("a flow batch has %d bytes, and a controller takes %d", len(message), wire.MaxMessageBytes))
				}
				parcels = append(parcels, parcel{kind: flows, message: message, count: 1})
			}
		}
	}
	if mixed {
		logs.CopyTo(others)
		others.ResourceLogs().RemoveIf(func(resource plog.ResourceLogs) bool {
			resource.ScopeLogs().RemoveIf(func(scope plog.ScopeLogs) bool { return scope.Scope().Name() == names.ScopeFlow })
			return resource.ScopeLogs().Len() == 0
		})
	} else {
		others = logs
	}
	return packEvents(parcels, others)
}

func packEvents(parcels []parcel, logs plog.Logs) ([]parcel, error) {
	count := logs.LogRecordCount()
	if count == 0 {
		return parcels, nil
	}
	message, err := new(plog.ProtoMarshaler).MarshalLogs(logs)
	if err != nil {
		return nil, consumererror.NewPermanent(fmt.Errorf("encoding events: %w", err))
	}
	if count <= wire.MaxEvents && len(message) <= wire.MaxMessageBytes {
		return append(parcels, parcel{kind: events, message: message, count: uint64(count)}), nil
	}
	if count == 1 {
		return nil, consumererror.NewPermanent(fmt.Errorf("a log record has %d bytes, and a controller takes %d", len(message), wire.MaxMessageBytes))
	}
	first, second := plog.NewLogs(), plog.NewLogs()
	split(logs, count/2, first, second)
	if parcels, err = packEvents(parcels, first); err != nil {
		return nil, err
	}
	return packEvents(parcels, second)
}

// split copies the first n records to one place and the others to another.
func split(logs plog.Logs, n int, first, second plog.Logs) {
	logs.CopyTo(first)
	logs.CopyTo(second)
	keep := func(in plog.Logs, wanted func(int) bool) {
		at := 0
		in.ResourceLogs().RemoveIf(func(resource plog.ResourceLogs) bool {
			resource.ScopeLogs().RemoveIf(func(scope plog.ScopeLogs) bool {
				scope.LogRecords().RemoveIf(func(plog.LogRecord) bool {
					at++
					return !wanted(at - 1)
				})
				return scope.LogRecords().Len() == 0
			})
			return resource.ScopeLogs().Len() == 0
		})
	}
	keep(first, func(i int) bool { return i < n })
	keep(second, func(i int) bool { return i >= n })
}
