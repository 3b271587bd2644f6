// SPDX-License-Identifier: Apache-2.0

package assign_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/assign"
)

// bench drives a table: it does what the table asks and shows what runs.
type bench struct {
	t     *testing.T
	table assign.Table
	now   time.Time
	runs  map[assign.Run]assign.Assignment
	log   []string
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, now: time.Unix(1_000_000, 0), runs: map[assign.Run]assign.Assignment{}}
}

func (b *bench) do(actions []assign.Action) {
	for _, action := range actions {
		if action.Start {
			require.NotContains(b.t, b.runs, action.Run, "a run is started once")
			for _, other := range b.runs {
				require.NotEqual(b.t, other.Sensor.Name, action.Assignment.Sensor.Name, "two runs of one sensor would count twice")
			}
			b.runs[action.Run] = action.Assignment
			b.log = append(b.log, "start "+action.Assignment.ID)
			continue
		}
		require.Contains(b.t, b.runs, action.Run, "only what runs is stopped")
		delete(b.runs, action.Run)
		b.log = append(b.log, "stop "+action.Assignment.ID)
	}
}

func (b *bench) apply(controller string, generation uint64, list ...assign.Assignment) {
	actions, err := b.table.Apply(assign.Desired{Controller: controller, Generation: generation, Assignments: list}, b.now)
	require.NoError(b.t, err)
	b.do(actions)
}

func (b *bench) pass(d time.Duration) {
	b.now = b.now.Add(d)
	b.do(b.table.Advance(b.now))
}

func (b *bench) run(id string) assign.Run {
	for run, assignment := range b.runs {
		if assignment.ID == id {
			return run
		}
	}
	b.t.Fatalf("%s does not run", id)
	return 0
}

// seen shows the log since the last call, then each assignment's state.
func (b *bench) seen() string {
	var parts []string
	parts = append(parts, b.log...)
	b.log = nil
	for _, status := range b.table.Statuses(func(assign.Run) assign.Cost { return assign.Cost{Runs: 1} }) {
		parts = append(parts, fmt.Sprintf("%s=%s", status.ID, status.State))
	}
	return strings.Join(parts, ", ")
}

func tcp(id string, parameters ...string) assign.Assignment {
	assignment := assign.Assignment{ID: id, Sensor: assign.Sensor{Name: "tcp"}}
	if len(parameters) > 0 {
		assignment.Sensor.Parameters = map[string]string{"parameter": parameters[0]}
	}
	return assignment
}

func lasting(ttl time.Duration, assignment assign.Assignment) assign.Assignment {
	assignment.TTL = ttl
	return assignment
}

func named(sensor string, assignment assign.Assignment) assign.Assignment {
	assignment.Sensor.Name = sensor
	return assignment
}

// step does something to a table; want is what was started and stopped by it, and the states after it.
type step struct {
	step func(*bench)
	want string
}

var tableCases = map[string][]step{
	"starts, runs, goes": {
		{func(b *bench) { b.apply("c", 1, tcp("a")) }, "start a, a=pending"},
		{func(b *bench) { b.table.Ready(b.run("a"), nil, b.now) }, "a=running"},
		{func(b *bench) { b.apply("c", 2) }, "stop a"},
	},
	"missing parts": {
		{func(b *bench) { b.apply("c", 1, tcp("a")) }, "start a, a=pending"},
		{func(b *bench) { b.table.Ready(b.run("a"), []string{"No hook."}, b.now) }, "a=degraded"},
	},
	"the same again changes nothing": {
		{func(b *bench) { b.apply("c", 1, tcp("a", "x")) }, "start a, a=pending"},
		{func(b *bench) { b.apply("c", 1, tcp("a", "x")) }, "a=pending"},
		{func(b *bench) { b.apply("c", 2, tcp("a", "x")) }, "a=pending"},
		{func(b *bench) { b.apply("other", 1, tcp("a", "x")) }, "a=pending"},
	},
	"changed parameters restart": {
		{func(b *bench) { b.apply("c", 1, tcp("a", "x")) }, "start a, a=pending"},
		{func(b *bench) { b.apply("c", 2, tcp("a", "y")) }, "stop a, start a, a=pending"},
	},
	"the controller takes over what runs by default": {
		{func(b *bench) { b.apply("", 0, tcp("default")) }, "start default, default=pending"},
		{func(b *bench) { b.table.Ready(b.run("default"), nil, b.now) }, "default=running"},
		{func(b *bench) { b.apply("c", 1, tcp("c1")) }, "c1=running"},
		{func(b *bench) { b.apply("c", 2) }, "stop c1"},
	},
	"a time to live ends, and stays ended": {
		{func(b *bench) { b.apply("c", 1, lasting(time.Minute, tcp("a"))) }, "start a, a=pending"},
		{func(b *bench) { b.pass(59 * time.Second) }, "a=pending"},
		{func(b *bench) { b.apply("c", 2, lasting(time.Minute, tcp("a"))) }, "a=pending"},
		{func(b *bench) { b.pass(time.Second) }, "stop a, a=ended"},
		{func(b *bench) { b.apply("c", 3, lasting(time.Minute, tcp("a"))) }, "a=ended"},
		{func(b *bench) { b.apply("c", 4, lasting(2*time.Minute, tcp("a"))) }, "start a, a=pending"},
		{func(b *bench) { b.apply("c", 5) }, "stop a"},
	},
	"a longer time moves the end without a restart": {
		{func(b *bench) { b.apply("c", 1, lasting(time.Minute, tcp("a"))) }, "start a, a=pending"},
		{func(b *bench) { b.pass(50 * time.Second) }, "a=pending"},
		{func(b *bench) { b.apply("c", 2, lasting(2*time.Minute, tcp("a"))) }, "a=pending"},
		{func(b *bench) { b.pass(119 * time.Second) }, "a=pending"},
		{func(b *bench) { b.pass(time.Second) }, "stop a, a=ended"},
	},
	"what cannot start is refused until it changes": {
		{func(b *bench) { b.apply("c", 1, tcp("a")) }, "start a, a=pending"},
		{func(b *bench) { b.exit("a", "not supported") }, "a=refused"},
		{func(b *bench) { b.pass(time.Hour) }, "a=refused"},
		{func(b *bench) { b.apply("c", 2, tcp("a")) }, "a=refused"},
		{func(b *bench) { b.apply("c", 3, tcp("a", "x")) }, "start a, a=pending"},
	},
	"what ran and failed is started again after a pause that doubles": {
		{func(b *bench) { b.apply("c", 1, tcp("a")) }, "start a, a=pending"},
		{func(b *bench) { b.table.Ready(b.run("a"), nil, b.now); b.exit("a", "ring gone") }, "a=refused"},
		{func(b *bench) { b.pass(999 * time.Millisecond) }, "a=refused"},
		{func(b *bench) { b.pass(time.Millisecond) }, "start a, a=pending"},
		{func(b *bench) { b.table.Ready(b.run("a"), nil, b.now); b.exit("a", "ring gone") }, "a=refused"},
		{func(b *bench) { b.pass(time.Second) }, "a=refused"},
		{func(b *bench) { b.pass(time.Second) }, "start a, a=pending"},
		{func(b *bench) { b.table.Ready(b.run("a"), nil, b.now); b.pass(time.Hour); b.exit("a", "ring gone") }, "a=refused"},
		{func(b *bench) { b.pass(time.Second) }, "start a, a=pending"},
	},
	"one sensor runs once": {
		{func(b *bench) { b.apply("c", 1, lasting(time.Minute, tcp("a")), tcp("b", "x"), named("udp", tcp("u"))) },
			"start a, start u, a=pending, b=refused, u=pending"},
		{func(b *bench) { b.pass(time.Minute) }, "stop a, start b, a=ended, b=pending, u=pending"},
		{func(b *bench) { b.apply("c", 2, tcp("c", "y"), named("udp", tcp("u"))) }, "stop b, start c, c=pending, u=pending"},
	},
	"one that waits takes over from one that was refused": {
		{func(b *bench) { b.apply("c", 1, tcp("a"), tcp("b", "x")) }, "start a, a=pending, b=refused"},
		{func(b *bench) { b.exit("a", "no such parameter"); b.pass(0) }, "start b, a=refused, b=pending"},
		{func(b *bench) { b.exit("b", "not supported"); b.pass(time.Hour) }, "a=refused, b=refused"},
	},
}

func TestTable(t *testing.T) {
	for name, steps := range tableCases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for i, step := range steps {
				step.step(b)
				require.Equal(t, step.want, b.seen(), "step %d", i)
			}
		})
	}
}

func (b *bench) exit(id, reason string) {
	run := b.run(id)
	delete(b.runs, run)
	b.table.Exited(run, reason, b.now)
}

func TestGenerationsOnlyGrow(t *testing.T) {
	b := newBench(t)
	b.apply("c", 7, tcp("a"))
	_, err := b.table.Apply(assign.Desired{Controller: "c", Generation: 6}, b.now)
	require.ErrorIs(t, err, assign.ErrStale)
	require.Len(t, b.runs, 1)
	require.Equal(t, uint64(7), b.table.Generation())
	b.apply("restarted", 1)
	require.Empty(t, b.runs)
}

func TestStaleRunsAreIgnored(t *testing.T) {
	b := newBench(t)
	b.apply("c", 1, tcp("a", "x"))
	old := b.run("a")
	b.apply("c", 2, tcp("a", "y"))
	b.table.Ready(old, nil, b.now)
	b.table.Exited(old, "stopped", b.now)
	b.table.Exited(0, "nothing", b.now)
	b.log = nil
	require.Equal(t, "a=pending", b.seen())
	b.table.Ready(b.run("a"), nil, b.now)
	require.Equal(t, "a=running", b.seen())
}

func TestNextIsWhenThereIsSomethingToDo(t *testing.T) {
	b := newBench(t)
	require.True(t, b.table.Next().IsZero())
	b.apply("c", 1, lasting(time.Minute, tcp("a")), lasting(time.Hour, tcp("b", "x")))
	require.Equal(t, b.now.Add(time.Minute), b.table.Next())
	b.table.Ready(b.run("a"), nil, b.now)
	b.exit("a", "gone")
	require.Equal(t, b.now.Add(time.Second), b.table.Next())
	b.pass(time.Minute)
	require.Equal(t, "start b, a=ended, b=pending", strings.TrimPrefix(b.seen(), "start a, "))
	for next := b.table.Next(); !next.IsZero(); next = b.table.Next() {
		require.True(t, next.After(b.now), "what is due is done")
		b.pass(next.Sub(b.now))
	}
}

func TestReasonsAreGiven(t *testing.T) {
	b := newBench(t)
	actions, err := b.table.Apply(assign.Desired{
		Controller: "c", Generation: 1, Assignments: []assign.Assignment{tcp("a"), tcp("b", "x")},
		Malformed: []assign.Status{{ID: "m", State: assign.Refused, Reason: "it has no kind"}},
	}, b.now)
	require.NoError(t, err)
	b.do(actions)
	b.table.Ready(b.run("a"), []string{"No hook.", "No walk."}, b.now)
	statuses := b.table.Statuses(func(assign.Run) assign.Cost { return assign.Cost{Runs: 3, Memory: 4} })
	require.Equal(t, []assign.Status{
		{ID: "a", State: assign.Degraded, Reason: "No hook. No walk.", Cost: assign.Cost{Runs: 3, Memory: 4}},
		{ID: "b", State: assign.Refused, Reason: "sensor tcp runs already, for assignment a"},
		{ID: "m", State: assign.Refused, Reason: "it has no kind"},
	}, statuses)
}
