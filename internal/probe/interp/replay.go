// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"errors"
	"fmt"
	"io"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Replay runs a probe on what a recording's hooks saw.
type Replay struct {
	// Machine has the rows, events and losses.
	Machine *Machine
	// Runs is how many sightings were of the probe's hooks, Skipped of others.
	Runs, Skipped int

	recording *Recording
	keys      *keys
	// hooks say for each of the recording's hooks which of the probe's it is; -1 for none.
	hooks  []int
	places []map[string]int
	now    Sighting
}

// hookKey tells hooks apart; the same hook may be there several times.
type hookKey struct {
	name  string
	start bool
	nth   int
}

// key is that of the next hook with a name.
func (h hookKey) key(met map[hookKey]int) hookKey {
	met[h]++
	h.nth = met[h]
	return h
}

// NewReplay looks the probe's hooks up in the recording. An error tells that it has none of one.
func NewReplay(probe *ir.Probe, recording *Recording) (*Replay, error) {
	r := &Replay{recording: recording, keys: newKeys()}
	r.Machine = New(probe, World{Leaf: r.leaf, Running: func() Running { return Running{Now: r.now.Now, CPU: r.now.CPU} }})
	want := map[hookKey]int{}
	met := map[hookKey]int{}
	names := func(hooks []ir.Hook, start bool) {
		for i := range hooks {
			want[hookKey{name: hookName(&hooks[i]), start: start}.key(met)] = i
		}
	}
	names(probe.Hooks, false)
	if probe.Pair != nil {
		names(probe.Pair.Starts, true)
	}
	have := map[hookKey]bool{}
	met = map[hookKey]int{}
	for _, hook := range recording.header.Hooks {
		name := hookKey{name: hook.Hook, start: hook.Start}.key(met)
		index, ok := want[name]
		if !ok {
			index = -1
		}
		have[name] = true
		r.hooks = append(r.hooks, index)
		places := map[string]int{}
		for i, leaf := range hook.Leaves {
			places[leaf.Key+" "+leaf.Type] = i
		}
		r.places = append(r.places, places)
	}
	for name := range want {
		if !have[name] {
			return nil, fmt.Errorf("replaying %s: the recording has nothing of %s", probe.Name, name.name)
		}
	}
	return r, nil
}

// Next runs the next sighting of one of the probe's hooks; io.EOF tells that there is none.
func (r *Replay) Next() (Sighting, Outcome, error) {
	for {
		sighting, err := r.recording.Next()
		if err != nil {
			return sighting, Outcome{}, err
		}
		hook := r.hooks[sighting.Hook]
		if hook < 0 {
			r.Skipped++
			continue
		}
		r.Runs++
		r.now = sighting
		outcome, err := r.Machine.Run(hook, r.recording.header.Hooks[sighting.Hook].Start, nil)
		if err != nil {
			err = fmt.Errorf("replaying line %d: %w", r.recording.line, err)
		}
		return sighting, outcome, err
	}
}

// All runs what is left.
func (r *Replay) All() error {
	for {
		if _, _, err := r.Next(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// leaf gives what was recorded.
func (r *Replay) leaf(e *ir.Expr) (ir.Value, bool, error) {
	key := r.keys.of(e)
	at, ok := r.places[r.now.Hook][key+" "+shapeOf(e.Type)]
	if !ok {
		return ir.Value{}, false, fmt.Errorf("%s (%s) was not recorded: record again with this probe", key, e.Type)
	}
	if value := r.now.Leaves[at]; value != nil {
		return *value, true, nil
	}
	return ir.Value{}, false, nil
}
