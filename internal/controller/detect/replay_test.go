// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

var update = flag.Bool("update", false, "write the golden files anew")

var begin = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// edge is one edge of a made-up series.
type edge struct {
	name, client, server string
	rate                 float64
	keepAlive            bool
	rtt                  time.Duration
	// resets is the share of connections that end by one, as a habit.
	resets float64
}

// moment is what a script may change about an edge for one second.
type moment struct {
	refused, unanswered, reset, lost float64
	delay                            time.Duration
	handshakeDelay                   time.Duration
	factor                           float64
	silent                           bool
}

// script says what is wrong with an edge in a second.
type script func(name string, second int) moment

// shop is a small graph: one chain, a side branch, keep-alive and connection-per-call.
func shop() []edge {
	return []edge{
		{name: "load-frontend", client: "load", server: "frontend", rate: 20, rtt: 40 * time.Microsecond},
		{name: "frontend-checkout", client: "frontend", server: "checkout", rate: 10, rtt: 40 * time.Microsecond},
		{name: "checkout-payment", client: "checkout", server: "payment", rate: 10, rtt: 40 * time.Microsecond},
		{name: "checkout-shipping", client: "checkout", server: "shipping", rate: 3, rtt: 40 * time.Microsecond},
		{name: "payment-store", client: "payment", server: "store", rate: 30, keepAlive: true, rtt: 60 * time.Microsecond},
		{name: "frontend-cache", client: "frontend", server: "cache", rate: 60, keepAlive: true, rtt: 60 * time.Microsecond},
		{name: "probe-frontend", client: "probe", server: "frontend", rate: 0.2, rtt: 40 * time.Microsecond, resets: 1},
		{name: "cron-store", client: "cron", server: "store", rate: 0.02, rtt: 40 * time.Microsecond},
	}
}

// replay runs a detector over a made-up series and writes down what it decides.
type replay struct {
	detector *detect.Detector
	random   *rand.Rand
	lines    []string
	opened   map[string]int
	noise    func(second int) float64
	muted    []string
}

func newReplay(config detect.Config, seed uint64) *replay {
	return &replay{
		detector: detect.New(config, begin), random: rand.New(rand.NewPCG(seed, 3)), opened: map[string]int{},
		noise: func(int) float64 { return 1 },
	}
}

func (r *replay) note(at time.Time, decisions []detect.Decision) {
	for _, d := range decisions {
		a := d.Anomaly
		if d.Operation == detect.Open {
			r.opened[a.Edge+" "+string(a.Kind)]++
		}
		client, server, _ := strings.Cut(a.Edge, "-")
		a.Since = a.Since.UTC()
		r.lines = append(r.lines, fmt.Sprintf("%8.2f %-6s %-16s %-8s %s",
			at.Sub(begin).Seconds(), d.Operation, a.Kind, a.Severity, sentence(&a, client, server)))
	}
}

// sentence leaves the time of day out: it depends on where the test runs.
func sentence(a *detect.Anomaly, client, server string) string {
	text := detect.Sentence(a, client, server)
	return strings.ReplaceAll(text, a.Since.Local().Format(time.TimeOnly), "T")
}

func (r *replay) poisson(mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.random.NormFloat64())))
	}
	limit, product, n := math.Exp(-mean), r.random.Float64(), 0
	for product > limit {
		product *= r.random.Float64()
		n++
	}
	return n
}

// run plays so many seconds: events come when they happen, samples at the end of their second, ticks every 250 ms.
func (r *replay) run(edges []edge, from, to int, wrong script) {
	for second := from; second < to; second++ {
		at := begin.Add(time.Duration(second) * time.Second)
		var samples []detect.Sample
		for _, e := range edges {
			sample, events := r.second(e, at, wrong(e.name, second), r.noise(second))
			for _, o := range events {
				r.note(o.Arrived, r.detector.Event(o))
			}
			if sample != nil {
				samples = append(samples, *sample)
			}
		}
		for quarter := 1; quarter <= 4; quarter++ {
			now := at.Add(time.Duration(quarter) * 250 * time.Millisecond)
			var due []detect.Sample
			if quarter == 4 {
				due = samples
			}
			r.note(now, r.detector.Tick(now, due, r.muted))
		}
	}
}

// second makes what an edge does in a second.
func (r *replay) second(e edge, at time.Time, m moment, noise float64) (*detect.Sample, []detect.Occurrence) {
	if m.silent {
		return nil, nil
	}
	factor := m.factor
	if factor == 0 {
		factor = 1
	}
	requests := r.poisson(e.rate * factor)
	s := &detect.Sample{Edge: e.name, Client: e.client, Server: e.server}
	var events []detect.Occurrence
	for i := range requests {
		when := at.Add(time.Duration(float64(i) / float64(requests) * float64(time.Second)))
		events = append(events, r.request(e, s, m, when)...)
	}
	s.Retransmits = uint64(r.poisson(m.lost * float64(s.SentSegments)))
	if s.Segments > 0 {
		jitter := noise * math.Exp(0.3*r.random.NormFloat64())
		s.RoundTrip = time.Duration(float64(e.rtt)*jitter) + m.delay
		s.LeastSmoothed, s.LeastRoundTrip = s.RoundTrip, e.rtt/2
	}
	if s.Established > 0 {
		s.Handshakes = s.Established
		s.LeastHandshake = e.rtt/2 + m.handshakeDelay
		s.Handshake = s.LeastHandshake + e.rtt
		s.LeastRoundTrip += m.handshakeDelay
	}
	if s.Opens+s.Closes+uint32(s.Segments) == 0 {
		return nil, events
	}
	return s, events
}

// request makes one request of an edge.
func (r *replay) request(e edge, s *detect.Sample, m moment, when time.Time) []detect.Occurrence {
	occur := func(kind model.EventKind) []detect.Occurrence {
		return []detect.Occurrence{{Edge: e.name, Kind: kind, Time: when, Arrived: when.Add(time.Millisecond)}}
	}
	if e.keepAlive && m.refused+m.unanswered+m.reset == 0 {
		s.Segments += 4
		s.SentSegments += 4
		return nil
	}
	s.Opens++
	switch {
	case r.random.Float64() < m.refused:
		s.Closes++
		s.Failures[model.FailureRefused]++
		return occur(model.EventRefused)
	case r.random.Float64() < m.unanswered:
		s.Closes++
		s.Failures[model.FailureGivenUp]++
		return occur(model.EventGivenUp)
	}
	s.Established++
	s.Closes++
	s.Segments += 9
	s.SentSegments += 9
	if r.random.Float64() < max(m.reset, e.resets) {
		s.Failures[model.FailureReset]++
		return occur(model.EventReset)
	}
	return nil
}

func (r *replay) golden(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	got := strings.Join(r.lines, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// on makes one thing wrong with one edge between two seconds.
func on(name string, from, to int, m moment) script {
	return func(edge string, second int) moment {
		if edge == name && second >= from && second < to {
			return m
		}
		return moment{}
	}
}

func well(string, int) moment { return moment{} }
