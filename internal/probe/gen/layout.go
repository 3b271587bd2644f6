// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"errors"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Layout says where the values lie in keys, rows and events.
type Layout struct {
	probe *ir.Probe
}

// Row decodes an entry of the map rows: the value of each CPU (or one).
func (l *Layout) Row(key []byte, values ...[]byte) (ir.Row, error) {
	return ir.Row{}, errors.ErrUnsupported
}

// Event decodes a record of the ring.
func (l *Layout) Event(record []byte) (ir.Event, error) {
	return ir.Event{}, errors.ErrUnsupported
}

// Losses adds up the values of the map losses.
func (l *Layout) Losses(perCPU [][]byte) [ir.Losses]uint64 {
	return [ir.Losses]uint64{}
}
