// SPDX-License-Identifier: Apache-2.0

// Package table writes the one kind of table that Aeolus shows on a terminal: aligned columns, headers in capitals, units
// in the cells, colour only where it is asked for and never as the only sign.
package table

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Tone is what a cell's colour would say. The text must say it too.
type Tone uint8

// The tones.
const (
	Plain Tone = iota
	Good
	Warning
	Bad
	Faint
)

var escapes = map[Tone]string{Good: "\x1b[32m", Warning: "\x1b[33m", Bad: "\x1b[1;31m", Faint: "\x1b[2m"}

// Column describes a column.
type Column struct {
	Name string
	// Right aligns to the right, as numbers want it.
	Right bool
	// Wide columns are shown only when the wide table is asked for.
	Wide bool
	// Max cuts longer cells, except in the wide table; 0 for no limit.
	Max int
	// Min is the least width; streams need it, because their rows come one by one.
	Min int
	// HideEmpty leaves the column out when none of its cells has text.
	HideEmpty bool
}

// Cell is one field. Text may hold anything: what a terminal could take for a command is escaped.
type Cell struct {
	Text string
	Tone Tone
}

// Text makes a plain cell.
func Text(s string) Cell { return Cell{Text: s} }

// Style is how a table is written.
type Style struct {
	Wide, Colour bool
}

// Table collects rows.
type Table struct {
	columns []Column
	rows    [][]Cell
}

// New makes an empty table.
func New(columns ...Column) *Table { return &Table{columns: columns} }

// Row adds a row. Missing cells are empty.
func (t *Table) Row(cells ...Cell) {
	row := make([]Cell, len(t.columns))
	copy(row, cells)
	t.rows = append(t.rows, row)
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Write writes the table with its header.
func (t *Table) Write(w io.Writer, style Style) error {
	stream := newStream(w, style, t.visible(style))
	for i, column := range stream.columns {
		stream.widths[i] = measure(column.Name)
		for _, row := range t.rows {
			stream.widths[i] = max(stream.widths[i], measure(stream.clip(i, clean(row[column.at].Text))))
		}
	}
	if err := stream.header(); err != nil {
		return err
	}
	for _, row := range t.rows {
		if err := stream.row(row); err != nil {
			return err
		}
	}
	return nil
}

// visible lists the columns to show, with where they stand in a row.
func (t *Table) visible(style Style) []placed {
	var shown []placed
	for _, column := range place(t.columns, style) {
		if column.HideEmpty && !t.used(column.at) {
			continue
		}
		shown = append(shown, column)
	}
	return shown
}

func (t *Table) used(at int) bool {
	for _, row := range t.rows {
		if row[at].Text != "" {
			return true
		}
	}
	return false
}

// placed is a column and its place in the rows.
type placed struct {
	Column
	at int
}

func place(all []Column, style Style) []placed {
	var shown []placed
	for i, column := range all {
		if column.Wide && !style.Wide {
			continue
		}
		shown = append(shown, placed{Column: column, at: i})
	}
	return shown
}

// Stream writes rows as they come. Columns grow when a cell needs it, and never shrink.
type Stream struct {
	w       io.Writer
	style   Style
	columns []placed
	widths  []int
	begun   bool
}

// newStream makes a stream over columns that have been placed.
func newStream(w io.Writer, style Style, columns []placed) *Stream {
	s := &Stream{w: w, style: style, columns: columns, widths: make([]int, len(columns))}
	for i, column := range columns {
		s.widths[i] = max(measure(column.Name), column.Min)
	}
	return s
}

// Stream makes a stream with this table's columns; its rows are not written.
func (t *Table) Stream(w io.Writer, style Style) *Stream {
	return newStream(w, style, place(t.columns, style))
}

// Row writes one row, after the header if it is the first.
func (s *Stream) Row(cells ...Cell) error {
	row := make([]Cell, s.columns[len(s.columns)-1].at+1)
	copy(row, cells)
	if !s.begun {
		if err := s.header(); err != nil {
			return err
		}
	}
	return s.row(row)
}

func (s *Stream) header() error {
	s.begun = true
	cells := make([]Cell, s.columns[len(s.columns)-1].at+1)
	for _, column := range s.columns {
		cells[column.at] = Cell{Text: column.Name, Tone: Faint}
	}
	return s.row(cells)
}

func (s *Stream) row(cells []Cell) error {
	var line strings.Builder
	for i, column := range s.columns {
		cell := cells[column.at]
		text := s.clip(i, clean(cell.Text))
		s.widths[i] = max(s.widths[i], measure(text))
		gap := strings.Repeat(" ", s.widths[i]-measure(text))
		text = s.paint(text, cell.Tone)
		if column.Right {
			text = gap + text
		} else {
			text += gap
		}
		if i > 0 {
			line.WriteString("  ")
		}
		line.WriteString(text)
	}
	_, err := fmt.Fprintln(s.w, strings.TrimRight(line.String(), " "))
	return err
}

func (s *Stream) clip(i int, text string) string {
	limit := s.columns[i].Max
	if limit == 0 || s.style.Wide || measure(text) <= limit {
		return text
	}
	var kept strings.Builder
	room := limit - 1
	for _, r := range text {
		if room -= runeColumns(r); room < 0 {
			break
		}
		kept.WriteRune(r)
	}
	return kept.String() + "…"
}

func (s *Stream) paint(text string, tone Tone) string {
	if !s.style.Colour || escapes[tone] == "" || text == "" {
		return text
	}
	return escapes[tone] + text + "\x1b[0m"
}

// clean escapes what is not printable: names come from whoever runs the containers.
func clean(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsPrint(r) && r != unicode.ReplacementChar:
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Clean escapes text for a terminal as cells are, for sentences that stand outside a table.
func Clean(s string) string { return clean(s) }

func measure(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.Is(unicode.Mn, r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Paint colours text that stands outside a table, if colour is asked for.
func Paint(text string, tone Tone, colour bool) string {
	s := Stream{style: Style{Colour: colour}}
	return s.paint(text, tone)
}

// Width is how many columns a terminal needs for text that has been cleaned.
func Width(text string) int { return measure(text) }
