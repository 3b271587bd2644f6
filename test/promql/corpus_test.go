// SPDX-License-Identifier: Apache-2.0

package promql

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/test/remotewrite"
	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// features are those of Prometheus' experimental ones that the controller has switched on too.
const features = "exemplar-storage,promql-experimental-functions,created-timestamp-zero-ingestion"

// TestQueries_nothingIsMissing holds that the corpus knows the whole language, as the parser has it.
func TestQueries_nothingIsMissing(t *testing.T) {
	queries := Queries(t)
	require.GreaterOrEqual(t, len(queries), 500)
	all := strings.Join(queries, "\n")
	var missing []string
	lacks := func(name, pattern string) {
		if !regexp.MustCompile(pattern).MatchString(all) {
			missing = append(missing, name)
		}
	}
	for name := range parser.Functions {
		lacks(name, `\b`+name+`\s*\(`)
	}
	// These describe histograms in the parser's own tests, and are no part of a query.
	described := []string{
		"schema", "n_offset", "buckets", "n_buckets", "z_bucket", "z_bucket_w", "custom_values", "counter_reset_hint", "unknown", "reset",
		"not_reset", "gauge",
	}
	for _, word := range parser.Keywords() {
		if !slices.Contains(described, word) {
			lacks(word, `(?i)\b`+regexp.QuoteMeta(word)+`\b`)
		}
	}
	for item, text := range parser.ItemTypeStr {
		if item.IsOperator() || item.IsAggregator() {
			lacks(text, regexp.QuoteMeta(text))
		}
	}
	require.Empty(t, missing, "no query has them")
	sorted := slices.Sorted(slices.Values(queries))
	assert.Len(t, slices.Compact(sorted), len(queries), "one of them is there twice")
}

// pair gives a Prometheus and what is compared with it, both with the same data, and when that ends.
func pair(t *testing.T) (reference, subject *servers.Server, end time.Time) {
	t.Helper()
	reference = servers.Prometheus(t, "", "--enable-feature="+features)
	if os.Getenv("AEOLUS_PROMQL_SUBJECT") == "prometheus" {
		// How far two of Prometheus differ: what is left of a difference is the comparison's own fault.
		subject = servers.Prometheus(t, "", "--enable-feature="+features)
	} else {
		subject = servers.Controller(t)
	}
	// The controller writes figures of its own from its start on: what is asked for lies before that.
	end = time.Now().Add(-10 * time.Minute).Truncate(interval)
	data := Dataset(end)
	for _, server := range []*servers.Server{reference, subject} {
		remotewrite.Send(t, server, remotewrite.V2, data)
	}
	return reference, subject, end
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	reference, subject, end := pair(t)
	var total count
	differing := 0
	for number, query := range Queries(t) {
		for _, question := range evaluations(query, end, number) {
			if difference := total.compare(question, reference, subject); difference != "" {
				differing++
				t.Errorf("%q: %s", query, difference)
			}
		}
		if differing > 50 {
			t.Fatal("and more")
		}
	}
	t.Logf("%d answers are the same, of which %d are errors and %d are empty", total.same, total.errors, total.empty)
}

// TestAPI asks for everything else that the API answers.
func TestAPI(t *testing.T) {
	t.Parallel()
	reference, subject, end := pair(t)
	form := func(pairs ...string) url.Values {
		values := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			values.Add(pairs[i], pairs[i+1])
		}
		return values
	}
	begin, ends := end.Add(-time.Hour).Format(time.RFC3339), end.Format(time.RFC3339)
	// Which labels there are is asked without looking at when: the controller's own figures are left out by name.
	const others = `{__name__=~".+", __name__!~"aeolus_.*"}`
	questions := map[string][]url.Values{
		"/api/v1/series": {
			form("match[]", "up"), form("match[]", "up", "match[]", "temperature_celsius"), form("match[]", `{job=~"job-.*"}`, "start", begin, "end", ends),
			form("match[]", "up", "limit", "2"), form("match[]", "nothing_at_all"), form(), form("match[]", "up{"), form("match[]", "{}"),
			form("match[]", "up", "start", "yesterday"), form("match[]", "up", "start", ends, "end", begin), form("match[]", `{"température.maximale"}`),
		},
		"/api/v1/labels": {
			form("match[]", others), form("match[]", "up"), form("start", begin, "end", ends, "match[]", others), form("limit", "1", "match[]", others),
			form("match[]", "up{"), form("limit", "-1"), form("end", "never"),
		},
		"/api/v1/label/job/values":                       {form("match[]", others), form("match[]", "up"), form("match[]", "temperature_celsius"), form("limit", "1", "match[]", others), form("start", "x")},
		"/api/v1/label/__name__/values":                  {form("match[]", others), form("match[]", `{job="job-1"}`), form("start", begin, "end", ends, "match[]", others)},
		"/api/v1/label/nothing/values":                   {form()},
		"/api/v1/label/U__lieu_20_d_27__e9_t_e9_/values": {form()},
		"/api/v1/label/a%20b/values":                     {form()},
		"/api/v1/query_exemplars":                        {form("query", "http_requests_total", "start", begin, "end", ends), form("query", `http_requests_total{code="500"}`, "start", begin, "end", ends), form("query", "rate(", "start", begin, "end", ends), form("query", "up", "start", ends, "end", begin), form("query", "up", "start", "x", "end", ends)},
		"/api/v1/format_query":                           {form("query", "sum by(job)(up)"), form("query", "a+b/c"), form("query", "up{"), form()},
		"/api/v1/parse_query":                            {form("query", "sum by(job)(rate(up[5m]))"), form("query", "up{"), form()},
		"/api/v1/query": {
			form(), form("query", "up", "time", "yesterday"), form("query", "up", "time", "NaN"), form("query", "up", "timeout", "x"), form("query", "up", "time", ends, "limit", "1"),
			form("query", "up", "time", ends, "lookback_delta", "1s"), form("query", "up", "time", ends, "lookback_delta", "x"), form("query", "up", "time", "1e20"),
		},
		"/api/v1/query_range": {
			form("query", "up"), form("query", "up", "start", begin), form("query", "up", "start", begin, "end", ends), form("query", "up", "start", begin, "end", ends, "step", "0"),
			form("query", "up", "start", begin, "end", ends, "step", "-1"), form("query", "up", "start", ends, "end", begin, "step", "15"), form("query", "up", "start", begin, "end", ends, "step", "0.01"),
			form("query", "up", "start", begin, "end", ends, "step", "1h"), form("query", "up[5m]", "start", begin, "end", ends, "step", "15"), form("query", `"text"`, "start", begin, "end", ends, "step", "15"),
		},
	}
	var total count
	for path, forms := range questions {
		for _, values := range forms {
			if difference := total.compare(question{path: path, form: values}, reference, subject); difference != "" {
				t.Error(difference)
			}
		}
	}
	t.Logf("%d answers are the same, of which %d are errors", total.same, total.errors)
}
