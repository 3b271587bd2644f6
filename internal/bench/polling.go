// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/stats"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// polling measures an agent against what would be used without one.
type polling struct{}

// Name is polling.
func (polling) Name() string { return "polling" }

// About says what is measured.
func (polling) About() string {
	return "an agent against ss and conntrack, polled: the CPU of each, and what each sees of short connections"
}

// How much is measured: at how many connections, for how long, how many rounds, and of how many short connections.
type pollingSize struct {
	levels []int
	// walk is how many connections there are when there are as many sockets as the walk's budget speaks of.
	walk   int
	window time.Duration
	// rest is how long the agent has before the walk is measured: whose the accepted ones are is found out after seconds.
	rest    time.Duration
	rounds  int
	briefly int
}

const (
	// busyShare is what share of the connections carries something in a second.
	busyShare = 0.1
	// The goals.
	goalAgainstPolling = 0.2
	goalWalk           = 5e-3
	goalMemory         = 80 << 20
)

// Run grows a crowd of connections; at each size it lets the agent work alone, then polls beside it, in turn.
func (polling) Run(ctx context.Context, run *Run) (_ []Row, err error) {
	defer func() { err = interrupted(ctx, err) }()
	size := pollingSize{levels: []int{100}, walk: 50, window: time.Second, rest: time.Second, rounds: 1, briefly: 500}
	if run.Full {
		size = pollingSize{levels: []int{1000, 10_000}, walk: 5000, window: 3 * time.Second, rest: 8 * time.Second, rounds: 3, briefly: 10_000}
	}
	if err := quiet(); err != nil {
		return nil, err
	}
	crowd, err := newCrowd()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, crowd.close()) }()
	poller, err := newPoller(crowd.namespace)
	if err != nil {
		return nil, err
	}
	agent, err := startObserved(ctx, crowd.namespace)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, agent.stop()) }()
	m := &pollingMeasures{size: size, run: run, crowd: crowd, poller: poller, agent: agent}
	if err := m.all(ctx); err != nil {
		return nil, err
	}
	others, err := agent.others()
	if err != nil {
		return nil, err
	}
	return append(m.rows, Measured("other tcp sensors on this kernel", Count, []float64{float64(others)}).WithNote("%s", loadNote())), nil
}

type pollingMeasures struct {
	size   pollingSize
	run    *Run
	crowd  *crowd
	poller *poller
	agent  *observed
	rows   []Row
	// idle is the agent's CPU without connections.
	idle []float64
}

func (m *pollingMeasures) all(ctx context.Context) error {
	// What the agent does once, at its start, is not what it costs.
	if err := pause(ctx, m.size.window); err != nil {
		return err
	}
	m.run.Progress("no connections")
	for range m.size.rounds {
		cpu, err := m.alone(ctx)
		if err != nil {
			return err
		}
		m.idle = append(m.idle, cpu)
	}
	m.rows = append(m.rows, Measured("no connections: agent's CPU", Share, m.idle).WithNote("of one CPU"))
	steps := []func(context.Context) error{m.walk}
	for _, count := range m.size.levels {
		step := func(ctx context.Context) error { return m.level(ctx, count) }
		if count < m.size.walk {
			steps = append([]func(context.Context) error{step}, steps...)
		} else {
			steps = append(steps, step)
		}
	}
	for _, step := range append(steps, m.brief) {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// alone gives the agent's CPU over a window, of one CPU.
func (m *pollingMeasures) alone(ctx context.Context) (float64, error) {
	before, err := m.agent.cpu()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := pause(ctx, m.size.window); err != nil {
		return 0, err
	}
	after, err := m.agent.cpu()
	return (after - before).Seconds() / time.Since(began).Seconds(), err
}

// accounted gives what the agent's programs take in a window, by the kernel's account.
func (m *pollingMeasures) accounted(ctx context.Context) (_ spent, err error) {
	if err := quiet(); err != nil {
		return spent{}, err
	}
	on, err := stats.Enable()
	if err != nil {
		return spent{}, err
	}
	defer func() { err = errors.Join(err, on.Close()) }()
	self, err := stats.Self()
	if err != nil {
		return spent{}, err
	}
	_, used, err := accounted(m.agent, self, func() (float64, error) { return 0, pause(ctx, m.size.window) })
	return used, err
}

// aSecond is a time within a window as a share of one CPU.
func (m *pollingMeasures) aSecond(took time.Duration) float64 {
	return max(0, took.Seconds()) / m.size.window.Seconds()
}

// grow makes connections, busy ones among them, and lets the agent come to rest.
func (m *pollingMeasures) grow(ctx context.Context, count int, busy float64) error {
	m.run.Progress(units.Number(float64(count)) + " connections")
	if err := m.crowd.grow(ctx, count); err != nil {
		return err
	}
	if err := m.crowd.busy(busy); err != nil {
		return err
	}
	return pause(ctx, max(m.size.window/2, time.Second))
}

// walk measures the walk over sockets that all are still: what the agent takes more than without any.
func (m *pollingMeasures) walk(ctx context.Context) error {
	if err := m.grow(ctx, m.size.walk, 0); err != nil {
		return err
	}
	if err := pause(ctx, m.size.rest); err != nil {
		return err
	}
	var walks []float64
	for i := range m.size.rounds {
		cpu, err := m.alone(ctx)
		if err != nil {
			return err
		}
		walks = append(walks, cpu-m.idle[i])
	}
	used, err := m.accounted(ctx)
	if err != nil {
		return err
	}
	name := units.Number(float64(2*m.size.walk)) + " sockets"
	m.rows = append(m.rows,
		Measured(name+": CPU of the walk, a second", Seconds, walks).WithGoal(goalWalk).
			WithNote("the agent's CPU, less that without connections"),
		Measured(name+": the walk's program, a second", Seconds, []float64{m.aSecond(used.walk)}).WithNote("the kernel's account; part of the above"))
	return m.memory(name)
}

// level measures at one number of connections.
func (m *pollingMeasures) level(ctx context.Context, count int) error {
	if err := m.grow(ctx, count, busyShare); err != nil {
		return err
	}
	var ours, slow, fast, reached, programs, runs []float64
	for round := range m.size.rounds {
		m.run.Progress(fmt.Sprintf("%s connections, round %d of %d", units.Number(float64(count)), round+1, m.size.rounds))
		cpu, err := m.alone(ctx)
		if err != nil {
			return err
		}
		used, err := m.accounted(ctx)
		if err != nil {
			return err
		}
		program := m.aSecond(used.elsewhere)
		once, err := m.poller.lasting(ctx, m.size.window, time.Second)
		if err != nil {
			return err
		}
		often, err := m.poller.lasting(ctx, m.size.window, leastInterval)
		if err != nil {
			return err
		}
		programs, runs = append(programs, program), append(runs, float64(used.runsElsewhere)/m.size.window.Seconds())
		ours, slow, fast = append(ours, cpu+program), append(slow, once.cpu), append(fast, often.cpu)
		reached = append(reached, often.interval.Seconds())
	}
	name := units.Number(float64(count)) + " connections"
	m.rows = append(m.rows,
		Compared(name+": CPU, against polling once a second", Share, ours, slow).WithRatioGoal(goalAgainstPolling).
			WithNote("of one CPU; agent, and its programs in others' contexts (%s, %s runs, the whole host's)",
				units.Percent(Median(programs)), units.Rate(Median(runs))),
		Compared(name+": CPU, against polling back to back", Share, ours, fast).WithRatioGoal(goalAgainstPolling).WithNote("of one CPU"),
		Measured(name+": interval that polling back to back reached", Seconds, reached))
	return m.memory(name)
}

// memory measures what the agent holds at this number of connections.
func (m *pollingMeasures) memory(when string) error {
	held, err := m.agent.group.held(m.agent.pid())
	if err != nil {
		return err
	}
	m.rows = append(m.rows, Measured(when+": agent's memory", Bytes, []float64{held.sum()}).WithGoal(goalMemory).WithNote("%s", held))
	return nil
}

// reportWithin is how long the agent may take until it has reported the last short connection.
const reportWithin = 15 * time.Second

// brief makes short connections and compares who saw how many.
func (m *pollingMeasures) brief(ctx context.Context) error {
	m.run.Progress(units.Number(float64(m.size.briefly)) + " short connections")
	if err := m.crowd.busy(0); err != nil {
		return err
	}
	if err := m.crowd.listen(ctx, net4(briefPort)); err != nil {
		return err
	}
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	m.agent.sink.watch(briefPort)
	// The connection that tried whether the server listens is not one of them.
	m.poller.port = fmt.Sprint(briefPort)
	if _, err := m.poller.once(ctx); err != nil {
		return err
	}
	earlier := len(m.poller.conntrackSeen)
	over, count, err := m.crowd.brief(m.size.briefly)
	if err != nil {
		return err
	}
	polled, err := m.poller.during(ctx, over, leastInterval)
	if err != nil {
		return err
	}
	made, err := count()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(reportWithin); m.agent.sink.seen() < made && time.Now().Before(deadline); {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	share := func(seen int) []float64 { return []float64{float64(seen) / float64(made)} }
	name := fmt.Sprintf("%s short connections: share seen", units.Number(float64(made)))
	ours := m.agent.sink.seen()
	m.rows = append(m.rows,
		Compared(name+", against ss", Share, share(ours), share(len(m.poller.ssSeen))).WithLeast(1).
			WithNote("%d of %d; polled every %s", ours, made, units.Duration(polled.interval)),
		Compared(name+", against conntrack", Share, share(ours), share(len(m.poller.conntrackSeen)-earlier)).WithLeast(1).
			WithNote("conntrack keeps what has ended for two minutes, without process, bytes or times"))
	return nil
}
