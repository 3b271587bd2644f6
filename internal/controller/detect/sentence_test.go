// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// watch keeps the last decision of one kind.
type watch struct {
	t        *testing.T
	detector *detect.Detector
	now      time.Time
	last     *detect.Anomaly
}

func newWatch(t *testing.T) *watch {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &watch{t: t, detector: detect.New(detect.Config{}, now), now: now}
}

func (w *watch) note(decisions []detect.Decision) {
	for i := range decisions {
		a := &decisions[i].Anomaly
		if a.Kind != detect.ConnectFailures {
			continue
		}
		w.last = a
		require.Positive(w.t, a.Value, "%s: %v", detect.Sentence(a, "client", "server"), a.Evidence)
	}
}

// second gives the detector a second of an edge: rows of connects that worked and of those that failed, and events.
func (w *watch) second(worked uint32, failure model.Failure, rows, events int) {
	for i := range 4 {
		w.now = w.now.Add(250 * time.Millisecond)
		if i == 1 {
			for range events {
				w.note(w.detector.Event(detect.Occurrence{Edge: "e", Kind: model.EventOf(failure), Time: w.now, Arrived: w.now}))
			}
		}
		var samples []detect.Sample
		if i == 3 && worked+uint32(rows) > 0 {
			sample := detect.Sample{
				Edge: "e", Client: "client", Server: "server", Opens: worked + uint32(rows), Established: worked, Segments: 10, SentSegments: 5,
			}
			sample.Failures[failure] = uint32(rows)
			samples = append(samples, sample)
		}
		w.note(w.detector.Tick(w.now, samples, nil))
	}
}

// TestSentence_neverSaysThatNothingFailed has failures whose rows come late, or never, among connects that succeed.
func TestSentence_neverSaysThatNothingFailed(t *testing.T) {
	for _, gap := range []int{0, 1, 2} {
		for _, late := range []int{0, 1, 2, 100} {
			w := newWatch(t)
			for range 20 {
				w.second(1, 0, 0, 0)
			}
			for n := range 20 {
				events, rows := 0, 0
				if n%(gap+1) == 0 {
					events = 1
				}
				if n >= late && (n-late)%(gap+1) == 0 {
					rows = 1
				}
				w.second(1, model.FailureRefused, rows, events)
			}
			require.NotNil(t, w.last, "gap %d, late %d", gap, late)
		}
	}
}

// TestSentence_followsWhatFailsNow switches from one fault to another without a pause.
func TestSentence_followsWhatFailsNow(t *testing.T) {
	w := newWatch(t)
	for range 20 {
		w.second(5, 0, 0, 0)
	}
	for range 120 {
		w.second(0, model.FailureRefused, 5, 5)
	}
	require.Contains(t, detect.Sentence(w.last, "client", "server"), "server refuses 100 % of client's connects")
	for range 15 {
		w.second(0, model.FailureGivenUp, 5, 5)
	}
	require.Contains(t, detect.Sentence(w.last, "client", "server"), "server leaves 100 % of client's connects unanswered")
}
