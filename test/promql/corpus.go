// SPDX-License-Identifier: Apache-2.0

package promql

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// Queries reads the corpus.
func Queries(t testing.TB) []string {
	t.Helper()
	content, err := os.ReadFile("testdata/promql.txt")
	require.NoError(t, err)
	var queries []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "" || strings.HasPrefix(line, "# "):
		case line == `\empty`:
			queries = append(queries, "")
		default:
			queries = append(queries, line)
		}
	}
	return queries
}

// question is one request of the API.
type question struct {
	path  string
	form  url.Values
	query string
	post  bool
}

func (q question) String() string { return q.path + " " + q.form.Encode() }

func (q question) ask(server *servers.Server) Answer {
	if q.post {
		status, body := server.Post(q.path, "application/x-www-form-urlencoded", strings.NewReader(q.form.Encode()))
		return Answer{status, body}
	}
	status, body := server.Get(q.path + "?" + q.form.Encode())
	return Answer{status, body}
}

// evaluations are the instants and ranges that a query is asked for.
func evaluations(query string, end time.Time, number int) []question {
	at := func(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
	post := number%2 == 0
	return []question{
		{path: "/api/v1/query", query: query, post: post, form: url.Values{"query": {query}, "time": {at(end)}}},
		{path: "/api/v1/query", query: query, post: !post, form: url.Values{"query": {query}, "time": {at(end.Add(-13*time.Minute - 7*time.Second))}}},
		{path: "/api/v1/query_range", query: query, post: post, form: url.Values{
			"query": {query}, "start": {at(end.Add(-12 * time.Minute))}, "end": {at(end)}, "step": {"37s"},
		}},
	}
}

// count says how many answers there were of a kind.
type count struct{ same, errors, empty int }

// compare asks two servers the same, and says how their answers differ.
func (c *count) compare(question question, reference, subject *servers.Server) string {
	want, got := question.ask(reference), question.ask(subject)
	if difference := Difference(question.query, want, got); difference != "" {
		return fmt.Sprintf("%s\n    %s", question, difference)
	}
	c.same++
	if want.Status != http.StatusOK {
		c.errors++
	} else if strings.Contains(string(want.Body), `"result":[]`) {
		c.empty++
	}
	return ""
}
