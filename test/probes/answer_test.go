// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"strings"
)

// row is what a probe has kept for one key.
type row struct {
	// keys are plain: numbers in decimal, addresses and texts as they are, whatever names a person would be shown.
	keys    []string
	figures map[string]figure
}

type figure struct {
	number  uint64
	count   uint64
	buckets []uint64
}

// answer is what a probe has found.
type answer struct {
	rows []row
	// other is what is not among the top.
	other  row
	events []event
	losses map[string]uint64
}

// event is one match that left at once.
type event struct {
	at     uint64
	keys   []string
	values map[string]string
}

// table gives one figure for each key, the key's parts (or some of them) joined by commas, as bpftrace prints its maps.
func (a *answer) table(measure string, columns ...int) map[string]uint64 {
	found := map[string]uint64{}
	for _, r := range a.rows {
		keys := r.keys
		if len(columns) > 0 {
			keys = nil
			for _, column := range columns {
				keys = append(keys, r.keys[column])
			}
		}
		found[strings.Join(keys, ",")] += r.figures[measure].number
	}
	return found
}

// sum adds one figure of all keys.
func (a *answer) sum(measure string) uint64 {
	var sum uint64
	for _, r := range a.rows {
		sum += r.figures[measure].number
	}
	return sum
}

func sumOf(table map[string]uint64) uint64 {
	var sum uint64
	for _, n := range table {
		sum += n
	}
	return sum
}
