// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	proberun "github.com/aeolus-ebpf/aeolus/internal/probe/run"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// most rows and histograms that are shown for the last time on a terminal; a pipe takes all rows.
const (
	mostLastRows       = 100
	mostLastHistograms = 4
)

// eventTable has a column for the time, for the hook if there are several, and for each key and value.
func (s *probeSession) eventTable() *table.Table {
	columns := []table.Column{{Name: "TIME", Min: 12}}
	if len(s.resolved.Hooks) > 1 {
		columns = append(columns, table.Column{Name: "HOOK", Min: 16})
	}
	for _, field := range s.eventFields() {
		column := table.Column{Name: columnName(field.Name), Right: rightAligned(field.Type), Max: widestKey}
		switch {
		case field.Type.Kind == ir.IP:
			column.Min = len("255.255.255.255")
		case field.Type.Enum != "", field.Type.Kind == ir.Text:
			column.Min = 12
		case column.Right:
			column.Min = 6
		}
		columns = append(columns, column)
	}
	if t := s.resolved.Trigger; t != nil {
		for _, index := range t.Measures {
			columns = append(columns, table.Column{Name: columnName(s.resolved.Measures[index].Name), Right: true, Min: 6})
		}
	}
	return table.New(columns...)
}

// eventFields are the keys, and the emitted values that are not keys as well.
func (s *probeSession) eventFields() []ir.Field {
	fields := append([]ir.Field{}, s.resolved.Keys...)
	for _, field := range s.resolved.Emit {
		if !s.isKey(field.Name) {
			fields = append(fields, field)
		}
	}
	return fields
}

func (s *probeSession) isKey(name string) bool {
	for _, key := range s.resolved.Keys {
		if key.Name == name {
			return true
		}
	}
	return false
}

func (s *probeSession) eventRow(e *ir.Event) []table.Cell {
	layout := "15:04:05.000"
	if s.format == formatWide {
		layout = "2006-01-02 15:04:05.000000"
	}
	cells := []table.Cell{table.Text(s.instant(e.Time).In(s.Location).Format(layout))}
	if len(s.resolved.Hooks) > 1 {
		cells = append(cells, table.Text(s.objects.hooks[min(max(e.Hook, 0), len(s.objects.hooks)-1)]))
	}
	names := s.rows.names
	for i, key := range s.resolved.Keys {
		if i < len(e.Keys) {
			cells = append(cells, table.Text(names.text(e.Keys[i], key.Type)))
		} else {
			cells = append(cells, table.Cell{})
		}
	}
	for i, field := range s.resolved.Emit {
		if i < len(e.Emit) && !s.isKey(field.Name) {
			cells = append(cells, table.Text(names.text(e.Emit[i], field.Type)))
		}
	}
	if t := s.resolved.Trigger; t != nil {
		for i, index := range t.Measures[:min(len(t.Measures), len(e.Measured))] {
			kind := plainType(&s.resolved.Measures[index])
			cells = append(cells, table.Text(figureText(scalar(e.Measured[i], kind), kind)))
		}
	}
	return cells
}

// draw brings the terminal up to date: events pass, the head and the table stay. Rates are since the earlier snapshot.
func (s *probeSession) draw(earlier *proberun.Snapshot) error {
	columns, lines := s.screen.size()
	passing := linesOf(&s.lines)
	status := s.running.Status()
	kept := s.head(&status)
	if s.last != nil && len(s.resolved.Measures) > 0 {
		kept = append(kept, "")
		kept = append(kept, s.body(s.last, earlier, columns, lines-len(kept)-3)...)
	}
	return s.screen.show(passing, kept)
}

// head says what is watched, and what it costs.
func (s *probeSession) head(status *proberun.Status) []string {
	colour := s.colour(s.Out)
	end := ""
	if until := s.until(status); until > 0 {
		end = " of " + units.Span(until)
	}
	second := fmt.Sprintf("%s%s; ", units.Span(time.Since(status.Since)), end)
	// A narrow terminal cuts a line's end off: what was lost is not to be there.
	lost := table.Paint("nothing lost", table.Faint, colour)
	if text := lossText(status.Losses); text != "" {
		lost = table.Paint("lost: "+text, table.Warning, colour)
	}
	lines := []string{s.title(status), table.Paint(second, table.Faint, colour) + lost + table.Paint("; "+costText(status), table.Faint, colour)}
	for _, note := range status.Members.Notes {
		lines = append(lines, table.Paint(table.Clean(note), table.Warning, colour))
	}
	return lines
}

// until is for how long it runs, if that is known.
func (s *probeSession) until(status *proberun.Status) time.Duration {
	length := s.length
	if !status.Ends.IsZero() {
		if own := status.Ends.Sub(status.Since); length == 0 || own < length {
			length = own
		}
	}
	return length
}

// body is the table, and histograms where there is room for them.
func (s *probeSession) body(now, earlier *proberun.Snapshot, columns, room int) []string {
	if len(now.Rows) == 0 && now.Other == nil {
		return []string{table.Paint("no matches yet", table.Faint, s.colour(s.Out))}
	}
	if room < 3 {
		room = 3
	}
	rows := len(now.Rows)
	other := 0
	if now.Other != nil {
		other = 1
	}
	if rows+other+1 > room {
		rows = max(1, room-other-2)
	}
	var text bytes.Buffer
	// Writing to memory cannot fail.
	_ = s.rows.table(now, earlier, rows).Write(&text, s.style(s.format))
	lines := linesOf(&text)
	if hidden := len(now.Rows) - rows; hidden > 0 {
		return append(lines, table.Paint(fmt.Sprintf("and %s", plural(hidden, "row more", "rows more")), table.Faint, s.colour(s.Out)))
	}
	for i := range now.Rows {
		drawn := s.rows.histograms(&now.Rows[i], min(columns, widestHistogram), s.colour(s.Out))
		if len(drawn) == 0 || i > 0 && !s.rows.worthDrawing(&now.Rows[i], &now.Rows[0]) || len(lines)+len(drawn)+1 > room {
			break
		}
		lines = append(append(lines, ""), drawn...)
	}
	return lines
}

// linesOf takes the lines out of a buffer.
func linesOf(text *bytes.Buffer) []string {
	if text.Len() == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	text.Reset()
	return lines
}

// finally shows the table for the last time.
func (s *probeSession) finally(snapshot *proberun.Snapshot) error {
	if s.screen != nil {
		if err := s.screen.show(linesOf(&s.lines), nil); err != nil {
			return err
		}
	} else if _, err := s.lines.WriteTo(s.Out); err != nil {
		return err
	}
	if len(s.resolved.Measures) == 0 {
		return nil
	}
	if len(snapshot.Rows) == 0 && snapshot.Other == nil {
		return nil
	}
	if s.shown > 0 {
		fmt.Fprintln(s.Out)
	}
	rows, columns := len(snapshot.Rows), 100
	if s.screen != nil {
		columns, _ = s.screen.size()
		rows = min(rows, mostLastRows)
	}
	if err := s.rows.table(snapshot, nil, rows).Write(s.Out, s.style(s.format)); err != nil {
		return err
	}
	if hidden := len(snapshot.Rows) - rows; hidden > 0 {
		fmt.Fprintf(s.Out, "and %s (-o json shows all)\n", plural(hidden, "row more", "rows more"))
	}
	for i := range snapshot.Rows[:min(len(snapshot.Rows), mostLastHistograms)] {
		if i > 0 && !s.rows.worthDrawing(&snapshot.Rows[i], &snapshot.Rows[0]) {
			break
		}
		for at, line := range s.rows.histograms(&snapshot.Rows[i], min(columns, widestHistogram), s.colour(s.Out)) {
			if at == 0 {
				fmt.Fprintln(s.Out)
			}
			if _, err := fmt.Fprintln(s.Out, line); err != nil {
				return err
			}
		}
	}
	return nil
}

// conclude says how it ended, what it cost, and what was lost.
func (s *probeSession) conclude(status *proberun.Status, empty bool) {
	s.tell(status.Notes)
	s.tell(status.Members.Notes)
	if s.shown == 0 && status.Cost.Runs > 0 && empty && lossText(status.Losses) == "" {
		s.note("its hooks ran %s, and nothing matched", plural64(status.Cost.Runs, "time", "times"))
	}
	lost := "nothing was lost"
	if text := lossText(status.Losses); text != "" {
		lost = "lost: " + text
	}
	took := status.Ended.Sub(status.Since)
	ran := units.Span(took)
	if took < time.Second {
		ran = units.Duration(took)
	}
	s.note("%s for %s: %s; %s", stateText(status), ran, costText(status), lost)
	switch status.State {
	case proberun.SwitchedOff:
		s.note("it switched itself off: %s (a larger budget is --cpu, fewer runs are --sample)", status.Why)
	case proberun.Broken:
		s.note("it could not go on: %s", status.Why)
	}
}

func stateText(status *proberun.Status) string {
	if status.State == proberun.Expired {
		return "ran its time out"
	}
	return "ran"
}
