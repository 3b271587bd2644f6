// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
)

// TestAPI_asGrafanaAsks asks everything that a data source of Grafana's asks.
func TestAPI_asGrafanaAsks(t *testing.T) {
	s := open(t, nil)
	write(t, s, seriesV1("up", sampleV1(time.Minute, 1), sampleV1(0, 1)))
	start, end := at(now.Add(-time.Hour)), at(now.Add(time.Minute))
	for _, ask := range []struct {
		path       string
		parameters []string
		want       string
	}{
		{"/status/buildinfo", nil, "version:3."},
		{"/query", []string{"query", "1+1", "time", end}, "scalar"},
		{"/query_range", []string{"query", "sum(up) by (job)", "start", start, "end", end, "step", "15"}, "job:test"},
		{"/query_exemplars", []string{"query", "up", "start", start, "end", end}, "[]"},
		{"/labels", []string{"start", start, "end", end}, "__name__ job"},
		{"/label/job/values", []string{"match[]", "up"}, "[test]"},
		{"/label/__name__/values", nil, "[up]"},
		{"/series", []string{"match[]", "up"}, "__name__:up"},
		{"/metadata", []string{"limit", "10"}, "map[]"},
		{"/rules", nil, "groups:[]"},
		{"/alerts", nil, "alerts:[]"},
		{"/alertmanagers", nil, "activeAlertmanagers:[]"},
		{"/targets", nil, "activeTargets:[]"},
		{"/scrape_pools", nil, "scrapePools"},
		{"/status/config", nil, "out_of_order_time_window: 2h"},
		{"/status/flags", nil, "query.timeout:2m"},
		{"/status/runtimeinfo", nil, "storageRetention:3d"},
		{"/status/tsdb", nil, "numSeries:1"},
		{"/status/walreplay", nil, "current"},
		{"/features", nil, "remote_write_receiver"},
		{"/format_query", []string{"query", "sum  (up)"}, "sum(up)"},
		{"/parse_query", []string{"query", "sum(up)"}, "aggregation"},
	} {
		require.Contains(t, fmt.Sprint(get(t, s, ask.path, ask.parameters...)["data"]), ask.want, ask.path)
	}
	r := httptest.NewRequest(http.MethodPost, Prefix+"/query", strings.NewReader(url.Values{"query": {"up"}, "time": {at(now)}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://evil.example")
	w := httptest.NewRecorder()
	s.Queries().ServeHTTP(w, r)
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), `"job":"test"`)
	require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
	require.Empty(t, w.Header().Get("Access-Control-Allow-Methods"))
}

func TestAPI_whatIsRefused(t *testing.T) {
	s := open(t, func(c *Config) { c.Query.Samples = 1000 })
	for i := range 50 {
		var samples []prompb.Sample
		for j := range 50 {
			samples = append(samples, sampleV1(time.Duration(50-j)*time.Second, 1))
		}
		write(t, s, seriesV1(fmt.Sprint("m", i), samples...))
	}
	for path, want := range map[string]int{
		"/query?query=sum(":                           400,
		"/query?query=rate({job='test'}[1h])":         422,
		"/query_range?query=up":                       400,
		"/metadata?limit=x":                           400,
		"/admin/tsdb/snapshot":                        404,
		"/notifications/live":                         404,
		"/none":                                       404,
		"/query_range?query=1&start=0&end=1e9&step=1": 400,
	} {
		path = strings.ReplaceAll(strings.ReplaceAll(path, "{", "%7B"), "}", "%7D")
		w := httptest.NewRecorder()
		s.Queries().ServeHTTP(w, httptest.NewRequest(http.MethodGet, Prefix+path, nil))
		require.Equal(t, want, w.Code, "%s: %s", path, w.Body.String())
	}
	w := httptest.NewRecorder()
	s.Queries().ServeHTTP(w, httptest.NewRequest(http.MethodPost, Prefix+"/read", strings.NewReader("\xff\xff\xff\xff\x0f")))
	require.Equal(t, 400, w.Code)
}

// TestExternal_isAsked asks another store, which stands for another server.
func TestExternal_isAsked(t *testing.T) {
	kept := open(t, nil)
	var shown []string
	mux := http.NewServeMux()
	mux.Handle("/base"+Prefix+"/", http.StripPrefix("/base", kept.Queries()))
	mux.Handle("/push", kept.RemoteWrite())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, r.Header.Get("Authorization")+r.Header.Get("Cookie"))
		mux.ServeHTTP(w, r)
	}))
	defer server.Close()
	s := open(t, func(c *Config) { c.URL, c.WriteURL = server.URL+"/base", server.URL+"/push" })
	require.False(t, s.Local())
	require.Nil(t, s.Queryable())
	write(t, s, seriesV1("up", sampleV1(0, 7)))
	require.Equal(t, map[string]string{`{"__name__":"up","job":"test"}`: `"7"`}, instant(t, s, "up", now))
	balanced(t, s)
	r := httptest.NewRequest(http.MethodGet, Prefix+"/query?query=up", nil)
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("Cookie", "aeolus-token-1=secret")
	w := httptest.NewRecorder()
	s.Queries().ServeHTTP(w, r)
	require.Equal(t, 200, w.Code)
	require.NotContains(t, strings.Join(shown, ""), "secret")
	w = httptest.NewRecorder()
	s.Queries().ServeHTTP(w, httptest.NewRequest(http.MethodPost, Prefix+"/admin/tsdb/snapshot", nil))
	require.Equal(t, 404, w.Code)
	require.Equal(t, 501, s.TakeOTLP(t.Context(), nil, false).Code)
	refusing := open(t, func(c *Config) { c.URL = server.URL })
	require.Equal(t, 501, post(t, refusing.RemoteWrite(), tester, v1Type, packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{seriesV1("up", sampleV1(0, 7))}})).Code)
	balanced(t, refusing)
	server.Close()
	w = httptest.NewRecorder()
	s.Queries().ServeHTTP(w, httptest.NewRequest(http.MethodGet, Prefix+"/query?query=up", nil))
	require.Equal(t, 502, w.Code)
	require.Contains(t, w.Body.String(), "asking the metrics server")
}

// TestQueries_steps: few letters must not ask for more than there is memory.
func TestQueries_steps(t *testing.T) {
	s := open(t, nil)
	for query, refused := range map[string]string{
		"sum_over_time(vector(1)[100y:1ms])":                         "at most 1051200",
		"max_over_time(rate(m[1m])[30d:1s])":                         "at most 1051200",
		"max_over_time(rate(m[1m])[30d:1m])":                         "",
		"max_over_time(m[50000d:])":                                  "at most 1051200",
		"max_over_time(min_over_time(vector(1)[1m:100ms])[20d:30m])": "at most 1051200",
		"1 + sum(abs(sum_over_time(m[1y:1s] offset -1y)))":           "at most 1051200",
		"absent_over_time(m[10s:1ms] @ 0)":                           "",
	} {
		path := Prefix + "/query?query=" + url.QueryEscape(query)
		w := httptest.NewRecorder()
		s.Queries().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if refused == "" {
			require.Equal(t, 200, w.Code, "%s: %s", query, w.Body)
			continue
		}
		require.Equal(t, 400, w.Code, query)
		require.Contains(t, w.Body.String(), refused)
	}
	for path, want := range map[string]int{
		"&start=0&end=1&step=0.0001": 400, "&start=0&end=1&step=0.001": 200, "&start=0&end=10000000&step=10000": 400,
	} {
		w := httptest.NewRecorder()
		s.Queries().ServeHTTP(w, httptest.NewRequest(http.MethodGet, Prefix+"/query_range?query="+url.QueryEscape("sum_over_time(vector(1)[1s:1s])")+path, nil))
		require.Equal(t, want, w.Code, w.Body.String())
	}
	_, err := s.Engine().NewInstantQuery(t.Context(), s.Queryable(), nil, "sum_over_time(vector(1)[100y:1ms])", now)
	require.ErrorContains(t, err, "at most", "rules too")
}

// TestQueries_size: what costs the square of its size must be small.
func TestQueries_size(t *testing.T) {
	s := open(t, nil)
	ask := func(path, query string) (int, string) {
		r := httptest.NewRequest(http.MethodPost, Prefix+path, strings.NewReader(url.Values{"query": {query}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.Queries().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for _, path := range []string{"/query", "/query_exemplars", "/format_query", "/parse_query"} {
		for _, query := range []string{
			strings.Repeat("(", 300_000) + "1" + strings.Repeat(")", 300_000), strings.Repeat("(", 201) + "1" + strings.Repeat(")", 201),
			"m" + strings.Repeat(" or m", 501), "1" + strings.Repeat("^1", 501), strings.Repeat("-", 501) + "1",
			strings.Repeat("max_over_time(", 201) + "m" + strings.Repeat("[1m:1m])", 201),
			`m{a="` + strings.Repeat("x", maxText) + `"}`,
		} {
			code, text := ask(path, query)
			require.Equal(t, 400, code, "%s %.50s", path, query)
			require.Contains(t, text, `"errorType":"bad_data"`)
			require.Contains(t, text, "are taken")
		}
		code, text := ask(path, "m"+strings.Repeat(" or m", 400)+` or m{a="((((((((((((("}`)
		require.Equal(t, 200, code, text)
	}
	code, text := ask("/query", "m{")
	require.Equal(t, 400, code)
	require.Contains(t, text, "parse error", "in the library's own words")
}

// TestQueries_labels: nobody must be able to write long labels into a hundred thousand series.
func TestQueries_labels(t *testing.T) {
	s := open(t, nil)
	write(t, s, seriesV1("m", sampleV1(0, 1)))
	nested := func(n int, before, after string) string {
		return "count(" + strings.Repeat(before, n) + "m" + strings.Repeat(after, n) + ")"
	}
	for query, fine := range map[string]bool{
		nested(6, `label_join(`, `, "a", "", "a", "a")`):                                      true,
		nested(7, `label_join(`, `, "a", "", "a", "a")`):                                      false,
		nested(100, `label_replace(`, `, "a", "$1", "b", "(.*)")`):                            true,
		nested(7, `label_replace(`, `, "a", ("${1}$1"), "b", "(.*)")`):                        false,
		nested(1, `label_replace(`, `, "a", "`+strings.Repeat("x", 5000)+`", "b", "(.*)")`):   false,
		nested(150, `label_replace(`, `, "a", "`+strings.Repeat("x", 30)+`", "b", "(.*)")`):   false,
		nested(1, `label_join(`, `, "a", "`+strings.Repeat("x", 1000)+`", "b", "b","b","b")`): true,
		nested(1, `label_join(`, `, "a", "`+strings.Repeat("x", 1100)+`", "b", "b","b","b")`): false,
		nested(1, `label_replace(`, `, "a", "x", "b", "`+strings.Repeat("y", 9000)+`")`):      true,
		nested(1, `label_join(`, `, "a", ""`+strings.Repeat(`, "b"`, 65)+`)`):                 false,
	} {
		code, text := 200, ""
		if _, err := s.Engine().NewInstantQuery(t.Context(), s.Queryable(), nil, query, now); err != nil {
			code, text = 400, err.Error()
		}
		require.Equal(t, fine, code == 200, "%.80s: %s", query, text)
		if !fine {
			require.Contains(t, text, "labels too long")
		}
	}
}
