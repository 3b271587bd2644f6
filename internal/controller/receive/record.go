// SPDX-License-Identifier: Apache-2.0

package receive

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// The bounds of what is kept of a log record.
const (
	maxText       = 1024
	maxValue      = 256
	maxAttributes = 32
)

// origin is who wrote log records.
type origin struct {
	node, service string
}

func originOf(resource *resourcepb.Resource) origin {
	var from origin
	for _, attribute := range resource.GetAttributes() {
		switch attribute.GetKey() {
		case names.HostName:
			from.node = cut(attribute.GetValue().GetStringValue(), maxValue)
		case names.ServiceName:
			from.service = cut(attribute.GetValue().GetStringValue(), maxValue)
		}
	}
	return from
}

// logOf is what is kept of a log record: its text, and its first attributes.
func logOf(record *logspb.LogRecord, from *origin, now time.Time) engine.Log {
	made := engine.Log{Time: timeOf(record, now), Node: from.node, Process: from.service, Attributes: map[string]string{}}
	made.Text = cut(text(record.GetBody()), maxText)
	if made.Text == "" {
		made.Text = cut(record.GetEventName(), maxText)
	}
	if severity := record.GetSeverityText(); severity != "" {
		made.Attributes["severity"] = cut(severity, maxValue)
	}
	for _, attribute := range record.GetAttributes() {
		if len(made.Attributes) >= maxAttributes {
			break
		}
		made.Attributes[cut(attribute.GetKey(), maxValue)] = cut(text(attribute.GetValue()), maxValue)
	}
	return made
}

// timeOf is when it happened; when it was observed, or now, where that is not said.
func timeOf(record *logspb.LogRecord, now time.Time) time.Time {
	for _, stamp := range [...]uint64{record.GetTimeUnixNano(), record.GetObservedTimeUnixNano()} {
		if stamp > 0 && stamp <= math.MaxInt64 {
			return time.Unix(0, int64(stamp))
		}
	}
	return now
}

// text writes a value. Of a list or a map it says only that it is one.
func text(value *commonpb.AnyValue) string {
	switch v := value.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	case *commonpb.AnyValue_BytesValue:
		return fmt.Sprintf("%d bytes", len(v.BytesValue))
	case *commonpb.AnyValue_ArrayValue:
		return fmt.Sprintf("a list of %d", len(v.ArrayValue.GetValues()))
	case *commonpb.AnyValue_KvlistValue:
		return fmt.Sprintf("a map of %d", len(v.KvlistValue.GetValues()))
	}
	return ""
}

// cut keeps a text's beginning, and makes it valid.
func cut(s string, most int) string {
	if len(s) > most {
		end := most
		for end > most-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	return strings.ToValidUTF8(s, "?")
}
