// SPDX-License-Identifier: Apache-2.0

package assign_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	"github.com/aeolus-ebpf/aeolus/internal/assign"
)

func state() assign.Desired {
	return assign.Desired{
		Controller: "c0ffee", Generation: 3,
		Assignments: []assign.Assignment{{
			ID: "a", Owner: "default", TTL: 90 * time.Second,
			Budget: assign.Budget{CPUPermille: 5, MemoryBytes: 6, EventsPerSecond: 7},
			Sensor: assign.Sensor{Name: "tcp", Parameters: map[string]string{"walk": "1s"}},
		}, {ID: "b", Sensor: assign.Sensor{Name: "udp"}}},
	}
}

func TestDesiredRoundTrip(t *testing.T) {
	encoded, err := proto.Marshal(assign.Encode(state()))
	require.NoError(t, err)
	var message controlv1.DesiredState
	require.NoError(t, proto.Unmarshal(encoded, &message))
	got, err := assign.Decode(&message)
	require.NoError(t, err)
	require.Equal(t, state(), got)
	short := assign.Desired{Controller: "c", Generation: 1, Assignments: []assign.Assignment{{ID: "a", TTL: time.Millisecond}}}
	require.Equal(t, uint64(1), assign.Encode(short).Assignments[0].TtlSeconds, "a short time is not no end")
}

func TestBadStateIsRejectedWhole(t *testing.T) {
	for name, spoil := range map[string]func(*controlv1.DesiredState){
		"no controller":  func(s *controlv1.DesiredState) { s.ControllerId = "" },
		"long":           func(s *controlv1.DesiredState) { s.ControllerId = strings.Repeat("c", 257) },
		"no generation":  func(s *controlv1.DesiredState) { s.Generation = 0 },
		"too many":       func(s *controlv1.DesiredState) { s.Assignments = make([]*controlv1.Assignment, 257) },
		"no id":          func(s *controlv1.DesiredState) { s.Assignments[0].Id = "" },
		"one id twice":   func(s *controlv1.DesiredState) { s.Assignments[0].Id = "b" },
		"nil assignment": func(s *controlv1.DesiredState) { s.Assignments[0] = nil },
	} {
		message := assign.Encode(state())
		spoil(message)
		_, err := assign.Decode(message)
		require.ErrorIs(t, err, assign.ErrBadState, name)
	}
	_, err := assign.Decode(nil)
	require.ErrorIs(t, err, assign.ErrBadState)
}

func TestBadAssignmentIsRefusedAlone(t *testing.T) {
	for says, spoil := range map[string]func(*controlv1.Assignment){
		"does not know its kind": func(a *controlv1.Assignment) { a.What = nil },
		"owner has 257 bytes":    func(a *controlv1.Assignment) { a.Owner = strings.Repeat("o", 257) },
		"longer than":            func(a *controlv1.Assignment) { a.TtlSeconds = 1 << 63 },
		"name has 0 bytes":       func(a *controlv1.Assignment) { a.GetSensor().Name = "" },
		"a value of 4097 bytes":  func(a *controlv1.Assignment) { a.GetSensor().Parameters["x"] = strings.Repeat("v", 4097) },
		"65 parameters": func(a *controlv1.Assignment) {
			for n := range 64 {
				a.GetSensor().Parameters[strings.Repeat("p", n+1)] = ""
			}
		},
	} {
		message := assign.Encode(state())
		spoil(message.Assignments[0])
		got, err := assign.Decode(message)
		require.NoError(t, err)
		require.Equal(t, state().Assignments[1:], got.Assignments)
		require.Len(t, got.Malformed, 1, says)
		require.Equal(t, "a", got.Malformed[0].ID)
		require.Contains(t, got.Malformed[0].Reason, says)
	}
}

func TestReportRoundTrip(t *testing.T) {
	want := []assign.Status{
		{ID: "a", State: assign.Running, Cost: assign.Cost{Runs: 1, Time: 2, Memory: 3}},
		{ID: "b", State: assign.Refused, Reason: "invalid argument"},
	}
	generation, got, err := assign.DecodeReport(assign.EncodeReport(9, want))
	require.NoError(t, err)
	require.Equal(t, uint64(9), generation)
	require.Equal(t, want, got)

	long := assign.EncodeReport(9, []assign.Status{{ID: "a", State: assign.Refused, Reason: strings.Repeat("x", 20_000) + "\xff the end"}})
	_, got, err = assign.DecodeReport(long)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(got[0].Reason, "? the end"), "a verifier's last words are kept")
	_, err = proto.Marshal(long)
	require.NoError(t, err)

	for _, bad := range []*controlv1.AssignmentStatus{nil, {Id: "a"}, {Id: "a", State: 6}, {Id: "a", State: -1}, {State: 1},
		{Id: "a", State: 1, Reason: strings.Repeat("r", 20_000)}} {
		_, _, err := assign.DecodeReport(&controlv1.Report{Assignments: []*controlv1.AssignmentStatus{bad}})
		require.Error(t, err)
	}
}

func FuzzDecode(f *testing.F) {
	encoded, err := proto.Marshal(assign.Encode(state()))
	require.NoError(f, err)
	f.Add(encoded)
	f.Fuzz(func(t *testing.T, data []byte) {
		var message controlv1.DesiredState
		if proto.Unmarshal(data, &message) != nil {
			return
		}
		desired, err := assign.Decode(&message)
		if err != nil {
			require.ErrorIs(t, err, assign.ErrBadState)
			return
		}
		require.Len(t, message.Assignments, len(desired.Assignments)+len(desired.Malformed))
		again, err := assign.Decode(assign.Encode(desired))
		require.NoError(t, err)
		require.Equal(t, desired.Assignments, again.Assignments)
	})
}
