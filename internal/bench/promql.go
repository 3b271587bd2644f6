// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"
)

// promQuestion is an expression over a range.
type promQuestion struct {
	name, expression string
	reach, step      time.Duration
}

func promQuestions() []promQuestion {
	const bytes = "aeolus_bench_bytes_total"
	return []promQuestion{
		{"PromQL, rate by server over 1 h, every 15 s", "sum by (server) (rate(" + bytes + "[5m]))", time.Hour, 15 * time.Second},
		{"PromQL, rate by server over 24 h, every 5 min", "sum by (server) (rate(" + bytes + "[5m]))", 24*time.Hour - 10*time.Minute, 5 * time.Minute},
		{"PromQL, five busiest pairs over 1 h, every minute", "topk(5, sum by (client, server) (rate(" + bytes + "[5m])))", time.Hour, time.Minute},
		{"PromQL, one edge over 24 h, every minute", "rate(" + bytes + `{edge="` + edgeLabel(3) + `"}[5m])`, 24*time.Hour - 10*time.Minute, time.Minute},
	}
}

// address is the question at somebody's HTTP API.
func (q promQuestion) address(base string, end time.Time) string {
	second := func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
	return base + "/api/v1/query_range?" + url.Values{
		"query": {q.expression}, "start": {second(end.Add(-q.reach))}, "end": {second(end)}, "step": {second(time.Unix(0, 0).Add(q.step))},
	}.Encode()
}

// askPromQL asks both servers, and holds that they answer the same.
func askPromQL(ctx context.Context, run *Run, s *subject, other *prometheus, d *day) ([]Row, error) {
	client := &http.Client{Transport: &bearing{inner: &http.Transport{}, token: benchToken}}
	defer client.CloseIdleConnections()
	sides := map[string][]question{}
	ask := func(side, base string) {
		for _, q := range promQuestions() {
			sides[side] = append(sides[side], question{q.name, func(ctx context.Context) error {
				var answer any
				return promAsk(ctx, client, q.address(base, d.end), &answer)
			}})
		}
	}
	ask("aeolus", "http://"+s.at.HTTP)
	note := fmt.Sprintf("%d series of %d samples; no Prometheus was found to compare with (--prometheus)", d.series, d.samples())
	if other != nil {
		ask("prometheus", other.base)
		for _, q := range promQuestions() {
			if err := sameAnswer(ctx, client, q, d.end, "http://"+s.at.HTTP, other.base); err != nil {
				return nil, err
			}
		}
		note = fmt.Sprintf("%d series of %d samples; baseline %s; the answers are equal", d.series, d.samples(), other.version)
	}
	found, err := askAll(ctx, queryRounds(run.Full), run.Progress, sides)
	if err != nil {
		return nil, err
	}
	return answerRows(sides["aeolus"], found, note+"; "+loadNote()), nil
}

// sameAnswer holds that two servers answer a question with the same series, points and values.
func sameAnswer(ctx context.Context, client *http.Client, q promQuestion, end time.Time, bases ...string) error {
	type one struct {
		Metric map[string]string
		Values [][2]any
	}
	var answers []map[string][][2]any
	for _, base := range bases {
		var answer struct{ Data struct{ Result []one } }
		if err := promAsk(ctx, client, q.address(base, end), &answer); err != nil {
			return fmt.Errorf("asking %s: %w", base, err)
		}
		byName := map[string][][2]any{}
		for _, series := range answer.Data.Result {
			byName[fmt.Sprint(series.Metric)] = series.Values
		}
		answers = append(answers, byName)
	}
	if len(answers[0]) == 0 {
		return fmt.Errorf("asking for %q: nothing was answered", q.expression)
	}
	for name, values := range answers[0] {
		if !sameValues(values, answers[1][name]) {
			return fmt.Errorf("asking for %q: %s is answered differently", q.expression, name)
		}
	}
	return nil
}

// sameValues compares points. Sums may differ in the last digits: their order is free.
func sameValues(a, b [][2]any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, errX := strconv.ParseFloat(fmt.Sprint(a[i][1]), 64)
		y, errY := strconv.ParseFloat(fmt.Sprint(b[i][1]), 64)
		if errX != nil || errY != nil || !reflect.DeepEqual(a[i][0], b[i][0]) || max(x-y, y-x) > 1e-9*max(x, -x, 1) {
			return false
		}
	}
	return true
}

// bearing shows a token with every request.
type bearing struct {
	inner *http.Transport
	token string
}

// RoundTrip sends a request.
func (b *bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.inner.RoundTrip(r)
}

// CloseIdleConnections lets go of what is kept for later.
func (b *bearing) CloseIdleConnections() { b.inner.CloseIdleConnections() }

// promValue gives the sum of what an expression gives now.
func promValue(ctx context.Context, client *http.Client, base, expression string) (float64, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := promAsk(ctx, client, base+"/api/v1/query?query="+url.QueryEscape(expression), &answer); err != nil {
		return 0, err
	}
	var sum float64
	for _, one := range answer.Data.Result {
		var value float64
		if _, err := fmt.Sscan(fmt.Sprint(one.Value[1]), &value); err != nil {
			return 0, fmt.Errorf("reading what PromQL gives: %w", err)
		}
		sum += value
	}
	return sum, nil
}

// promAsk asks Prometheus' HTTP API.
func promAsk(ctx context.Context, client *http.Client, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("asking %s: %s", request.URL.Path, answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
