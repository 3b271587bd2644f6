// SPDX-License-Identifier: Apache-2.0

package show

import (
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/table"
)

// EventColumns are those of a table of events, after the time: what triggered them, keys, and what is emitted.
func (p *Printer) EventColumns() []table.Column {
	var columns []table.Column
	if p.Probe.Trigger != nil {
		for _, i := range p.Probe.Trigger.Measures {
			columns = append(columns, table.Column{Name: strings.ToUpper(p.Probe.Measures[i].Name), Right: true, Min: 6})
		}
	}
	for _, fields := range [][]ir.Field{p.eventKeys(), p.Probe.Emit} {
		for _, field := range fields {
			columns = append(columns, table.Column{Name: strings.ToUpper(field.Name), Min: 8})
		}
	}
	return columns
}

// eventKeys are the keys that an event shows: those whose names the emitted values do not have already.
func (p *Printer) eventKeys() []ir.Field {
	var fields []ir.Field
	for _, key := range p.Probe.Keys {
		if !p.emitted(key.Name) {
			fields = append(fields, key)
		}
	}
	return fields
}

func (p *Printer) emitted(name string) bool {
	for _, field := range p.Probe.Emit {
		if field.Name == name {
			return true
		}
	}
	return false
}

// EventCells are the cells of one event, for EventColumns.
func (p *Printer) EventCells(event *ir.Event) []table.Cell {
	var cells []table.Cell
	if p.Probe.Trigger != nil {
		for at, i := range p.Probe.Trigger.Measures {
			cell := table.Cell{}
			if at < len(event.Measured) {
				cell = table.Text(p.triggered(i, event.Measured[at]))
			}
			cells = append(cells, cell)
		}
	}
	for i, key := range p.Probe.Keys {
		if !p.emitted(key.Name) {
			cells = append(cells, p.cell(key, event.Keys, i))
		}
	}
	for i, field := range p.Probe.Emit {
		cells = append(cells, p.cell(field, event.Emit, i))
	}
	return cells
}

func (p *Printer) cell(field ir.Field, values []ir.Value, i int) table.Cell {
	if i >= len(values) {
		return table.Cell{}
	}
	return table.Text(p.Text(field.Type, values[i]))
}

// triggered writes a measure as the trigger saw it.
func (p *Printer) triggered(measure int, n uint64) string {
	m := &p.Probe.Measures[measure]
	if m.Kind == ir.Count || m.Type.Kind == ir.Invalid {
		return p.number(ir.Type{Kind: ir.Uint}, n)
	}
	return p.Text(m.Type, ir.Value{Number: n})
}

// EventJSON is an event for machines, without its wall-clock time.
func (p *Printer) EventJSON(event *ir.Event) map[string]any {
	keys, emit := map[string]any{}, map[string]any{}
	for i, key := range p.Probe.Keys {
		if i < len(event.Keys) {
			keys[key.Name] = p.JSON(key.Type, event.Keys[i])
		}
	}
	for i, field := range p.Probe.Emit {
		if i < len(event.Emit) {
			emit[field.Name] = p.JSON(field.Type, event.Emit[i])
		}
	}
	told := map[string]any{"monotonic": event.Time, "cpu": event.CPU, "hook": event.Hook, "triggered": event.Triggered, "keys": keys, "emit": emit}
	if event.Triggered && p.Probe.Trigger != nil {
		measured := map[string]any{}
		for at, i := range p.Probe.Trigger.Measures {
			if at < len(event.Measured) {
				measured[p.Probe.Measures[i].Name] = event.Measured[at]
			}
		}
		told["measured"] = measured
	}
	return told
}
