// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDetector_clockStepsBack by an hour: what is usual must go on being learned at once, and not after that hour.
func TestDetector_clockStepsBack(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	d := New(Config{}, now)
	play := func() (rates int, closes float64) {
		for range 60 * 4 {
			now = now.Add(250 * time.Millisecond)
			d.Tick(now, []Sample{{Edge: "e", Client: "a", Server: "b", Opens: 10, Established: 10, Closes: 10, Segments: 100, SentSegments: 50}}, nil)
		}
		s := d.edges["e"]
		return s.rate.opens.known, s.usualCloses
	}
	rates, _ := play()
	require.Greater(t, rates, 5)
	// What such a step leaves: times of the wall that are yet to come, while time itself has gone on.
	s := d.edges["e"]
	s.rate.learned, s.rate.closesLearned, s.usualCloses = now.Unix()+3600, now.Unix()+3600, 0
	again, closes := play()
	require.Greater(t, again, rates+5)
	require.Positive(t, closes)
}
