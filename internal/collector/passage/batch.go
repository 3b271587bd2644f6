// SPDX-License-Identifier: Apache-2.0

package passage

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// agentService is the service.name under which agents report.
const agentService = "aeolus-agent"

// The numbers of fields in flow/v1.
const (
	fieldBatch    = 1
	fieldNode     = 1
	fieldAgentID  = 2
	fieldSequence = 3
	fieldWall     = 5
)

// Header is what is read of a flow batch on its way.
type Header struct {
	Node, AgentID string
	Sequence      uint64
	// Wall is when the batch was closed, nanoseconds since 1970.
	Wall uint64
}

// errMalformed says that bytes are no flow batch.
var errMalformed = errors.New("the message is malformed")

// BatchOf takes the batch out of the bytes of an ExportRequest. Nothing is copied.
func BatchOf(request []byte) ([]byte, error) {
	var batch []byte
	found := false
	for len(request) > 0 {
		number, kind, n := protowire.ConsumeTag(request)
		if n < 0 {
			return nil, errMalformed
		}
		request = request[n:]
		length := protowire.ConsumeFieldValue(number, kind, request)
		if length < 0 {
			return nil, errMalformed
		}
		if number == fieldBatch {
			if kind != protowire.BytesType || found {
				return nil, errMalformed
			}
			batch, _ = protowire.ConsumeBytes(request)
			found = true
		}
		request = request[length:]
	}
	if !found {
		return nil, errors.New("there is no batch in the message")
	}
	return batch, nil
}

// RequestOf makes the bytes of an ExportRequest of a batch.
func RequestOf(batch []byte) []byte {
	request := make([]byte, 0, len(batch)+16)
	return protowire.AppendBytes(protowire.AppendTag(request, fieldBatch, protowire.BytesType), batch)
}

// ReadHeader reads who a batch is of. A field that says so twice, of which decoders would take the last, is refused: what
// is checked here must be what is believed later.
func ReadHeader(batch []byte) (Header, error) {
	var header Header
	var seen [fieldWall + 1]bool
	for len(batch) > 0 {
		number, kind, n := protowire.ConsumeTag(batch)
		if n < 0 {
			return header, errMalformed
		}
		batch = batch[n:]
		length := protowire.ConsumeFieldValue(number, kind, batch)
		if length < 0 {
			return header, errMalformed
		}
		if number <= fieldWall {
			if seen[number] {
				return header, fmt.Errorf("field %d of the batch is given twice", number)
			}
			seen[number] = true
			if !header.take(number, kind, batch) {
				return header, errMalformed
			}
		}
		batch = batch[length:]
	}
	switch {
	case header.AgentID == "" || len(header.AgentID) > wire.MaxString || !utf8.ValidString(header.AgentID):
		return header, errors.New("the batch does not say which agent it is of")
	case header.Sequence == 0:
		return header, errors.New("the batch has no sequence number")
	}
	return header, nil
}

// take notes one field; false if it is of another type than it should be.
func (h *Header) take(number protowire.Number, kind protowire.Type, value []byte) bool {
	switch number {
	case fieldNode, fieldAgentID:
		text, n := protowire.ConsumeBytes(value)
		if kind != protowire.BytesType || n < 0 {
			return false
		}
		if number == fieldNode {
			h.Node = string(text)
		} else {
			h.AgentID = string(text)
		}
	case fieldSequence, fieldWall:
		number64, n := protowire.ConsumeVarint(value)
		if kind != protowire.VarintType || n < 0 {
			return false
		}
		if number == fieldSequence {
			h.Sequence = number64
		} else {
			h.Wall = number64
		}
	}
	return true
}

// BatchLogs makes the log record that a flow batch travels as within a collector: its body is the batch as it came.
func BatchLogs(header Header, batch []byte) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	attributes := resource.Resource().Attributes()
	attributes.EnsureCapacity(3)
	attributes.PutStr(names.ServiceName, agentService)
	attributes.PutStr(names.ServiceInstanceID, header.AgentID)
	attributes.PutStr(names.HostName, header.Node)
	scope := resource.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(names.ScopeFlow)
	record := scope.LogRecords().AppendEmpty()
	record.SetTimestamp(pcommon.Timestamp(header.Wall))
	record.Body().SetEmptyBytes().FromRaw(batch)
	return logs
}
