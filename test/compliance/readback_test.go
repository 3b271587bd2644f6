// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/test/remotewrite"
	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// sent is what is written and read back: a counter, a gauge, native histograms, an exemplar, names of any letters.
func sent(version remotewrite.Version, now time.Time) []remotewrite.Series {
	job := fmt.Sprintf("v%d", version)
	var floats []remotewrite.Float
	var histograms []remotewrite.Histogram
	for i := range int64(40) {
		at := now.UnixMilli() - (40-i)*15000
		floats = append(floats, remotewrite.Float{Time: at, Value: float64(i*i) + 0.125})
		histograms = append(histograms, remotewrite.Histogram{Time: at, Int: &histogram.Histogram{
			Schema: 1, ZeroThreshold: 0.001, ZeroCount: uint64(i), Count: uint64(4 * i), Sum: float64(i) * 1.5,
			PositiveSpans: []histogram.Span{{Offset: 2, Length: 2}}, PositiveBuckets: []int64{i, i},
		}})
	}
	middle := floats[20].Time
	return []remotewrite.Series{
		{
			Labels: labels.FromStrings("__name__", "read_back_total", "job", job), Type: model.MetricTypeCounter, Help: "Counted.",
			Floats: floats, Created: floats[0].Time - 500,
			Exemplars: []exemplar.Exemplar{{Labels: labels.FromStrings("trace_id", "abc"), Value: 7, Ts: middle, HasTs: true}},
		},
		{Labels: labels.FromStrings("__name__", "read_back_gauge", "job", job, "été", "Zürich"), Type: model.MetricTypeGauge, Help: "Measured.", Floats: floats},
		{Labels: labels.FromStrings("__name__", "read_back_sizes", "job", job), Type: model.MetricTypeHistogram, Help: "Sizes.", Histograms: histograms},
	}
}

// answer is what the query API gives of an expression.
type answer struct {
	Data struct {
		Result []struct {
			Metric     map[string]string `json:"metric"`
			Values     [][2]any          `json:"values"`
			Histograms [][2]any          `json:"histograms"`
		} `json:"result"`
	} `json:"data"`
}

func ask(t *testing.T, server *servers.Server, query string, at time.Time) answer {
	t.Helper()
	form := url.Values{"query": {query}, "time": {strconv.FormatInt(at.Unix(), 10)}}
	status, body := server.Get("/api/v1/query?" + form.Encode())
	require.Equal(t, http.StatusOK, status, "%s", body)
	var a answer
	require.NoError(t, json.Unmarshal(body, &a))
	return a
}

// TestReadBack reads every value back that was written, by both versions.
func TestReadBack(t *testing.T) {
	t.Parallel()
	server := servers.Controller(t)
	now := time.Now().Truncate(time.Second)
	for _, version := range []remotewrite.Version{remotewrite.V1, remotewrite.V2} {
		remotewrite.Send(t, server, version, sent(version, now))
	}
	for _, version := range []remotewrite.Version{remotewrite.V1, remotewrite.V2} {
		for _, series := range sent(version, now) {
			query := fmt.Sprintf(`{__name__=%q,job="v%d"}[11m]`, series.Labels.Get("__name__"), version)
			got := ask(t, server, query, now)
			require.Len(t, got.Data.Result, 1, query)
			require.Equal(t, series.Labels.Map(), got.Data.Result[0].Metric)
			values := map[int64]string{}
			for _, v := range got.Data.Result[0].Values {
				values[int64(math.Round(v[0].(float64)*1000))] = v[1].(string)
			}
			if series.Created != 0 && version == remotewrite.V2 {
				require.Equal(t, "0", values[series.Created], "where a counter begins it is 0")
				delete(values, series.Created)
			}
			require.Len(t, values, len(series.Floats))
			for _, f := range series.Floats {
				require.Equal(t, strconv.FormatFloat(f.Value, 'f', -1, 64), values[f.Time])
			}
			require.Len(t, got.Data.Result[0].Histograms, len(series.Histograms))
			for i, h := range series.Histograms {
				read, ok := got.Data.Result[0].Histograms[i][1].(map[string]any)
				require.True(t, ok)
				require.EqualValues(t, strconv.FormatUint(h.Int.Count, 10), read["count"])
				require.EqualValues(t, strconv.FormatFloat(h.Int.Sum, 'f', -1, 64), read["sum"])
			}
		}
	}
	requireMetadata(t, server)
	form := url.Values{"query": {`read_back_total{job="v2"}`}, "start": {strconv.FormatInt(now.Add(-time.Hour).Unix(), 10)}, "end": {strconv.FormatInt(now.Unix(), 10)}}
	status, body := server.Get("/api/v1/query_exemplars?" + form.Encode())
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(body), `"trace_id":"abc"`)
}

func requireMetadata(t *testing.T, server *servers.Server) {
	t.Helper()
	status, body := server.Get("/api/v1/metadata?metric=read_back_total")
	require.Equal(t, http.StatusOK, status)
	var metadata struct {
		Data map[string][]struct{ Type, Help string }
	}
	require.NoError(t, json.Unmarshal(body, &metadata))
	require.Len(t, metadata.Data["read_back_total"], 1, "%s", body)
	require.Equal(t, "counter", metadata.Data["read_back_total"][0].Type)
	require.Equal(t, "Counted.", metadata.Data["read_back_total"][0].Help)
}

// TestReadBack_partly sends a body of which a part cannot be taken: the rest is there, the answer is 400, and its headers
// say how much was written.
func TestReadBack_partly(t *testing.T) {
	t.Parallel()
	server := servers.Controller(t)
	now := time.Now().Truncate(time.Second)
	one := func(name string, value float64, pairs ...string) remotewrite.Series {
		return remotewrite.Series{
			Labels: labels.FromStrings(append([]string{"__name__", name}, pairs...)...), Type: model.MetricTypeGauge,
			Floats: []remotewrite.Float{{Time: now.UnixMilli(), Value: value}},
		}
	}
	remotewrite.Send(t, server, remotewrite.V2, []remotewrite.Series{one("first", 1)})
	contentType, headers := remotewrite.V2.Headers()
	body := remotewrite.V2.Encode(t, []remotewrite.Series{one("good", 1), one("first", 2), one("", 3, "no", "name"), one("also_good", 4)})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+remotewrite.Path, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "Bearer "+server.Token)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusBadRequest, response.StatusCode)
	require.Equal(t, "2", response.Header.Get("X-Prometheus-Remote-Write-Samples-Written"))
	for name, want := range map[string]string{"first": "1", "good": "1", "also_good": "4"} {
		got := ask(t, server, name+"[1m]", now)
		require.Len(t, got.Data.Result, 1, name)
		require.Equal(t, want, got.Data.Result[0].Values[0][1], name)
	}
	require.Empty(t, ask(t, server, `{no="name"}[1m]`, now).Data.Result)
}

// TestReadBack_nothingOfWhatIsCorrupt: what cannot be decoded stores nothing.
func TestReadBack_nothingOfWhatIsCorrupt(t *testing.T) {
	t.Parallel()
	server := servers.Controller(t)
	now := time.Now().Truncate(time.Second)
	for _, version := range []remotewrite.Version{remotewrite.V1, remotewrite.V2} {
		good := version.Encode(t, sent(version, now))
		contentType, headers := version.Headers()
		for _, corrupt := range [][]byte{good[:len(good)/2], append([]byte{0xff}, good...), {}, []byte("text"), good[1:]} {
			status, body := server.Post(remotewrite.Path, contentType, bytes.NewReader(corrupt), headers...)
			if len(corrupt) > 0 {
				require.Equal(t, http.StatusBadRequest, status, "%s", body)
			}
		}
	}
	require.Empty(t, ask(t, server, `{__name__=~"read_back.*"}[1h]`, now).Data.Result)
}
