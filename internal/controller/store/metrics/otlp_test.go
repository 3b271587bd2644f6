// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
)

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

// otlpSum is a counter with a point at each of the times.
func otlpSum(name string, ago ...time.Duration) *metricspb.MetricsData {
	sum := &metricspb.Sum{AggregationTemporality: metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, IsMonotonic: true}
	for i, a := range ago {
		sum.DataPoints = append(sum.DataPoints, &metricspb.NumberDataPoint{
			Attributes: []*commonpb.KeyValue{text("http.route", "/pay")}, TimeUnixNano: uint64(now.Add(-a).UnixNano()),
			StartTimeUnixNano: uint64(now.Add(-50 * time.Minute).UnixNano()), Value: &metricspb.NumberDataPoint_AsInt{AsInt: int64(10 + i)},
			Exemplars: []*metricspb.Exemplar{{TimeUnixNano: uint64(now.Add(-a).UnixNano()), Value: &metricspb.Exemplar_AsInt{AsInt: 1},
				FilteredAttributes: []*commonpb.KeyValue{text("event_id", "abc-3")}}},
		})
	}
	return &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "shop"), text("service.instance.id", "shop-1")}},
		ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: []*metricspb.Metric{
			{Name: name, Unit: "1", Description: "Calls.", Data: &metricspb.Metric_Sum{Sum: sum}},
		}}},
	}}}
}

func TestOTLP_isReadBack(t *testing.T) {
	message := otlpSum("calls", 0)
	for _, asJSON := range []bool{false, true} {
		s := open(t, nil)
		body, err := proto.Marshal(message)
		if asJSON {
			body, err = protojson.Marshal(message)
		}
		require.NoError(t, err)
		outcome := s.TakeOTLP(credential.Into(t.Context(), tester), body, asJSON)
		require.Equal(t, Outcome{Code: 200}, outcome)
		require.Equal(t, map[string]string{`{"__name__":"calls_total","http_route":"/pay","instance":"shop-1","job":"shop"}`: `"10"`},
			instant(t, s, "calls_total", now))
		require.Contains(t, fmt.Sprint(instant(t, s, "calls_total", now.Add(-50*time.Minute))), `"0"`, "when the counter began")
		require.Contains(t, fmt.Sprint(get(t, s, "/metadata")["data"]), "Calls.")
		require.Contains(t, fmt.Sprint(get(t, s, "/query_exemplars", "query", "calls_total", "start", at(now.Add(-time.Hour)), "end", at(now))["data"]), "abc-3")
		balanced(t, s)
	}
}

func TestOTLP_whatIsRefused(t *testing.T) {
	s := open(t, nil)
	ctx := credential.Into(t.Context(), tester)
	encode := func(message proto.Message) []byte {
		body, err := proto.Marshal(message)
		require.NoError(t, err)
		return body
	}
	old := s.TakeOTLP(ctx, encode(otlpSum("first", 0)), false)
	require.Equal(t, 200, old.Code)
	old = s.TakeOTLP(ctx, encode(otlpSum("calls", 5*time.Hour, 0)), false)
	require.Equal(t, 200, old.Code)
	require.Equal(t, uint64(1), old.Refused, old.Text)
	require.NotEmpty(t, instant(t, s, "calls_total", now), "the other one is stored")
	for name, body := range map[string][]byte{
		"not protobuf": []byte("hello"), "empty points": within(1, within(2, within(2, within(7, emptyParts(1, 600_000))))),
		"deep": deep(100), "many resources": emptyParts(1, 600_000),
	} {
		outcome := s.TakeOTLP(ctx, body, false)
		require.Contains(t, []int{400, 413}, outcome.Code, name)
		require.NotEmpty(t, outcome.Text, name)
	}
	require.Equal(t, 413, s.TakeOTLP(ctx, bytes.Repeat([]byte("{},"), 600_000), true).Code)
	require.Equal(t, 400, s.TakeOTLP(ctx, []byte("{"), true).Code)
	slow := credential.Into(t.Context(), credential.New("slow", "y", credential.Limits{SamplesPerSecond: 0.01}))
	require.Equal(t, 200, s.TakeOTLP(slow, encode(otlpSum("slow", 0)), false).Code)
	require.Equal(t, 429, s.TakeOTLP(slow, encode(otlpSum("slow", 0)), false).Code)
	balanced(t, s)
}

// deep is an attribute within lists within lists.
func deep(levels int) []byte {
	value := within(1, []byte("x"))
	for range levels {
		value = within(5, within(1, value))
	}
	return within(1, within(1, within(1, within(2, value))))
}

func FuzzOTLP(f *testing.F) {
	body, err := proto.Marshal(otlpSum("calls", 0))
	require.NoError(f, err)
	f.Add(body, false)
	body, err = protojson.Marshal(otlpSum("calls", 0))
	require.NoError(f, err)
	f.Add(body, true)
	s := open(f, nil)
	f.Fuzz(func(t *testing.T, body []byte, asJSON bool) {
		outcome := s.TakeOTLP(t.Context(), body, asJSON)
		require.NotEqual(t, 0, outcome.Code)
		balanced(t, s)
		require.Zero(t, counted(s, "metrics.requests").Dropped["defect"])
	})
}

// TestOTLP_nesting: a stack must not grow with what somebody sends.
func TestOTLP_nesting(t *testing.T) {
	s := open(t, nil)
	nested := func(levels int) []byte {
		return []byte(`{"resourceMetrics":[{"resource":{"attributes":[{"key":"a","value":` + strings.Repeat(`{"arrayValue":{"values":[`, levels) +
			strings.Repeat(`]}}`, levels) + `}]}}]}`)
	}
	require.Equal(t, 200, s.TakeOTLP(credential.Into(t.Context(), tester), nested(30), true).Code)
	for _, levels := range []int{40, 300_000} {
		outcome := s.TakeOTLP(credential.Into(t.Context(), tester), nested(levels), true)
		require.Equal(t, 400, outcome.Code)
		require.Contains(t, outcome.Text, "nested deeper")
	}
	balanced(t, s)
}
