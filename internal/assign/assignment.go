// SPDX-License-Identifier: Apache-2.0

package assign

import (
	"maps"
	"time"
)

// Assignment is one thing an agent should be running.
type Assignment struct {
	// ID is chosen by the controller and means the same assignment for as long as it is listed.
	ID    string
	Owner string
	// TTL is how long the agent runs it by itself; 0 for as long as it is assigned.
	TTL    time.Duration
	Budget Budget
	Sensor Sensor
}

// Sensor is a built-in program set with its parameters.
type Sensor struct {
	Name       string
	Parameters map[string]string
}

// Budget is what an assignment may cost; 0 for no limit of its own.
type Budget struct {
	CPUPermille     uint32
	MemoryBytes     uint64
	EventsPerSecond uint32
}

// sameWork tells whether two assignments would run the same programs in the same way.
func sameWork(a, b Assignment) bool {
	return a.Sensor.Name == b.Sensor.Name && a.Budget == b.Budget && maps.Equal(a.Sensor.Parameters, b.Sensor.Parameters)
}

// Desired is the full list of what an agent should be running.
type Desired struct {
	// Controller is random per start of the controller; a new one resets the generation. It is empty for the agent's own
	// default list.
	Controller  string
	Generation  uint64
	Assignments []Assignment
	// Malformed are the assignments that cannot be understood; the agent answers for them too.
	Malformed []Status
}

// State is what became of an assignment.
type State uint8

// The states.
const (
	Pending State = iota + 1
	Running
	// Degraded runs without some of its parts.
	Degraded
	Refused
	// Ended has outlived its TTL.
	Ended
)

func (s State) String() string {
	return [...]string{"unknown", "pending", "running", "degraded", "refused", "ended"}[min(s, Ended)]
}

// Status is the agent's answer for one assignment.
type Status struct {
	ID    string
	State State
	// Reason says why it does not run, or not whole.
	Reason string
	Cost   Cost
}

// Cost is what an assignment has cost so far.
type Cost struct {
	Runs   uint64
	Time   time.Duration
	Memory uint64
}
