// SPDX-License-Identifier: Apache-2.0

package show

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/table"
)

// other is what the row of the keys that found no room is called.
const other = "other"

// widestBar is the length of a histogram's longest bar.
const widestBar = 40

// Sort puts the rows with the most first: of the measure that the probe takes the top of, else of the first. The row of what
// found no room is last.
func (p *Printer) Sort(rows []ir.Row) []ir.Row {
	rows = slices.Clone(rows)
	by := 0
	if p.Probe.Top != nil {
		by = p.Probe.Top.Measure
	}
	slices.SortStableFunc(rows, func(a, b ir.Row) int {
		if p.isOther(&a) != p.isOther(&b) {
			return cmp.Compare(len(b.Keys), len(a.Keys))
		}
		if by < len(p.Probe.Measures) {
			if order := p.compare(by, &b.Measures[by], &a.Measures[by]); order != 0 {
				return order
			}
		}
		for i := range a.Keys {
			if order := strings.Compare(p.Text(p.Probe.Keys[i].Type, a.Keys[i]), p.Text(p.Probe.Keys[i].Type, b.Keys[i])); order != 0 {
				return order
			}
		}
		return 0
	})
	return rows
}

// isOther tells whether a row is that of the keys that found no room.
func (p *Printer) isOther(row *ir.Row) bool { return len(row.Keys) == 0 && len(p.Probe.Keys) > 0 }

// compare orders two figures of one measure.
func (p *Printer) compare(measure int, a, b *ir.Measured) int {
	m := &p.Probe.Measures[measure]
	switch m.Kind {
	case ir.Log2Histogram, ir.Histogram:
		return cmp.Compare(Total(a), Total(b))
	case ir.Distinct:
		return cmp.Compare(ir.Estimate(a.Buckets), ir.Estimate(b.Buckets))
	case ir.Average:
		if a.Count == 0 || b.Count == 0 {
			return cmp.Compare(a.Count, b.Count)
		}
		return signed(m, average(m, a), average(m, b))
	}
	return signed(m, a.Number, b.Number)
}

func signed(m *ir.Measure, a, b uint64) int {
	if m.Type.Kind.Signed() {
		return cmp.Compare(int64(a), int64(b))
	}
	return cmp.Compare(a, b)
}

// Table is the rows as a table: keys, then measures.
func (p *Printer) Table(rows []ir.Row, over time.Duration) *table.Table {
	var columns []table.Column
	for _, key := range p.Probe.Keys {
		columns = append(columns, table.Column{Name: strings.ToUpper(key.Name), Max: 60})
	}
	for i := range p.Probe.Measures {
		columns = append(columns, table.Column{Name: strings.ToUpper(p.Probe.Measures[i].Name), Right: true})
	}
	t := table.New(columns...)
	for i := range rows {
		t.Row(p.cells(&rows[i], over)...)
	}
	return t
}

func (p *Printer) cells(row *ir.Row, over time.Duration) []table.Cell {
	var cells []table.Cell
	for i := range p.Probe.Keys {
		switch {
		case !p.isOther(row):
			cells = append(cells, table.Text(p.Text(p.Probe.Keys[i].Type, row.Keys[i])))
		case i == 0:
			cells = append(cells, table.Cell{Text: other, Tone: table.Faint})
		default:
			cells = append(cells, table.Cell{})
		}
	}
	for i := range p.Probe.Measures {
		cells = append(cells, table.Text(p.Measured(&p.Probe.Measures[i], &row.Measures[i], over)))
	}
	return cells
}

// RowJSON is a row for machines; keys is null for what found no room.
func (p *Printer) RowJSON(row *ir.Row, over time.Duration) map[string]any {
	measures := map[string]any{}
	for i := range p.Probe.Measures {
		measures[p.Probe.Measures[i].Name] = p.MeasuredJSON(&p.Probe.Measures[i], &row.Measures[i], over)
	}
	if p.isOther(row) {
		return map[string]any{"keys": nil, "measures": measures}
	}
	keys := map[string]any{}
	for i, key := range p.Probe.Keys {
		keys[key.Name] = p.JSON(key.Type, row.Keys[i])
	}
	return map[string]any{"keys": keys, "measures": measures}
}

// Histograms draws those that a row has, each line by itself; nothing if it has none.
func (p *Printer) Histograms(row *ir.Row) []string {
	var lines []string
	for i := range p.Probe.Measures {
		m := &p.Probe.Measures[i]
		if m.Kind != ir.Log2Histogram && m.Kind != ir.Histogram || Total(&row.Measures[i]) == 0 {
			continue
		}
		lines = append(lines, p.title(row, m))
		lines = append(lines, p.bars(m, &row.Measures[i])...)
	}
	return lines
}

// title names a histogram by its row.
func (p *Printer) title(row *ir.Row, m *ir.Measure) string {
	parts := []string{m.Name}
	if p.isOther(row) {
		parts = append(parts, other)
	} else {
		for i, key := range p.Probe.Keys {
			parts = append(parts, key.Name+" "+table.Clean(p.Text(key.Type, row.Keys[i])))
		}
	}
	return strings.Join(parts, "  ")
}

// bars draws a histogram: a line for each bucket, its ends right-aligned.
func (p *Printer) bars(m *ir.Measure, v *ir.Measured) []string {
	buckets := Buckets(m, v)
	var most uint64
	ends := make([][2]string, len(buckets))
	var widths [3]int
	for i, b := range buckets {
		most = max(most, b.Count)
		for side, end := range []*int64{b.Least, b.Below} {
			if end != nil {
				ends[i][side] = p.Text(m.Type, ir.Value{Number: uint64(*end)})
			}
			widths[side] = max(widths[side], table.Width(ends[i][side]))
		}
		widths[2] = max(widths[2], len(fmt.Sprint(b.Count)))
	}
	lines := make([]string, len(buckets))
	for i, b := range buckets {
		line := fmt.Sprintf("  %s … %s  %*d  %s", pad(ends[i][0], widths[0]), pad(ends[i][1], widths[1]), widths[2], b.Count, bar(b.Count, most))
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}

func pad(text string, width int) string {
	return strings.Repeat(" ", max(width-table.Width(text), 0)) + text
}

// bar is as long as its share of the longest, in eighths of a character.
func bar(count, most uint64) string {
	if most == 0 {
		return ""
	}
	eighths := int(float64(count) / float64(most) * widestBar * 8)
	if count > 0 {
		eighths = max(eighths, 1)
	}
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}
