// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// stored is how many series are kept.
func stored(t testing.TB, s *Store) int {
	t.Helper()
	return len(get(t, s, "/series", "match[]", `{__name__!=""}`)["data"].([]any))
}

// parts encodes so many empty messages in a field.
func emptyParts(field protowire.Number, n int) []byte {
	return bytes.Repeat(protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), nil), n)
}

func within(field protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), content)
}

func TestWrite_bodiesOfWhichNothingIsStored(t *testing.T) {
	good := packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{seriesV1("up", sampleV1(0, 1))}})
	broken := bytes.Clone(good)
	broken[0] = 0xff
	plain, err := snappy.Decode(nil, good)
	require.NoError(t, err)
	// It says that it becomes four gigabytes.
	bomb := append([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, good[1:]...)
	for name, attempt := range map[string]struct {
		kind, encoding string
		body           []byte
		want           int
		cause          string
	}{
		"JSON":                     {"application/json", "snappy", broken, 415, "content-type"},
		"another message":          {"application/x-protobuf;proto=io.prometheus.write.v3.Request", "snappy", good, 415, "content-type"},
		"gzip":                     {v1Type, "gzip", broken, 415, "content-encoding"},
		"corrupt":                  {v1Type, "snappy", broken, 400, "corrupt"},
		"cut off":                  {v1Type, "snappy", good[:len(good)/2], 400, "corrupt"},
		"nothing":                  {v1Type, "snappy", nil, 400, "corrupt"},
		"not compressed":           {v1Type, "snappy", plain, 400, "corrupt"},
		"message cut off":          {v2Type, "snappy", snappy.Encode(nil, plain[:len(plain)-3]), 400, "malformed"},
		"not protobuf":             {v1Type, "snappy", snappy.Encode(nil, []byte("hello, world")), 400, "malformed"},
		"a header that lies":       {v1Type, "snappy", bomb, 400, "corrupt"},
		"a bomb":                   {v1Type, "snappy", snappy.Encode(nil, make([]byte, 33<<20)), 413, "oversized"},
		"oversized":                {v1Type, "snappy", make([]byte, 9<<20), 413, "oversized"},
		"empty series":             {v1Type, "snappy", snappy.Encode(nil, emptyParts(1, 200_000)), 413, "too-many"},
		"empty samples":            {v1Type, "snappy", snappy.Encode(nil, within(1, emptyParts(2, 600_000))), 413, "too-many"},
		"empty histograms":         {v2Type, "snappy", snappy.Encode(nil, within(5, emptyParts(3, 60_000))), 413, "too-many"},
		"empty labels":             {v1Type, "snappy", snappy.Encode(nil, within(1, emptyParts(1, 1_100_000))), 413, "too-many"},
		"empty symbols":            {v2Type, "snappy", snappy.Encode(nil, emptyParts(4, 600_000)), 413, "too-many"},
		"empty exemplars":          {v2Type, "snappy", snappy.Encode(nil, within(5, emptyParts(4, 600_000))), 413, "too-many"},
		"labels of exemplars":      {v1Type, "snappy", snappy.Encode(nil, within(1, within(3, emptyParts(1, 1_100_000)))), 413, "too-many"},
		"the first as the second":  {v2Type, "snappy", good, 400, "malformed"},
		"a reference to no symbol": {v2Type, "snappy", packV2(t, &writev2.Request{Symbols: []string{""}, Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{7, 8}, Samples: []writev2.Sample{{Value: 1, Timestamp: now.UnixMilli()}}}}}), 400, "partial"},
		"a series with no sample":  {v2Type, "snappy", packV2(t, &writev2.Request{Symbols: []string{"", "__name__", "up"}, Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{1, 2}}}}), 400, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil)
			r := httptest.NewRequest(http.MethodPost, "/api/v1/write", bytes.NewReader(attempt.body))
			r.Header.Set("Content-Type", attempt.kind)
			r.Header.Set("Content-Encoding", attempt.encoding)
			w := httptest.NewRecorder()
			s.RemoteWrite().ServeHTTP(w, r)
			require.Equal(t, attempt.want, w.Code, w.Body.String())
			require.LessOrEqual(t, w.Body.Len(), longestAnswer+1)
			require.Equal(t, map[string]uint64{attempt.cause: 1}, counted(s, "metrics.requests").Dropped)
			require.Zero(t, counted(s, "metrics.samples").Out)
			require.Zero(t, stored(t, s))
			balanced(t, s)
		})
	}
}

func TestWrite_otherMethods(t *testing.T) {
	s := open(t, nil)
	w := httptest.NewRecorder()
	s.RemoteWrite().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/write", nil))
	require.Equal(t, 405, w.Code)
	balanced(t, s)
}

// badSeries are series of which no sample may be stored, each beside one that is good.
func badSeries() map[string]struct {
	labels  []prompb.Label
	samples []prompb.Sample
	cause   string
	refused int
} {
	many := labelsV1("__name__", "m")
	for i := range 10_000 {
		many = append(many, prompb.Label{Name: fmt.Sprintf("l%05d", i), Value: "v"})
	}
	one := []prompb.Sample{sampleV1(0, 1)}
	type bad = struct {
		labels  []prompb.Label
		samples []prompb.Sample
		cause   string
		refused int
	}
	return map[string]bad{
		"no labels":             {nil, one, "invalid-series", 1},
		"no name":               {labelsV1("job", "x"), one, "invalid-series", 1},
		"an empty name":         {labelsV1("__name__", ""), one, "invalid-series", 1},
		"an empty label name":   {labelsV1("__name__", "m", "", "x"), one, "invalid-series", 1},
		"a label twice":         {labelsV1("__name__", "m", "a", "1", "a", "2"), one, "invalid-series", 1},
		"invalid UTF-8":         {labelsV1("__name__", "m", "a", "\xff\xfe"), one, "invalid-series", 1},
		"10,000 labels":         {many, one, "too-many-labels", 1},
		"a value of a megabyte": {labelsV1("__name__", "m", "a", strings.Repeat("x", 1<<20)), one, "long-label", 1},
		"a name of a kilobyte":  {labelsV1("__name__", "m", strings.Repeat("x", 1<<10), "a"), one, "long-label", 1},
		"too old":               {labelsV1("__name__", "m"), []prompb.Sample{sampleV1(3*time.Hour, 1)}, "too-old", 1},
		"the far future":        {labelsV1("__name__", "m"), []prompb.Sample{sampleV1(-time.Hour, 1)}, "future", 1},
		"the end of time":       {labelsV1("__name__", "m"), []prompb.Sample{{Timestamp: 1<<63 - 1, Value: 1}}, "future", 1},
		"before all time":       {labelsV1("__name__", "m"), []prompb.Sample{{Timestamp: -1 << 63, Value: 1}}, "too-old", 1},
		"the same time twice":   {labelsV1("__name__", "m2"), []prompb.Sample{sampleV1(0, 1), sampleV1(0, 2)}, "duplicate-timestamp", 1},
		"the known time, again": {labelsV1("__name__", "good", "job", "test"), []prompb.Sample{sampleV1(time.Minute, 77)}, "duplicate-timestamp", 1},
	}
}

func TestWrite_badSeriesBesideGoodOnes(t *testing.T) {
	for name, bad := range badSeries() {
		for _, version := range []int{1, 2} {
			t.Run(fmt.Sprint(name, "/", version), func(t *testing.T) {
				s := open(t, nil)
				first := packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{seriesV1("good", sampleV1(time.Minute, 1))}})
				require.Equal(t, 204, post(t, s.RemoteWrite(), tester, v1Type, first).Code)
				body, kind := mixedV1(t, bad.labels, bad.samples), v1Type
				if version == 2 {
					body, kind = mixedV2(t, bad.labels, bad.samples), v2Type
				}
				w := post(t, s.RemoteWrite(), tester, kind, body)
				require.Equal(t, 400, w.Code, w.Body.String())
				refused := uint64(bad.refused)
				if bad.cause == "future" && version == 1 {
					refused++
				}
				require.Equal(t, map[string]uint64{bad.cause: refused}, counted(s, "metrics.samples").Dropped)
				good := 2 + len(bad.samples) - bad.refused
				if bad.cause == "future" && version == 1 {
					require.Equal(t, uint64(1), counted(s, "metrics.samples").Out, "nothing of the request is stored")
					balanced(t, s)
					return
				}
				require.Equal(t, uint64(good), counted(s, "metrics.samples").Out)
				if version == 2 {
					require.Equal(t, fmt.Sprint(good-1, " 0 0"), written(w))
				}
				require.Equal(t, map[string]string{`{"__name__":"good","job":"test"}`: `"5"`}, instant(t, s, "good", now), "the good one is stored")
				require.Less(t, w.Body.Len(), longestAnswer+200)
				balanced(t, s)
			})
		}
	}
}

func mixedV1(t testing.TB, labels []prompb.Label, samples []prompb.Sample) []byte {
	t.Helper()
	return packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{Labels: labels, Samples: samples}, seriesV1("good", sampleV1(0, 5))}})
}

func mixedV2(t testing.TB, labels []prompb.Label, samples []prompb.Sample) []byte {
	t.Helper()
	texts := newSymbols()
	var pairs []string
	for _, label := range labels {
		pairs = append(pairs, label.Name, label.Value)
	}
	bad := writev2.TimeSeries{LabelsRefs: texts.refs(pairs...)}
	for _, sample := range samples {
		bad.Samples = append(bad.Samples, writev2.Sample{Value: sample.Value, Timestamp: sample.Timestamp})
	}
	return packV2(t, texts.request(bad, writev2.TimeSeries{
		LabelsRefs: texts.refs("__name__", "good", "job", "test"), Samples: []writev2.Sample{{Value: 5, Timestamp: now.UnixMilli()}},
	}))
}

// TestWrite_outOfOrder takes what comes late, within the window: in any order, and labels in any order too.
func TestWrite_outOfOrder(t *testing.T) {
	s := open(t, nil)
	for _, ago := range []time.Duration{0, 30 * time.Minute, 10 * time.Minute} {
		series := prompb.TimeSeries{Labels: labelsV1("zone", "a", "__name__", "late", "app", "b"), Samples: []prompb.Sample{sampleV1(ago, ago.Minutes())}}
		require.Equal(t, 204, post(t, s.RemoteWrite(), tester, v1Type, packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{series}})).Code)
	}
	for _, ago := range []time.Duration{0, 30 * time.Minute, 10 * time.Minute} {
		require.Equal(t, map[string]string{`{"__name__":"late","app":"b","zone":"a"}`: fmt.Sprintf(`"%g"`, ago.Minutes())}, instant(t, s, "late", now.Add(-ago)))
	}
	require.Equal(t, 1, stored(t, s))
	// Sent again, it is taken again and changes nothing.
	again := packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{seriesV1("again", sampleV1(0, 1))}})
	for range 3 {
		require.Equal(t, 204, post(t, s.RemoteWrite(), tester, v1Type, again).Code)
	}
	balanced(t, s)
}

func TestWrite_histogramsThatAreNot(t *testing.T) {
	wrong := nativeHistogram()
	wrong.Count = 99
	for _, kind := range []string{v1Type, v2Type} {
		s := open(t, nil)
		body := packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{Labels: labelsV1("__name__", "h"), Histograms: []prompb.Histogram{prompb.FromIntHistogram(now.UnixMilli(), wrong)}}}})
		if kind == v2Type {
			texts := newSymbols()
			body = packV2(t, texts.request(writev2.TimeSeries{LabelsRefs: texts.refs("__name__", "h"), Histograms: []writev2.Histogram{writev2.FromIntHistogram(0, now.UnixMilli(), wrong)}}))
		}
		w := post(t, s.RemoteWrite(), tester, kind, body)
		require.Equal(t, 400, w.Code)
		require.Equal(t, map[string]uint64{"invalid-histogram": 1}, counted(s, "metrics.samples").Dropped)
		balanced(t, s)
	}
	require.ErrorIs(t, wrong.Validate(), histogram.ErrHistogramCountMismatch)
}

func TestWrite_exemplarsThatAreRefused(t *testing.T) {
	s := open(t, nil)
	texts := newSymbols()
	exemplar := func(ago time.Duration, text string) writev2.Exemplar {
		return writev2.Exemplar{LabelsRefs: texts.refs("event_id", text), Value: 1, Timestamp: now.Add(-ago).UnixMilli()}
	}
	w := post(t, s.RemoteWrite(), tester, v2Type, packV2(t, texts.request(writev2.TimeSeries{
		LabelsRefs: texts.refs("__name__", "m"), Samples: []writev2.Sample{{Value: 1, Timestamp: now.UnixMilli()}},
		Exemplars: []writev2.Exemplar{exemplar(time.Minute, "a"), exemplar(0, strings.Repeat("x", 500)), exemplar(-time.Hour, "b"), exemplar(0, "c")},
	})))
	require.Equal(t, 204, w.Code, w.Body.String())
	require.Equal(t, "1 0 2", written(w))
	require.Equal(t, map[string]uint64{"long-labels": 1, "not-taken": 1}, counted(s, "metrics.exemplars").Dropped)
	balanced(t, s)
}
