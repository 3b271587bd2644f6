// SPDX-License-Identifier: Apache-2.0

package run

import (
	"cmp"
	"slices"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// summary holds keys that were taken out of the kernel to make room there, and knows by how much each figure may be too low.
//
// Two things are forgotten: keys that leave the summary because it is full, and matches that found no room in the kernel, which
// are in the row "other". A key that is met for the first time may have lost as much as any key that has left, and all of
// "other"; one that was taken out loses at most what "other" grows by until it is back. That is its error.
type summary struct {
	probe    *ir.Probe
	capacity int
	keys     map[string]*kept
	// floor is, for each measure, the most that a key which has left may have had.
	floor []uint64
	// left is all that has left, together.
	left ir.Row
}

// kept is a key that is or was in the kernel.
type kept struct {
	keys []ir.Value
	// taken is what was taken out of the kernel; without measures if nothing was.
	taken ir.Row
	// errors are, for each measure, by how much it may be too low.
	errors []uint64
	// losing is what "other" had when the key was taken out of the kernel: it loses from then on, until it is back.
	losing   []uint64
	inKernel bool
	// weight is what the kernel had of it when it was last looked at.
	weight float64
}

func newSummary(p *ir.Probe, capacity int) *summary {
	return &summary{probe: p, capacity: capacity, keys: map[string]*kept{}, floor: make([]uint64, len(p.Measures))}
}

// additive tells whether a measure grows with each match by something that is not negative, so that an error can be stated.
func additive(m *ir.Measure) bool {
	switch m.Kind {
	case ir.Count, ir.Sum, ir.Rate, ir.Average:
		return true
	}
	return false
}

// amounts are a row's figures, where they are additive.
func (s *summary) amounts(row *ir.Row) []uint64 {
	amounts := make([]uint64, len(s.probe.Measures))
	if row == nil || len(row.Measures) == 0 {
		return amounts
	}
	for i := range amounts {
		m := &s.probe.Measures[i]
		if additive(m) && !(m.Type.Kind.Signed() && int64(row.Measures[i].Number) < 0) {
			amounts[i] = row.Measures[i].Number
		}
	}
	return amounts
}

// met notes that the kernel keeps a key now, and gives what is known of it.
func (s *summary) met(key string, keys []ir.Value, other []uint64) *kept {
	k, ok := s.keys[key]
	if !ok {
		k = &kept{keys: keys, errors: make([]uint64, len(s.floor)), inKernel: true}
		for i := range k.errors {
			k.errors[i] = s.floor[i] + other[i]
		}
		s.keys[key] = k
	}
	if !k.inKernel {
		for i := range k.errors {
			k.errors[i] += other[i] - k.losing[i]
		}
		k.inKernel = true
	}
	return k
}

// take keeps a row that was taken out of the kernel.
func (s *summary) take(key string, row ir.Row, other []uint64) {
	k := s.met(key, row.Keys, other)
	add(s.probe, &k.taken, row)
	k.losing, k.inKernel = other, false
}

// whole is all that is known of a key: what the kernel has, if it has it, and what was taken out of it.
func (s *summary) whole(k *kept, inKernel *ir.Row, other []uint64) ir.Row {
	row := ir.Row{Keys: k.keys}
	if inKernel != nil {
		add(s.probe, &row, *inKernel)
	}
	if len(k.taken.Measures) > 0 {
		add(s.probe, &row, k.taken)
	}
	for i := range row.Measures {
		if !additive(&s.probe.Measures[i]) {
			continue
		}
		row.Measures[i].Error = k.errors[i]
		if inKernel == nil {
			row.Measures[i].Error += other[i] - k.losing[i]
		}
	}
	return row
}

// leaving chooses keys to take out of the kernel, when it keeps more than a number of them, until it keeps no more than another:
// those with the least, but first of all those that have not moved since the last look. What moves while it is taken out may
// lose the match of that microsecond.
func (s *summary) leaving(entries []entry, other []uint64, full, left int) []entry {
	if s.probe.Top == nil {
		return nil
	}
	by := s.probe.Top.Measure
	m := &s.probe.Measures[by]
	type candidate struct {
		entry
		weight float64
		moved  bool
	}
	candidates := make([]candidate, len(entries))
	for i, e := range entries {
		k := s.met(keyOf(e.row.Keys), e.row.Keys, other)
		c := candidate{entry: e, weight: Weight(m, &e.row.Measures[by])}
		c.moved, k.weight = c.weight != k.weight, c.weight
		candidates[i] = c
	}
	if len(entries) <= full {
		return nil
	}
	slices.SortFunc(candidates, func(a, b candidate) int { return cmp.Compare(a.weight, b.weight) })
	// Those with the most stay, moving or not.
	least := candidates[:max(0, len(candidates)-left)]
	var chosen []entry
	for _, moving := range []bool{false, true} {
		for _, c := range least {
			if c.moved != moving || moving && len(entries)-len(chosen) <= full {
				continue
			}
			chosen = append(chosen, c.entry)
		}
	}
	return chosen
}

// shrink lets those with the least go, until there is room.
func (s *summary) shrink() {
	excess := len(s.keys) - s.capacity
	if excess <= 0 {
		return
	}
	by := s.probe.Top.Measure
	m := &s.probe.Measures[by]
	type candidate struct {
		key    string
		weight float64
	}
	candidates := make([]candidate, 0, len(s.keys))
	for key, k := range s.keys {
		if !k.inKernel {
			candidates = append(candidates, candidate{key, Weight(m, &k.taken.Measures[by])})
		}
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		if c := cmp.Compare(a.weight, b.weight); c != 0 {
			return c
		}
		return cmp.Compare(a.key, b.key)
	})
	for _, c := range candidates[:min(excess, len(candidates))] {
		s.drop(s.keys[c.key])
		delete(s.keys, c.key)
	}
}

// drop forgets a key.
func (s *summary) drop(k *kept) {
	for i, amount := range s.amounts(&k.taken) {
		s.floor[i] = max(s.floor[i], amount+k.errors[i])
	}
	add(s.probe, &s.left, k.taken)
}

// forgetful tells whether there were keys that are not known any more.
func (s *summary) forgetful() bool { return len(s.left.Measures) > 0 }

// summaryKeys is how many keys are kept here beside those in the kernel.
func summaryKeys(p *ir.Probe) int { return max(4*p.Entries, 64*p.Top.K, 1024) }
