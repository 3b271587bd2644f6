// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// busyEdge is a detector that has seen four connections a second open and end on an edge for two minutes.
func busyEdge() (*detect.Detector, time.Time) {
	d := detect.New(detect.Config{}, begin)
	at := begin
	for range 120 {
		at = at.Add(time.Second)
		d.Tick(at, []detect.Sample{{Edge: "a-b", Client: "a", Server: "b", Opens: 4, Established: 4, Closes: 4, Segments: 40}}, nil)
	}
	return d, at
}

func reset(at time.Time) detect.Occurrence {
	return detect.Occurrence{Edge: "a-b", Kind: model.EventReset, Time: at, Arrived: at.Add(time.Millisecond)}
}

// A client that was not scheduled for a second and a half throws away the connections of its pool: seen in half an hour
// without faults on a host with more to do than it could.
func TestResets_atOneMomentAreOneMishap(t *testing.T) {
	d, at := busyEdge()
	for i := range 4 {
		require.Empty(t, d.Event(reset(at.Add(time.Duration(i)*time.Millisecond))))
	}
}

func TestResets_oneAfterTheOther(t *testing.T) {
	d, at := busyEdge()
	var opened []detect.Decision
	for i := range 3 {
		opened = append(opened, d.Event(reset(at.Add(time.Duration(i)*150*time.Millisecond)))...)
	}
	require.Len(t, opened, 1)
	require.Equal(t, detect.Resets, opened[0].Anomaly.Kind)
}
