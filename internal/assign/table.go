// SPDX-License-Identifier: Apache-2.0

package assign

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What runs and fails is started again after a pause that doubles.
const (
	firstPause = time.Second
	lastPause  = time.Minute
	// steadyAfter is how long something must have run for its next failure to count as the first.
	steadyAfter = 10 * time.Minute
)

// ErrStale is returned for a desired state older than the one that is followed.
var ErrStale = errors.New("the desired state is older than the one followed")

// Run numbers one start of one assignment: what is reported of an earlier run is ignored.
type Run uint64

// Action is a step that brings what runs nearer to what is desired.
type Action struct {
	// Start is set for a start; else the run is to be stopped. A start comes after the stops it depends on.
	Start      bool
	Run        Run
	Assignment Assignment
}

// Table knows what is desired and what became of it. It is not safe for concurrent use.
type Table struct {
	controller string
	generation uint64
	entries    []*entry
	malformed  []Status
	lastRun    Run
}

type entry struct {
	assignment Assignment
	state      State
	reason     string
	// deadline is when the TTL ends; zero for never.
	deadline time.Time
	// run is the start that is under way or running; 0 for none.
	run     Run
	readyAt time.Time
	// retryAt is when it is started again after a failure; zero for not by itself.
	retryAt time.Time
	pause   time.Duration
	// inWay is the assignment that already runs the same sensor; empty for none.
	inWay string
}

// Generation is the one that is followed; 0 while no controller has spoken.
func (t *Table) Generation() uint64 { return t.generation }

// Apply replaces what is desired. An assignment that is already there keeps its deadline and, unless its work changes,
// its run; so does the same work under another id.
func (t *Table) Apply(desired Desired, now time.Time) ([]Action, error) {
	if desired.Controller == t.controller && desired.Generation < t.generation {
		return nil, fmt.Errorf("%w: it has generation %d, and %d is followed", ErrStale, desired.Generation, t.generation)
	}
	t.controller, t.generation, t.malformed = desired.Controller, desired.Generation, desired.Malformed
	before := t.entries
	after := make([]*entry, len(desired.Assignments))
	for i, assignment := range desired.Assignments {
		after[i] = take(&before, func(e *entry) bool { return e.assignment.ID == assignment.ID })
	}
	for i, assignment := range desired.Assignments {
		if after[i] == nil {
			if same := take(&before, func(e *entry) bool { return e.run != 0 && sameWork(e.assignment, assignment) }); same != nil {
				same.deadline = deadline(assignment, now)
				same.assignment = assignment
				after[i] = same
			}
		}
	}
	var actions []Action
	for _, gone := range before {
		actions = append(actions, gone.stop()...)
	}
	for i, assignment := range desired.Assignments {
		if after[i] == nil {
			after[i] = &entry{assignment: assignment, state: Pending, deadline: deadline(assignment, now)}
			continue
		}
		actions = append(actions, after[i].replace(assignment, now)...)
	}
	t.entries = after
	return append(actions, t.Advance(now)...), nil
}

// take removes the first entry that fits from a list and returns it.
func take(list *[]*entry, fits func(*entry) bool) *entry {
	for i, e := range *list {
		if fits(e) {
			*list = append(append([]*entry(nil), (*list)[:i]...), (*list)[i+1:]...)
			return e
		}
	}
	return nil
}

func deadline(assignment Assignment, now time.Time) time.Time {
	if assignment.TTL == 0 {
		return time.Time{}
	}
	return now.Add(assignment.TTL)
}

// replace gives an entry the assignment's new text.
func (e *entry) replace(assignment Assignment, now time.Time) []Action {
	changed := !sameWork(e.assignment, assignment)
	if changed || e.assignment.TTL != assignment.TTL {
		e.deadline = deadline(assignment, now)
		if e.state == Ended {
			e.state = Pending
		}
	}
	var actions []Action
	if changed {
		actions = e.stop()
		e.state, e.reason, e.retryAt, e.pause = Pending, "", time.Time{}, 0
	}
	e.assignment = assignment
	return actions
}

func (e *entry) stop() []Action {
	if e.run == 0 {
		return nil
	}
	action := Action{Run: e.run, Assignment: e.assignment}
	e.run = 0
	return []Action{action}
}

// Advance ends what has outlived its TTL and starts what is due. It is called whenever Next has come.
func (t *Table) Advance(now time.Time) []Action {
	var actions []Action
	for _, e := range t.entries {
		if e.state != Ended && !e.deadline.IsZero() && !now.Before(e.deadline) {
			actions = append(actions, e.stop()...)
			e.state, e.inWay, e.retryAt = Ended, "", time.Time{}
			e.reason = fmt.Sprintf("its time of %s has passed", e.assignment.TTL)
		}
	}
	holders := map[string]*entry{}
	for _, e := range t.entries {
		if e.run != 0 {
			holders[e.assignment.Sensor.Name] = e
		}
	}
	for _, e := range t.entries {
		actions = append(actions, t.consider(e, holders, now)...)
	}
	return actions
}

// consider starts an entry that should run and does not, unless another runs the same sensor: two would count twice.
func (t *Table) consider(e *entry, holders map[string]*entry, now time.Time) []Action {
	if e.state == Ended || e.run != 0 {
		return nil
	}
	holder := holders[e.assignment.Sensor.Name]
	if holder != nil {
		e.state, e.inWay, e.retryAt = Refused, holder.assignment.ID, time.Time{}
		e.reason = fmt.Sprintf("sensor %s runs already, for assignment %s", e.assignment.Sensor.Name, holder.assignment.ID)
		return nil
	}
	due := e.state == Pending || e.inWay != "" || (!e.retryAt.IsZero() && !now.Before(e.retryAt))
	if !due {
		return nil
	}
	t.lastRun++
	e.run, e.state, e.inWay, e.retryAt = t.lastRun, Pending, "", time.Time{}
	e.readyAt = time.Time{}
	holders[e.assignment.Sensor.Name] = e
	return []Action{{Start: true, Run: e.run, Assignment: e.assignment}}
}

// Ready notes that a run sees all that it can see; missing says what it cannot.
func (t *Table) Ready(run Run, missing []string, now time.Time) {
	e := t.find(run)
	if e == nil {
		return
	}
	e.readyAt = now
	e.state, e.reason = Running, ""
	if len(missing) > 0 {
		e.state, e.reason = Degraded, strings.Join(missing, " ")
	}
}

// Exited notes that a run is over without having been stopped. What was never ready is not tried again until its
// assignment changes: the kernel would say the same. What ran is started again after a pause.
func (t *Table) Exited(run Run, reason string, now time.Time) {
	e := t.find(run)
	if e == nil {
		return
	}
	e.run, e.state, e.reason = 0, Refused, reason
	if e.readyAt.IsZero() {
		e.retryAt = time.Time{}
		return
	}
	if now.Sub(e.readyAt) >= steadyAfter {
		e.pause = 0
	}
	e.pause = min(max(2*e.pause, firstPause), lastPause)
	e.retryAt = now.Add(e.pause)
}

func (t *Table) find(run Run) *entry {
	for _, e := range t.entries {
		if e.run == run && run != 0 {
			return e
		}
	}
	return nil
}

// Next is when Advance has something to do; zero for never.
func (t *Table) Next() time.Time {
	var next time.Time
	sooner := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, e := range t.entries {
		if e.state != Ended {
			sooner(e.deadline)
			sooner(e.retryAt)
		}
	}
	return next
}

// Statuses answers for each assignment, in the order of the list. Cost gives the cost of a run.
func (t *Table) Statuses(cost func(Run) Cost) []Status {
	statuses := make([]Status, 0, len(t.entries)+len(t.malformed))
	for _, e := range t.entries {
		status := Status{ID: e.assignment.ID, State: e.state, Reason: e.reason}
		if e.run != 0 {
			status.Cost = cost(e.run)
		}
		statuses = append(statuses, status)
	}
	return append(statuses, t.malformed...)
}
