// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/stats"
)

// overhead measures what an agent costs the programs whose connections it watches, and what it takes itself.
type overhead struct{}

// Name is overhead.
func (overhead) Name() string { return "overhead" }

// About says what is measured.
func (overhead) About() string {
	return "what an agent costs nginx under wrk and iperf3, and what it takes itself"
}

// How much is measured: rounds of both states, rounds with the kernel's account on, and whole seconds of each load.
type overheadSize struct{ rounds, accounts, seconds int }

// The goals: the kernel's time for a request on a kept connection, and for an end of a connection that serves one.
const (
	goalPerRequest = 2e-9
	goalPerEnd     = 1e-6
)

// Run takes turns, in random order, of each workload with an agent and without; and then, in windows of their own, has the
// kernel account for the agent's programs.
func (overhead) Run(ctx context.Context, run *Run) (_ []Row, err error) {
	defer func() { err = interrupted(ctx, err) }()
	size := overheadSize{rounds: 1, accounts: 1, seconds: 1}
	if run.Full {
		size = overheadSize{rounds: 5, accounts: 3, seconds: 2}
	}
	if err := quiet(); err != nil {
		return nil, err
	}
	b, err := newBed(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	m := &overheadMeasures{bed: b, size: size, off: figures{}, on: figures{}, bpf: figures{}}
	for round := range size.rounds {
		states := []bool{false, true}
		rand.Shuffle(2, func(i, j int) { states[i], states[j] = states[j], states[i] })
		for _, watched := range states {
			run.Progress(fmt.Sprintf("round %d of %d, agent %s", round+1, size.rounds, map[bool]string{false: "off", true: "on"}[watched]))
			if err := m.state(ctx, watched); err != nil {
				return nil, err
			}
		}
	}
	run.Progress("the kernel's account")
	if err := m.accounts(ctx); err != nil {
		return nil, err
	}
	return m.rows(), nil
}

// figures are measurements by name.
type figures map[string][]float64

func (f figures) add(name string, value float64) { f[name] = append(f[name], value) }

type overheadMeasures struct {
	bed          *bed
	size         overheadSize
	off, on, bpf figures
	memory       memory
	others       int
}

// state runs every workload once, with an agent or without.
func (m *overheadMeasures) state(ctx context.Context, watched bool) (err error) {
	if err := quiet(); err != nil {
		return err
	}
	into := m.off
	var agent *observed
	if watched {
		into = m.on
		if agent, err = startObserved(ctx, m.bed.client, m.bed.server); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, agent.stop()) }()
		if m.others, err = agent.others(); err != nil {
			return err
		}
		// What it does once, at its start, is not what it costs.
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	for _, load := range workloads() {
		if err := m.measure(ctx, load, agent, into); err != nil {
			return fmt.Errorf("measuring %s: %w", load.name, err)
		}
	}
	if agent == nil {
		return nil
	}
	held, err := agent.group.held(agent.pid())
	if err != nil {
		return err
	}
	m.memory = held
	into.add("memory", held.sum())
	return nil
}

// measure runs one workload.
func (m *overheadMeasures) measure(ctx context.Context, load workload, agent *observed, into figures) error {
	var own, metered time.Duration
	read := func(sign time.Duration) error {
		if agent == nil {
			return nil
		}
		cpu, err := agent.cpu()
		if err != nil {
			return err
		}
		meter, err := stats.Meter(agent.pid())
		own += sign * cpu
		metered += sign * meter.Time
		return err
	}
	if err := read(-1); err != nil {
		return err
	}
	before, err := m.bed.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	units, err := load.run(ctx, m.bed, m.size.seconds)
	if err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	after, err := m.bed.cpu()
	if err != nil {
		return err
	}
	into.add(load.name+"/cpu", (after-before).Seconds()/units)
	into.add(load.name+"/rate", units*load.size/float64(m.size.seconds))
	if agent == nil {
		return nil
	}
	// The walk that tells of a second's load comes after it.
	if err := read(1); err != nil {
		return err
	}
	into.add(load.name+"/agent", own.Seconds()/took)
	into.add(load.name+"/meter", metered.Seconds()/units)
	return nil
}

// accounts measures what the programs cost, by the kernel's own account, less what they cost as long without a load.
func (m *overheadMeasures) accounts(ctx context.Context) (err error) {
	agent, err := startObserved(ctx, m.bed.client, m.bed.server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, agent.stop()) }()
	if err := quiet(); err != nil {
		return err
	}
	on, err := stats.Enable()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, on.Close()) }()
	self, err := stats.Self()
	if err != nil {
		return err
	}
	m.bpf.add("self", self.Seconds())
	rest := func() (spent, error) {
		_, idle, err := accounted(agent, self, func() (float64, error) {
			return 0, pause(ctx, time.Duration(m.size.seconds)*time.Second)
		})
		return idle, err
	}
	before, err := rest()
	if err != nil {
		return err
	}
	for range m.size.accounts {
		for _, load := range workloads() {
			units, busy, err := accounted(agent, self, func() (float64, error) { return load.run(ctx, m.bed, m.size.seconds) })
			if err != nil {
				return fmt.Errorf("accounting for %s: %w", load.name, err)
			}
			after, err := rest()
			if err != nil {
				return err
			}
			// What others on the host do is as before the load and after it.
			m.bpf.add(load.name, (busy.all-(before.all+after.all)/2).Seconds()/units)
			m.bpf.add(load.name+"/runs", (float64(busy.runs)-float64(before.runs+after.runs)/2)/units)
			before = after
		}
	}
	return nil
}

// accounted runs something and gives what the agent's programs have spent meanwhile.
func accounted(agent *observed, self time.Duration, what func() (float64, error)) (float64, spent, error) {
	before, err := agent.account()
	if err != nil {
		return 0, spent{}, err
	}
	units, err := what()
	if err != nil {
		return 0, spent{}, err
	}
	after, err := agent.account()
	if err != nil {
		return 0, spent{}, err
	}
	return units, after.since(before, self), nil
}

// rows are the result. Both ends of every connection are on this host: a node that has one of them pays half.
func (m *overheadMeasures) rows() []Row {
	var rows []Row
	for _, load := range workloads() {
		accounted, goal := bpfRow(load, load.name+": BPF time", m.bpf[load.name])
		if goal > 0 {
			accounted = accounted.WithGoal(goal)
		}
		rows = append(rows, accounted.WithNote("the kernel's account, %.2g runs a %s", Median(m.bpf[load.name+"/runs"]), load.unit))
		metered, _ := bpfRow(load, load.name+": BPF time, metered", m.on[load.name+"/meter"])
		rows = append(rows, metered.WithNote("the sensor's own meter, one run in 256 timed; the whole host's connections"))
		rows = append(rows,
			Compared(fmt.Sprintf("%s: CPU per %s", load.name, load.unit), Seconds, m.on[load.name+"/cpu"], m.off[load.name+"/cpu"]),
			Compared(load.name+": throughput", load.rate, m.on[load.name+"/rate"], m.off[load.name+"/rate"]),
			Measured(load.name+": agent's CPU", Share, m.on[load.name+"/agent"]).WithNote("of one CPU"))
	}
	rows = append(rows,
		Measured("agent's memory", Bytes, m.on["memory"]).WithNote("last: %s", m.memory),
		Measured("an account's own cost, subtracted per run", Seconds, m.bpf["self"]),
		Measured("other tcp sensors on this kernel", Count, []float64{float64(m.others)}).WithNote("on in both states; %s", loadNote()))
	return rows
}

// bpfRow gives the kernel's time by the measure that its goal is in, and that goal; 0 where there is none.
func bpfRow(load workload, name string, perUnit []float64) (Row, float64) {
	if load.ends == 0 {
		goal := 0.0
		if load.unit == "request" {
			goal = goalPerRequest
		}
		return Measured(name+" per "+load.unit, Seconds, perUnit), goal
	}
	perEnd := make([]float64, len(perUnit))
	for i, value := range perUnit {
		perEnd[i] = value / load.ends
	}
	return Measured(name+" per connection end", Seconds, perEnd), goalPerEnd
}
