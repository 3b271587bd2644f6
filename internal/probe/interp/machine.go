// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Machine runs a probe: it is what the programs and maps of the kernel are together. It is not safe for use by several
// goroutines.
type Machine struct {
	probe  *ir.Probe
	world  World
	rows   map[string]*row
	other  *row
	pairs  map[string]started
	events []ir.Event
	losses [ir.Losses]uint64
}

type started struct {
	at   uint64
	kept []ir.Value
}

// Outcome is what became of one run.
type Outcome struct {
	// Matched runs were counted; a start that Kept something is none.
	Matched, Kept bool
	// Event tells that an event left, Answered that a trigger was reached.
	Event, Answered bool
	// Lost tells that the run ended, or its event did not leave, because of Loss; Failed is the expression that could not be
	// evaluated, if that was the cause.
	Lost   bool
	Loss   ir.Loss
	Failed *Failure
}

// New makes a machine that nothing has happened to yet.
func New(probe *ir.Probe, world World) *Machine {
	world.fill()
	return &Machine{probe: probe, world: world, rows: map[string]*row{}, pairs: map[string]started{}}
}

// Run is what happens when a hook of the probe is reached: one of Probe.Hooks, or of Pair.Starts. The context is what the
// kernel hands to the program. An error tells that the probe is malformed or the recording lacks something; what can happen
// to a sound probe is in the outcome.
func (m *Machine) Run(hook int, start bool, context []byte) (Outcome, error) {
	hooks := m.probe.Hooks
	if start {
		hooks = nil
		if m.probe.Pair != nil {
			hooks = m.probe.Pair.Starts
		}
	}
	if hook < 0 || hook >= len(hooks) {
		return Outcome{}, fmt.Errorf("running hook %d of %d", hook, len(hooks))
	}
	run := &run{Machine: m, frame: newFrame(&m.world, context), hook: &hooks[hook], index: hook}
	var err error
	if start {
		err = run.start()
	} else {
		err = run.whole()
	}
	m.losses[ir.StacksFull] += run.lostStacks
	if failed := (*Failure)(nil); asFailure(err, &failed) {
		run.outcome.Failed = failed
		run.lose(ir.ReadFailed)
		err = nil
	}
	if errors.Is(err, errEnded) {
		err = nil
	}
	return run.outcome, err
}

// Rows are what the measures have come to: by key, and last what found no room (without keys).
func (m *Machine) Rows() []ir.Row {
	names := make([]string, 0, len(m.rows))
	for name := range m.rows {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	rows := make([]ir.Row, 0, len(names)+1)
	for _, name := range names {
		rows = append(rows, m.rows[name].result())
	}
	if m.other != nil {
		rows = append(rows, m.other.result())
	}
	return rows
}

// Events are all that have left so far.
func (m *Machine) Events() []ir.Event { return m.events }

// Losses are how much was lost, by cause.
func (m *Machine) Losses() [ir.Losses]uint64 { return m.losses }
