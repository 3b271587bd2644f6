// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// TestRetransmits_besideFailedConnects has a path lose so much that connects fail as well: both are told. Where nothing
// but SYNs is sent again, the failed connects alone are.
func TestRetransmits_besideFailedConnects(t *testing.T) {
	for name, try := range map[string]struct {
		again   uint64
		connect uint32
		want    []detect.Kind
	}{
		"a lossy path":           {again: 12, connect: 4, want: []detect.Kind{detect.ConnectFailures, detect.Retransmits}},
		"nobody answers":         {again: 12, connect: 12, want: []detect.Kind{detect.ConnectFailures}},
		"answers after two SYNs": {again: 2, want: []detect.Kind{detect.ConnectFailures}},
	} {
		t.Run(name, func(t *testing.T) {
			d := detect.New(detect.Config{}, begin)
			now := begin
			opened := map[detect.Kind]bool{}
			note := func(decisions []detect.Decision) {
				for _, made := range decisions {
					opened[made.Anomaly.Kind] = true
				}
			}
			for second := range 100 {
				sample := detect.Sample{Edge: "e", Client: "cart", Server: "cache", Opens: 1, Established: 1, Closes: 1, Segments: 200, SentSegments: 100}
				if second >= 80 {
					sample.Retransmits, sample.ConnectRetransmits = try.again, try.connect
					sample.Opens, sample.Failures[model.FailureGivenUp] = 2, 1
					note(d.Event(detect.Occurrence{Edge: "e", Kind: model.EventGivenUp, Time: now, Arrived: now}))
				}
				now = now.Add(time.Second)
				note(d.Tick(now, []detect.Sample{sample}, nil))
			}
			var kinds []detect.Kind
			for kind := range opened {
				kinds = append(kinds, kind)
			}
			require.ElementsMatch(t, try.want, kinds)
		})
	}
}
