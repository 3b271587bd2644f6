// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"math"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	proberun "github.com/aeolus-ebpf/aeolus/internal/probe/run"
	"github.com/aeolus-ebpf/aeolus/internal/table"
)

// blocks are the eighths of a character's width.
var blocks = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// widestHistogram is how wide a histogram is drawn at most: a bar across a wide screen says no more.
const widestHistogram = 100

// bar draws a share of a width with block characters.
func bar(share float64, width int) string {
	eighths := int(math.Round(share * float64(width) * 8))
	if share > 0 && eighths == 0 {
		eighths = 1
	}
	return strings.Repeat("█", eighths/8) + blocks[eighths%8]
}

// drawHistogram draws a histogram in lines of at most a width: where each bucket begins and ends, its bar and its count.
func drawHistogram(m *ir.Measure, counts []uint64, width int, colour bool) []string {
	bars := bucketsOf(m, counts)
	if len(bars) == 0 {
		return nil
	}
	var fromWidth, belowWidth, countWidth int
	var most uint64
	type edge struct{ from, below, count string }
	edges := make([]edge, len(bars))
	for i, b := range bars {
		edges[i] = edge{edgeText(b.from, m.Type), edgeText(b.below, m.Type), figureText(float64(b.count), ir.Type{})}
		fromWidth, belowWidth = max(fromWidth, table.Width(edges[i].from)), max(belowWidth, table.Width(edges[i].below))
		countWidth = max(countWidth, table.Width(edges[i].count))
		most = max(most, b.count)
	}
	room := max(8, width-fromWidth-belowWidth-countWidth-10)
	lines := make([]string, len(bars))
	for i, b := range bars {
		e := edges[i]
		dash := "–"
		if e.from == "" || e.below == "" {
			dash = map[bool]string{true: "<", false: "≥"}[e.from == ""]
		}
		label := fmt.Sprintf("%s %s %s", pad(e.from, fromWidth, true), dash, pad(e.below, belowWidth, false))
		if e.below == "" {
			label = fmt.Sprintf("%s %s %s", pad("", fromWidth, true), dash, pad(e.from, belowWidth, false))
		}
		drawn := bar(float64(b.count)/float64(most), room)
		lines[i] = strings.TrimRight(fmt.Sprintf("  %s  %s %s", table.Paint(label, table.Faint, colour), pad(drawn, room, false), pad(e.count, countWidth, true)), " ")
	}
	return lines
}

// pad fills a text up to a width.
func pad(text string, width int, right bool) string {
	gap := strings.Repeat(" ", max(0, width-table.Width(text)))
	if right {
		return gap + text
	}
	return text + gap
}

// histograms draws those of a row, each under a title.
func (t *probeTable) histograms(row *ir.Row, width int, colour bool) []string {
	var lines []string
	for i := range t.probe.Measures {
		m := &t.probe.Measures[i]
		if m.Kind != ir.Log2Histogram && m.Kind != ir.Histogram {
			continue
		}
		drawn := drawHistogram(m, row.Measures[i].Buckets, width, colour)
		if drawn == nil {
			continue
		}
		title := m.Name
		if len(row.Keys) > 0 {
			title += " of " + t.keyText(row)
		}
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, table.Clean(title))
		lines = append(lines, drawn...)
	}
	return lines
}

// leastDrawn is which part of the first row's values another must have to be drawn as well.
const leastDrawn = 0.05

// worthDrawing tells whether a row has values enough that the shape of its histograms says something.
func (t *probeTable) worthDrawing(row, first *ir.Row) bool {
	for i := range t.probe.Measures {
		m := &t.probe.Measures[i]
		if m.Kind != ir.Log2Histogram && m.Kind != ir.Histogram {
			continue
		}
		if proberun.Weight(m, &row.Measures[i]) > leastDrawn*proberun.Weight(m, &first.Measures[i]) {
			return true
		}
	}
	return false
}

// keyText is a row's keys in one line.
func (t *probeTable) keyText(row *ir.Row) string {
	var parts []string
	for i, key := range t.probe.Keys {
		if i < len(row.Keys) {
			parts = append(parts, key.Name+" "+t.names.text(row.Keys[i], key.Type))
		}
	}
	return strings.Join(parts, ", ")
}
