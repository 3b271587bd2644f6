// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"bufio"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
)

// TestReplay_recordedQueue plays what was recorded of an edge whose link became narrow: seconds 60 to 70 of the file. It
// holds a line a second: connections opened, mean smoothed round trip and mean handshake in seconds, share sent again.
func TestReplay_recordedQueue(t *testing.T) {
	file, err := os.Open("testdata/queue.series")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	r := newReplay(detect.Config{Learning: 20 * time.Second}, 1)
	second := 0
	for scanner := bufio.NewScanner(file); scanner.Scan(); second++ {
		var opens uint32
		var roundTrip, handshake, again float64
		_, err := fmt.Sscan(scanner.Text(), &opens, &roundTrip, &handshake, &again)
		require.NoError(t, err)
		const segments = 400
		now := begin.Add(time.Duration(second) * time.Second)
		r.note(now, r.detector.Tick(now, []detect.Sample{{
			Edge: "cart-cache", Client: "cart", Server: "cache", Opens: opens, Established: opens, Closes: opens,
			Segments: segments, SentSegments: segments, Retransmits: uint64(again * segments),
			RoundTrip: time.Duration(roundTrip * float64(time.Second)), LeastSmoothed: 20 * time.Microsecond,
			LeastRoundTrip: 10 * time.Microsecond, Handshakes: opens, Handshake: time.Duration(handshake * float64(time.Second)),
			LeastHandshake: 20 * time.Microsecond, Open: 6,
		}}, nil))
	}
	require.Equal(t, map[string]int{"cart-cache latency": 1}, r.opened, r.lines)
	r.golden(t, "queue-recorded")
}
