// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	proberun "github.com/aeolus-ebpf/aeolus/internal/probe/run"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// widestKey bounds how wide a key's column is.
const widestKey = 44

// sparkBars is how many bars the small histogram of a row has at most.
const sparkBars = 12

// probeTable writes what a probe has found.
type probeTable struct {
	probe *ir.Probe
	names *probeNames
}

// columnName is how a table calls a field.
func columnName(name string) string { return strings.ToUpper(name) }

// columns are the keys, then what each measure needs.
func (t *probeTable) columns() []table.Column {
	var columns []table.Column
	for _, key := range t.probe.Keys {
		columns = append(columns, table.Column{Name: columnName(key.Name), Right: rightAligned(key.Type), Max: widestKey})
	}
	for i := range t.probe.Measures {
		m := &t.probe.Measures[i]
		name := columnName(m.Name)
		switch m.Kind {
		case ir.Log2Histogram, ir.Histogram:
			columns = append(columns, table.Column{Name: name}, table.Column{Name: "COUNT", Right: true},
				table.Column{Name: "P50", Right: true}, table.Column{Name: "P99", Right: true})
		case ir.Distinct:
			columns = append(columns, table.Column{Name: fmt.Sprintf("%s (±%s)", name, units.Percent(distinctError(m))), Right: true})
		default:
			columns = append(columns, table.Column{Name: name, Right: true})
		}
	}
	return columns
}

// table makes a table of a snapshot. Rates are over the time since the earlier one; all that there was is before a nil, and before
// what one walk has found.
func (t *probeTable) table(now, earlier *proberun.Snapshot, rows int) *table.Table {
	made := table.New(t.columns()...)
	before := map[string]*ir.Row{}
	over := now.Time.Sub(now.Since)
	if now.Walked {
		earlier = nil
	}
	if earlier != nil {
		over = now.Time.Sub(earlier.Time)
		for i := range earlier.Rows {
			before[rowKey(&earlier.Rows[i])] = &earlier.Rows[i]
		}
	}
	for i := range now.Rows[:min(rows, len(now.Rows))] {
		row := &now.Rows[i]
		made.Row(t.row(row, before[rowKey(row)], over)...)
	}
	if now.Other != nil && len(now.Other.Measures) > 0 {
		var otherBefore *ir.Row
		if earlier != nil {
			otherBefore = earlier.Other
		}
		made.Row(t.row(&ir.Row{Measures: now.Other.Measures}, otherBefore, over)...)
	}
	return made
}

// rowKey tells rows apart.
func rowKey(row *ir.Row) string {
	var key strings.Builder
	for _, v := range row.Keys {
		fmt.Fprintf(&key, "%d,%x;", v.Number, v.Wide)
	}
	return key.String()
}

// row makes the cells of one row; one without keys is all others together.
func (t *probeTable) row(row, before *ir.Row, over time.Duration) []table.Cell {
	var cells []table.Cell
	for i, key := range t.probe.Keys {
		switch {
		case i < len(row.Keys):
			cells = append(cells, table.Text(t.names.text(row.Keys[i], key.Type)))
		case i == 0:
			cells = append(cells, table.Cell{Text: "(other)", Tone: table.Faint})
		default:
			cells = append(cells, table.Cell{})
		}
	}
	for i := range t.probe.Measures {
		var earlier *ir.Measured
		if before != nil && i < len(before.Measures) {
			earlier = &before.Measures[i]
		}
		cells = append(cells, figures(&t.probe.Measures[i], &row.Measures[i], earlier, over)...)
	}
	return cells
}

// figures are the cells of one measure.
func figures(m *ir.Measure, v, before *ir.Measured, over time.Duration) []table.Cell {
	unknown := table.Cell{Text: units.Unknown, Tone: table.Faint}
	switch m.Kind {
	case ir.Log2Histogram, ir.Histogram:
		bars := bucketsOf(m, v.Buckets)
		if len(bars) == 0 {
			return []table.Cell{{}, table.Text("0"), unknown, unknown}
		}
		return []table.Cell{table.Text(spark(bars, sparkBars)), table.Text(figureText(proberun.Weight(m, v), ir.Type{})),
			table.Text(quantileText(bars, 0.5, m.Type)), table.Text(quantileText(bars, 0.99, m.Type))}
	case ir.Average:
		if v.Count == 0 {
			return []table.Cell{unknown}
		}
		return []table.Cell{table.Text(figureText(proberun.Weight(m, v), m.Type))}
	case ir.Distinct:
		estimate := ir.Estimate(v.Buckets)
		return []table.Cell{table.Text(figureText(float64(int64(estimate+0.5)), ir.Type{}))}
	case ir.Rate:
		number := v.Number
		if before != nil {
			number -= min(before.Number, number)
		}
		return []table.Cell{table.Text(rated(m, scalar(number, m.Type), over))}
	case ir.Count:
		return []table.Cell{table.Text(withError(v.Number, v.Error, ir.Type{Kind: ir.Uint}))}
	}
	return []table.Cell{table.Text(withError(v.Number, v.Error, m.Type))}
}
