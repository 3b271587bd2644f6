// SPDX-License-Identifier: Apache-2.0

package passage

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// Frame is a message as it stands on the wire.
type Frame struct {
	Bytes []byte
}

// Codec reads and writes Frames under the name of protobuf's own codec: what passes through is not decoded.
type Codec struct{}

var _ encoding.CodecV2 = Codec{}

// Name is that of the encoding on the wire.
func (Codec) Name() string { return "proto" }

// Marshal gives a frame's bytes.
func (Codec) Marshal(message any) (mem.BufferSlice, error) {
	frame, ok := message.(*Frame)
	if !ok {
		return nil, fmt.Errorf("writing a message: it is a %T and no frame", message)
	}
	return mem.BufferSlice{mem.SliceBuffer(frame.Bytes)}, nil
}

// Unmarshal takes bytes as a frame.
func (Codec) Unmarshal(data mem.BufferSlice, message any) error {
	frame, ok := message.(*Frame)
	if !ok {
		return fmt.Errorf("reading a message: it is a %T and no frame", message)
	}
	frame.Bytes = data.Materialize()
	return nil
}

// The methods that agents call.
const (
	FlowService = "aeolus.flow.v1.FlowService"
	FlowExport  = "/" + FlowService + "/Export"
	LogsService = "opentelemetry.proto.collector.logs.v1.LogsService"
	LogsExport  = "/" + LogsService + "/Export"
)
