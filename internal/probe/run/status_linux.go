// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/clock"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/meter"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// Status tells how the probe is doing, or how it ended.
func (p *Probe) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept != nil {
		return p.kept.status
	}
	return p.status()
}

// status reads the figures of a probe that is in the kernel. p.mu is held. What cannot be read stays zero.
func (p *Probe) status() Status {
	object, resolved := p.loaded.compiled.Object, p.loaded.compiled.Resolved
	s := Status{Since: p.since, Notes: slices.Clone(p.loaded.notes)}
	for _, w := range p.loaded.walkers {
		if note := w.note(); note != "" {
			s.Notes = append(s.Notes, note)
		}
	}
	if p.ir.TTL > 0 {
		s.Ends = p.since.Add(p.ir.TTL)
	}
	if p.scope != nil {
		s.Members = p.scope.who()
	}
	if object.Sampled > 1 {
		s.Notes = append(s.Notes, fmt.Sprintf("a hook runs too often for a counter that all processors share: the trigger counts one match in %d, with its weight", object.Sampled))
	}
	s.Losses, _ = p.losses()
	s.Cost.Memory = p.loaded.Memory()
	readings := make([]meter.Reading, len(object.Programs))
	if meters, ok := p.loaded.Maps[gen.MapMeters]; ok {
		if read, err := meter.Read(meters, len(object.Programs)); err == nil {
			readings = read
		}
	}
	for i := range object.Programs {
		program := &object.Programs[i]
		s.Hooks = append(s.Hooks, HookStatus{
			Hook: program.Hook, Start: program.Start, Name: programName(resolved, program), Runs: readings[i].Runs, Time: readings[i].Time,
		})
		s.Cost.Runs += readings[i].Runs
		s.Cost.Time += readings[i].Time
	}
	if lived := time.Since(p.since); lived > 0 {
		s.Cost.Share = float64(s.Cost.Time) / float64(lived)
	}
	return s
}

// switchedOff tells why the probe has switched itself off, if it has.
func (p *Probe) switchedOff() string {
	m, ok := p.loaded.Maps[gen.MapControl]
	if !ok {
		return ""
	}
	value, err := m.LookupBytes(make([]byte, m.KeySize()))
	var control gen.Control
	if err == nil {
		err = control.UnmarshalBinary(value)
	}
	switch {
	case err != nil || control.Off == 0:
		return ""
	case control.Off == gen.OffCPU:
		budget := p.ir.Budget.CPU
		if budget == 0 {
			budget = gen.DefaultCPU
		}
		return fmt.Sprintf("it took more than its budget of %s of a processor", units.Percent(float64(budget)/1e6))
	}
	return "it was switched off in the kernel"
}

// roomShare is which part of the map may be full before keys are taken out, and to which part they are.
const (
	roomFull = 0.75
	roomLeft = 0.5
)

// makeRoom takes keys with little out of the kernel, where those with the most are asked for. p.mu is held.
func (p *Probe) makeRoom() error {
	if p.summary == nil {
		return nil
	}
	rows := p.loaded.Maps[gen.MapRows]
	entries, err := p.entries()
	if err != nil {
		return err
	}
	other, err := p.other()
	if err != nil {
		return err
	}
	amounts := p.summary.amounts(other)
	leaving := p.summary.leaving(entries, amounts, int(roomFull*float64(rows.MaxEntries())), int(roomLeft*float64(rows.MaxEntries())))
	for _, e := range leaving {
		row, err := p.takeOut(e.key)
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return err
		}
		p.summary.take(keyOf(row.Keys), row, amounts)
	}
	p.summary.shrink()
	return nil
}

// sweepInterval is the least time between two looks at the starts that wait for their ends.
const sweepInterval = time.Second

// sweep forgets starts whose end did not come in time: they would take the room of others.
func (p *Probe) sweep() error {
	m, ok := p.loaded.Maps[gen.MapPairs]
	if !ok || time.Since(p.swept) < max(sweepInterval, p.ir.Pair.Longest/4) {
		return nil
	}
	p.swept = time.Now()
	now, longest := clock.Monotonic(), uint64(p.ir.Pair.Longest)
	return eachEntry(m, func(key []byte, values [][]byte) error {
		began, err := p.loaded.compiled.Object.Layout.Started(values[0])
		if err != nil || longest == 0 || now < began || now-began <= longest {
			return err
		}
		if err := m.Delete(key); err != nil && !isGone(err) {
			return fmt.Errorf("forgetting a start: %w", err)
		}
		return nil
	})
}

// errGone goes with a key that is not in the kernel.
var errGone = errors.New("no such key")

// takeOut takes a key out of the kernel, with all that it has at that instant.
func (p *Probe) takeOut(key []byte) (ir.Row, error) {
	m := p.loaded.Maps[gen.MapRows]
	var values [][]byte
	var err error
	if perCPU(m.Type()) {
		err = m.LookupAndDelete(key, &values)
	} else {
		var value []byte
		err = m.LookupAndDelete(key, &value)
		values = [][]byte{value}
	}
	if notSupported(err) {
		if values, err = lookup(m, key); err == nil {
			err = m.Delete(key)
		}
	}
	if windows, ok := p.loaded.Maps[gen.MapWindows]; ok && err == nil {
		// A key that is not counted needs no window.
		_ = windows.Delete(key)
	}
	if isGone(err) {
		return ir.Row{}, errGone
	}
	if err != nil {
		return ir.Row{}, fmt.Errorf("making room for keys: %w", err)
	}
	return p.loaded.compiled.Object.Layout.Row(key, values...)
}

// summarise joins what the kernel keeps with what was taken out of it.
func (p *Probe) summarise(entries []entry, other *ir.Row) ([]ir.Row, *ir.Row) {
	amounts := p.summary.amounts(other)
	var rows []ir.Row
	inKernel := make(map[string]bool, len(entries))
	for i := range entries {
		key := keyOf(entries[i].row.Keys)
		inKernel[key] = true
		rows = append(rows, p.summary.whole(p.summary.met(key, entries[i].row.Keys, amounts), &entries[i].row, amounts))
	}
	for key, k := range p.summary.keys {
		if !inKernel[key] {
			rows = append(rows, p.summary.whole(k, nil, amounts))
		}
	}
	if p.summary.forgetful() {
		left := clone(p.summary.left)
		if other != nil {
			add(p.ir, &left, *other)
		}
		other = &left
	}
	return rows, other
}
