// SPDX-License-Identifier: Apache-2.0

package receive

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// decodeJSON reads log records from OTLP's JSON. It is protobuf's, but for the ids of traces and spans, which are
// hexadecimal.
func decodeJSON(body []byte) (*logspb.LogsData, error) {
	logs := new(logspb.LogsData)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: 4 * 32}).Unmarshal(body, logs); err != nil {
		return nil, fmt.Errorf("decoding log records: %w", err)
	}
	for _, resource := range logs.GetResourceLogs() {
		for _, scope := range resource.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				record.TraceId, record.SpanId = unhex(record.GetTraceId()), unhex(record.GetSpanId())
			}
		}
	}
	return logs, nil
}

// unhex undoes that hexadecimal digits were read as base64.
func unhex(wrong []byte) []byte {
	right, err := hex.DecodeString(base64.StdEncoding.EncodeToString(wrong))
	if err != nil {
		return nil
	}
	return right
}
