// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"encoding/binary"
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Layout says where the values lie in keys, rows and events.
type Layout struct {
	probe *ir.Probe
}

// Row decodes an entry of the map rows, or of other (with an empty key): the values of all processors make one. A probe
// without keys has an array for rows, whose key means nothing.
func (l *Layout) Row(key []byte, perCPU ...[]byte) (ir.Row, error) {
	row := ir.Row{Measures: make([]ir.Measured, len(l.probe.Measures))}
	switch {
	case len(l.probe.Keys) == 0:
		row.Keys = []ir.Value{}
	case len(key) > 0:
		keys, err := values(l.probe.Keys, key)
		if err != nil {
			return ir.Row{}, fmt.Errorf("decoding a key: %w", err)
		}
		row.Keys = keys
	}
	size := measureOffset(l.probe.Measures, len(l.probe.Measures))
	for _, value := range perCPU {
		if len(value) < size {
			return ir.Row{}, fmt.Errorf("decoding a row: %d bytes of %d", len(value), size)
		}
	}
	off := 0
	for i := range l.probe.Measures {
		m := &l.probe.Measures[i]
		n := measureBytes(m)
		for k, value := range perCPU {
			add(m, &row.Measures[i], value[off:off+n], k == 0)
		}
		finish(m, &row.Measures[i], len(perCPU))
		off += n
	}
	return row, nil
}

// add lets a figure take what one processor has of it.
func add(m *ir.Measure, into *ir.Measured, from []byte, first bool) {
	word := func(i int) uint64 { return binary.NativeEndian.Uint64(from[8*i:]) }
	switch m.Kind {
	case ir.Average:
		into.Number += word(0)
		into.Count += word(1)
	case ir.Min, ir.Max:
		// The rank: see builder.ranked.
		into.Number = max(into.Number, word(0))
	case ir.Log2Histogram, ir.Histogram:
		if first {
			into.Buckets = make([]uint64, len(from)/8)
		}
		for i := range into.Buckets {
			into.Buckets[i] += word(i)
		}
	case ir.Distinct:
		if first {
			into.Buckets = make([]uint64, len(from))
		}
		for i, rank := range from {
			into.Buckets[i] = max(into.Buckets[i], uint64(rank))
		}
	default:
		into.Number += word(0)
	}
}

func finish(m *ir.Measure, into *ir.Measured, processors int) {
	if processors > 0 && (m.Kind == ir.Min || m.Kind == ir.Max) {
		into.Number ^= rankFlip(m.Kind, m.Type.Kind.Signed())
	}
}

// Event decodes a record of the ring.
func (l *Layout) Event(record []byte) (ir.Event, error) {
	if want := eventBytes(l.probe); len(record) < want {
		return ir.Event{}, fmt.Errorf("decoding an event: %d bytes of %d", len(record), want)
	}
	event := ir.Event{
		Time:      binary.NativeEndian.Uint64(record[eventTime:]),
		CPU:       int(binary.NativeEndian.Uint32(record[eventCPU:])),
		Hook:      int(binary.NativeEndian.Uint16(record[eventHook:])),
		Triggered: binary.NativeEndian.Uint16(record[eventTriggered:]) != 0,
	}
	if event.Hook >= len(l.probe.Hooks) {
		return ir.Event{}, fmt.Errorf("decoding an event: hook %d of %d", event.Hook, len(l.probe.Hooks))
	}
	rest := record[eventHeader:]
	if l.probe.Trigger != nil {
		for range l.probe.Trigger.Measures {
			event.Measured = append(event.Measured, binary.NativeEndian.Uint64(rest))
			rest = rest[8:]
		}
	}
	var err error
	if event.Keys, err = values(l.probe.Keys, rest); err != nil {
		return ir.Event{}, fmt.Errorf("decoding an event's key: %w", err)
	}
	if event.Emit, err = values(l.probe.Emit, rest[keyBytes(l.probe.Keys):]); err != nil {
		return ir.Event{}, fmt.Errorf("decoding what an event emits: %w", err)
	}
	return event, nil
}

// values decodes fields that lie side by side.
func values(fields []ir.Field, from []byte) ([]ir.Value, error) {
	if want := keyBytes(fields); len(from) < want {
		return nil, fmt.Errorf("%d bytes of %d", len(from), want)
	}
	list := make([]ir.Value, len(fields))
	for i, field := range fields {
		width := field.Type.Width()
		list[i] = value(field.Type, from[:width])
		from = from[width:]
	}
	return list, nil
}

func value(t ir.Type, from []byte) ir.Value {
	if t.Kind.Scalar() {
		return ir.Value{Number: binary.NativeEndian.Uint64(from)}
	}
	return ir.Value{Wide: append([]byte(nil), from[:t.Bytes()]...)}
}

// Losses adds up the values of the map losses.
func (l *Layout) Losses(perCPU [][]byte) [ir.Losses]uint64 {
	var total [ir.Losses]uint64
	for _, counters := range perCPU {
		for i := range ir.Counted {
			if len(counters) >= 8*(int(i)+1) {
				total[i] += binary.NativeEndian.Uint64(counters[8*i:])
			}
		}
	}
	return total
}

// Started is when a start that waits in the map pairs began, CLOCK_MONOTONIC: what is older than Pair.Longest may be deleted.
func (l *Layout) Started(pair []byte) (uint64, error) {
	if len(pair) < pairHeader {
		return 0, fmt.Errorf("decoding a start: %d bytes of %d", len(pair), pairHeader)
	}
	return binary.NativeEndian.Uint64(pair), nil
}
