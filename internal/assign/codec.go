// SPDX-License-Identifier: Apache-2.0

package assign

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
)

// Bounds of a desired state.
const (
	MaxAssignments = 256
	MaxParameters  = 64
	MaxName        = 256
	MaxValue       = 4_096
	MaxReason      = 16_384
	// MaxTTL keeps a deadline within what a time can hold.
	MaxTTL = 10 * 365 * 24 * time.Hour
)

// ErrBadState is wrapped by the errors of Decode: the desired state is meaningless as a whole.
var ErrBadState = errors.New("bad desired state")

// Decode takes a desired state apart. An assignment that is wrong by itself is listed as malformed; an error means that
// nothing was taken.
func Decode(from *controlv1.DesiredState) (Desired, error) {
	switch {
	case from == nil:
		return Desired{}, fmt.Errorf("%w: it is missing", ErrBadState)
	case from.ControllerId == "" || len(from.ControllerId) > MaxName:
		return Desired{}, fmt.Errorf("%w: its controller's id has %d bytes: 1 to %d are allowed", ErrBadState, len(from.ControllerId), MaxName)
	case from.Generation == 0:
		return Desired{}, fmt.Errorf("%w: it has no generation", ErrBadState)
	case len(from.Assignments) > MaxAssignments:
		return Desired{}, fmt.Errorf("%w: it has %d assignments: %d are allowed", ErrBadState, len(from.Assignments), MaxAssignments)
	}
	out := Desired{Controller: from.ControllerId, Generation: from.Generation}
	seen := make(map[string]bool, len(from.Assignments))
	for i, encoded := range from.Assignments {
		id := encoded.GetId()
		if id == "" || len(id) > MaxName {
			return Desired{}, fmt.Errorf("%w: assignment %d has an id of %d bytes: 1 to %d are allowed", ErrBadState, i, len(id), MaxName)
		}
		if seen[id] {
			return Desired{}, fmt.Errorf("%w: two assignments have the id %q", ErrBadState, id)
		}
		seen[id] = true
		assignment, err := decodeAssignment(encoded)
		if err != nil {
			out.Malformed = append(out.Malformed, Status{ID: id, State: Refused, Reason: err.Error()})
			continue
		}
		out.Assignments = append(out.Assignments, assignment)
	}
	return out, nil
}

func decodeAssignment(from *controlv1.Assignment) (Assignment, error) {
	if len(from.GetOwner()) > MaxName {
		return Assignment{}, fmt.Errorf("its owner has %d bytes: %d are allowed", len(from.GetOwner()), MaxName)
	}
	if from.GetTtlSeconds() > uint64(MaxTTL/time.Second) {
		return Assignment{}, fmt.Errorf("its time of %d s is longer than %s", from.GetTtlSeconds(), MaxTTL)
	}
	sensor := from.GetSensor()
	if sensor == nil {
		return Assignment{}, errors.New("this agent does not know its kind: it knows sensors")
	}
	if sensor.GetName() == "" || len(sensor.GetName()) > MaxName {
		return Assignment{}, fmt.Errorf("its sensor's name has %d bytes: 1 to %d are allowed", len(sensor.GetName()), MaxName)
	}
	if len(sensor.GetParameters()) > MaxParameters {
		return Assignment{}, fmt.Errorf("it has %d parameters: %d are allowed", len(sensor.GetParameters()), MaxParameters)
	}
	for name, value := range sensor.GetParameters() {
		if name == "" || len(name) > MaxName || len(value) > MaxValue {
			return Assignment{}, fmt.Errorf("its parameter %.40q has a name of %d and a value of %d bytes: 1 to %d and %d are allowed",
				name, len(name), len(value), MaxName, MaxValue)
		}
	}
	return Assignment{
		ID:    from.GetId(),
		Owner: from.GetOwner(),
		TTL:   time.Duration(from.GetTtlSeconds()) * time.Second,
		Budget: Budget{
			CPUPermille:     from.GetBudget().GetCpuPermille(),
			MemoryBytes:     from.GetBudget().GetMemoryBytes(),
			EventsPerSecond: from.GetBudget().GetEventsPerSecond(),
		},
		Sensor: Sensor{Name: sensor.GetName(), Parameters: maps.Clone(sensor.GetParameters())},
	}, nil
}

// Encode makes the message of a desired state; what is malformed stays behind.
func Encode(from Desired) *controlv1.DesiredState {
	out := &controlv1.DesiredState{ControllerId: from.Controller, Generation: from.Generation}
	for _, assignment := range from.Assignments {
		out.Assignments = append(out.Assignments, &controlv1.Assignment{
			Id:         assignment.ID,
			Owner:      assignment.Owner,
			TtlSeconds: seconds(assignment.TTL),
			Budget: &controlv1.Budget{
				CpuPermille:     assignment.Budget.CPUPermille,
				MemoryBytes:     assignment.Budget.MemoryBytes,
				EventsPerSecond: assignment.Budget.EventsPerSecond,
			},
			What: &controlv1.Assignment_Sensor{Sensor: &controlv1.Sensor{
				Name: assignment.Sensor.Name, Parameters: maps.Clone(assignment.Sensor.Parameters),
			}},
		})
	}
	return out
}

// seconds rounds up: 0 would stand for no end at all.
func seconds(ttl time.Duration) uint64 {
	return uint64((max(ttl, 0) + time.Second - 1) / time.Second)
}

// EncodeReport makes the message of an agent's answers.
func EncodeReport(generation uint64, statuses []Status) *controlv1.Report {
	out := &controlv1.Report{Generation: generation}
	for _, status := range statuses {
		out.Assignments = append(out.Assignments, &controlv1.AssignmentStatus{
			Id:     status.ID,
			State:  controlv1.AssignmentStatus_State(status.State),
			Reason: text(status.Reason),
			Cost: &controlv1.Cost{
				Runs: status.Cost.Runs, Nanoseconds: uint64(max(status.Cost.Time, 0)), MemoryBytes: status.Cost.Memory,
			},
		})
	}
	return out
}

// text makes a reason fit to travel. A verifier's words end with what matters, so the beginning goes.
func text(reason string) string {
	if len(reason) > MaxReason {
		reason = "..." + reason[len(reason)-MaxReason+3:]
	}
	return strings.ToValidUTF8(reason, "?")
}

// DecodeReport takes an agent's answers apart.
func DecodeReport(from *controlv1.Report) (generation uint64, statuses []Status, err error) {
	if len(from.GetAssignments()) > 2*MaxAssignments {
		return 0, nil, fmt.Errorf("reading a report: it answers for %d assignments: %d are allowed", len(from.GetAssignments()), 2*MaxAssignments)
	}
	for _, encoded := range from.GetAssignments() {
		state := State(min(max(encoded.GetState(), 0), math.MaxUint8))
		switch {
		case encoded.GetId() == "" || len(encoded.GetId()) > MaxName:
			return 0, nil, fmt.Errorf("reading a report: an id has %d bytes: 1 to %d are allowed", len(encoded.GetId()), MaxName)
		case len(encoded.GetReason()) > MaxReason:
			return 0, nil, fmt.Errorf("reading a report: a reason has %d bytes: %d are allowed", len(encoded.GetReason()), MaxReason)
		case state < Pending || state > Ended:
			return 0, nil, fmt.Errorf("reading a report: %d is no state", encoded.GetState())
		}
		cost := encoded.GetCost()
		statuses = append(statuses, Status{
			ID: encoded.GetId(), State: state, Reason: encoded.GetReason(),
			Cost: Cost{
				Runs: cost.GetRuns(), Time: time.Duration(min(cost.GetNanoseconds(), math.MaxInt64)), Memory: cost.GetMemoryBytes(),
			},
		})
	}
	return from.GetGeneration(), statuses, nil
}
