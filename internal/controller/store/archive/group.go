// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// opened is a segment that is being read.
type opened[R any] struct {
	archive *Archive
	table   *table[R]
	segment *segment
	file    io.ReaderAt
	close   func() error
	parsed  *parquet.File
	// chunk says which of the segment's columns each of the table's is; -1 where it has none.
	chunk []int
	// scratch, where there is one, holds each row group in turn: nothing of it may be kept.
	scratch *block[R]
}

// block gives an empty block to read into.
func (o *opened[R]) block() *block[R] {
	if o.scratch == nil {
		return o.table.newBlock(0)
	}
	for _, v := range o.scratch.columns {
		v.reset()
	}
	o.scratch.rows = 0
	return o.scratch
}

// atOnce is how large a segment is that is read at once, rather than page by page.
const atOnce = 1 << 20

// reader opens a segment's file.
func (s *segment) reader() (io.ReaderAt, func() error, error) {
	file, err := os.Open(s.path)
	if err != nil {
		return nil, nil, fmt.Errorf("opening a segment: %w", err)
	}
	if s.bytes > atOnce {
		return file, file.Close, nil
	}
	defer file.Close()
	content := make([]byte, s.bytes)
	if _, err := io.ReadFull(file, content); err != nil {
		return nil, nil, fmt.Errorf("reading a segment: %w", err)
	}
	return bytes.NewReader(content), func() error { return nil }, nil
}

func (s *store[R]) open(of *segment) (*opened[R], error) {
	file, closing, err := of.reader()
	if err != nil {
		return nil, err
	}
	parsed, err := parse(file, of.bytes)
	if err != nil {
		closing()
		return nil, err
	}
	o := &opened[R]{
		archive: s.archive, table: s.table, segment: of, file: file, close: closing, parsed: parsed, chunk: make([]int, len(s.table.columns)),
	}
	for i, c := range s.table.columns {
		o.chunk[i] = -1
		leaf, ok := parsed.Schema().Lookup(c.name)
		if !ok {
			continue
		}
		if leaf.Node.Type().Kind() != c.node.Type().Kind() || leaf.Node.Repeated() {
			closing()
			return nil, fmt.Errorf("column %s is of another type: %w", c.name, errCorrupt)
		}
		o.chunk[i] = leaf.ColumnIndex
	}
	return o, nil
}

// maxGroupRows bounds the row groups that are read, whoever wrote them.
const maxGroupRows = 1 << 20

// group is a row group of a segment.
type group[R any] struct {
	*opened[R]
	chunks []parquet.ColumnChunk
	rows   int64
	// least and most bound the time of its rows.
	least, most int64
}

func (o *opened[R]) groups() (groups []*group[R], err error) {
	err = guarded("reading the footer", func() error {
		for _, rowGroup := range o.parsed.RowGroups() {
			if rowGroup.NumRows() < 0 || rowGroup.NumRows() > maxGroupRows {
				return fmt.Errorf("a row group of %d rows: %w", rowGroup.NumRows(), errCorrupt)
			}
			g := &group[R]{opened: o, chunks: rowGroup.ColumnChunks(), rows: rowGroup.NumRows(), least: o.segment.from, most: o.segment.to}
			if bounds, ok := g.bounds(o.table.from); ok {
				g.least = bounds[0]
			}
			if bounds, ok := g.bounds(o.table.to); ok {
				g.most = bounds[1]
			}
			groups = append(groups, g)
		}
		return nil
	})
	return groups, err
}

func (g *group[R]) column(place int) *parquet.FileColumnChunk {
	if g.chunk[place] < 0 {
		return nil
	}
	found, _ := g.chunks[g.chunk[place]].(*parquet.FileColumnChunk)
	return found
}

// bounds gives the least and the greatest time in a column.
func (g *group[R]) bounds(column int) (bounds [2]int64, ok bool) {
	chunk := g.column(column)
	if chunk == nil {
		return bounds, false
	}
	least, most, ok := chunk.Bounds()
	if !ok || least.Kind() != parquet.Int64 || most.Kind() != parquet.Int64 {
		return bounds, false
	}
	return [2]int64{least.Int64(), most.Int64()}, true
}

// excluded asks the filters whether no row of the group can meet a condition.
func (g *group[R]) excluded(c condition[R]) (bool, error) {
	if len(c.values) == 0 {
		return false, nil
	}
	for _, column := range c.columns {
		chunk := g.column(column)
		if chunk == nil {
			continue
		}
		filter, err := chunk.BloomFilterFrom(g.file)
		if errors.Is(err, parquet.ErrMissingBloomFilter) || filter == nil && err == nil {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("reading a filter: %w", err)
		}
		for _, value := range c.values {
			may, err := filter.Check(value)
			if err != nil {
				return false, fmt.Errorf("reading a filter: %w", err)
			}
			if may {
				return false, nil
			}
		}
	}
	return true, nil
}

// stretch is rows of a group that follow each other.
type stretch struct{ from, to int64 }

// stretches gives the rows that must be looked at: those of the pages whose bounds do not exclude them.
func (g *group[R]) stretches(s *selection[R]) ([]stretch, error) {
	all := []stretch{{0, g.rows}}
	begin := g.column(g.table.from)
	if begin == nil {
		return all, nil
	}
	offsets, err := begin.OffsetIndexFrom(g.file)
	if err != nil || offsets.NumPages() == 0 {
		return all, nil
	}
	pages := offsets.NumPages()
	wanted := make([]bool, pages)
	for i := range wanted {
		wanted[i] = true
	}
	exclude := func(column int, outside func(least, most parquet.Value) bool) {
		chunk := g.column(column)
		if chunk == nil {
			return
		}
		index, err := chunk.ColumnIndexFrom(g.file)
		if err != nil || index.NumPages() != pages {
			return
		}
		for i := range wanted {
			if !index.NullPage(i) && outside(index.MinValue(i), index.MaxValue(i)) {
				wanted[i] = false
			}
		}
	}
	exclude(g.table.from, func(least, _ parquet.Value) bool { return least.Int64() >= s.to })
	exclude(g.table.to, func(_, most parquet.Value) bool { return most.Int64() < s.from })
	for _, c := range s.conditions {
		if len(c.columns) != 1 || c.columns[0] != g.table.sorted {
			continue
		}
		exclude(g.table.sorted, func(least, most parquet.Value) bool { return outsideAll(c.values, least, most) })
	}
	joined := joinPages(wanted, offsets, g.rows)
	if slices.ContainsFunc(joined, func(s stretch) bool { return s.from < 0 || s.from >= s.to || s.to > g.rows }) {
		return nil, fmt.Errorf("its index points outside: %w", errCorrupt)
	}
	return joined, nil
}

func outsideAll(values []parquet.Value, least, most parquet.Value) bool {
	for _, value := range values {
		text := string(value.ByteArray())
		if text >= string(least.ByteArray()) && text <= string(most.ByteArray()) {
			return false
		}
	}
	return true
}

func joinPages(wanted []bool, offsets parquet.OffsetIndex, rows int64) []stretch {
	var joined []stretch
	for i, want := range wanted {
		if !want {
			continue
		}
		from, to := offsets.FirstRowIndex(i), rows
		if i+1 < len(wanted) {
			to = offsets.FirstRowIndex(i + 1)
		}
		if n := len(joined); n > 0 && joined[n-1].to == from {
			joined[n-1].to = to
			continue
		}
		joined = append(joined, stretch{from, to})
	}
	return joined
}

// load reads columns of some rows into a block.
func (g *group[R]) load(b *block[R], columns []int, stretches []stretch) error {
	var rows int
	for _, s := range stretches {
		rows += int(s.to - s.from)
	}
	for _, column := range columns {
		v := b.columns[column]
		if v.length() > 0 {
			continue
		}
		chunk := g.column(column)
		if chunk == nil {
			v.absent(rows)
			continue
		}
		v.grow(rows)
		if same(v, chunk, rows) {
			continue
		}
		if err := g.loadColumn(v, chunk, stretches); err != nil {
			return fmt.Errorf("reading column %s: %w", g.table.columns[column].name, err)
		}
		if v.length() != rows {
			return fmt.Errorf("column %s has %d rows of %d: %w", g.table.columns[column].name, v.length(), rows, errCorrupt)
		}
	}
	b.rows = rows
	return nil
}

// constant is a column that can be told what all its elements are.
type constant interface {
	// all appends the same value so many times. A null value stands for none.
	all(value parquet.Value, n int)
}

// same spares reading a column of which the footer says that its values are all the same, as counters of what seldom
// happens are.
func same(v any, chunk *parquet.FileColumnChunk, rows int) bool {
	c, ok := v.(constant)
	if !ok {
		return false
	}
	if nulls := chunk.NullCount(); nulls != 0 {
		if nulls == chunk.NumValues() {
			c.all(parquet.NullValue(), rows)
		}
		return nulls == chunk.NumValues()
	}
	least, most, ok := chunk.Bounds()
	if !ok || least.IsNull() || !parquet.Equal(least, most) {
		return false
	}
	c.all(least, rows)
	return true
}

func (g *group[R]) loadColumn(v vector[R], chunk *parquet.FileColumnChunk, stretches []stretch) error {
	// Seeking goes by the index, where there is one.
	_, _ = chunk.OffsetIndexFrom(g.file)
	pages := chunk.PagesFrom(g.file)
	defer pages.Close()
	for _, s := range stretches {
		if err := pages.SeekToRow(s.from); err != nil {
			return fmt.Errorf("seeking: %w", err)
		}
		for at := s.from; at < s.to; {
			page, err := pages.ReadPage()
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("it ends early: %w", errCorrupt)
			}
			if err != nil {
				return fmt.Errorf("reading a page: %w", err)
			}
			g.archive.pagesRead.Add(1)
			if rest := s.to - at; page.NumRows() > rest {
				cut := page.Slice(0, rest)
				parquet.Release(page)
				page = cut
			}
			at += page.NumRows()
			if page.NumRows() == 0 {
				parquet.Release(page)
				return fmt.Errorf("an empty page: %w", errCorrupt)
			}
			err = v.read(page)
			parquet.Release(page)
			if err != nil {
				return err
			}
		}
	}
	return nil
}
