// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Numbers are packed before they are compressed, so that the quicker codec does as well; texts gain from the better one.
var (
	numberCodec = &snappy.Codec{}
	textCodec   = &zstd.Codec{Level: zstd.SpeedFastest}
)

// writer writes one segment. What it writes has no segment's name before it is whole and on the disk.
type writer[R any] struct {
	store    *store[R]
	segment  *segment
	file     *os.File
	parquet  *parquet.GenericWriter[any]
	values   []parquet.Value
	finished bool
	reach    block[R]
}

func (s *store[R]) newWriter(level int) (*writer[R], error) {
	sequence := s.archive.nextSequence()
	path := filepath.Join(s.archive.config.Directory, fmt.Sprintf("%s-%010d%s", s.table.name, sequence, temporary))
	file, err := s.archive.create(path)
	if err != nil {
		return nil, fmt.Errorf("writing a segment: %w", err)
	}
	var filters []parquet.BloomFilterColumn
	for _, c := range s.table.columns {
		if c.bloom {
			filters = append(filters, parquet.SplitBlockFilter(10, c.name))
		}
	}
	options := []parquet.WriterOption{
		s.table.schema, parquet.BloomFilters(filters...), parquet.CreatedBy("aeolus", "archive", strconv.Itoa(formatVersion)),
		parquet.ColumnIndexSizeLimit(func([]string) int { return 64 }),
		// Pages are cut after so many rows, whatever their size, so that those of all columns end together.
		parquet.PageBufferSize(8 * pageRows),
		parquet.KeyValueMetadata(keyVersion, strconv.Itoa(formatVersion)),
		parquet.KeyValueMetadata(keyTable, s.table.name),
		parquet.KeyValueMetadata(keyLevel, strconv.Itoa(level)),
	}
	return &writer[R]{
		store: s, file: file, parquet: parquet.NewGenericWriter[any](file, options...),
		segment: &segment{path: path, table: s.table.name, level: level, sequence: sequence},
		reach:   block[R]{least: never, most: never},
	}, nil
}

// block writes rows, sorted, as row groups.
func (w *writer[R]) block(b *block[R]) error {
	w.reach.reach(b.least, b.most)
	w.store.archive.step("write")
	for group := range slices.Chunk(b.places(), groupRows) {
		if err := w.group(b, group); err != nil {
			return err
		}
		w.segment.rows += int64(len(group))
	}
	return nil
}

func (w *writer[R]) group(b *block[R], group []int32) error {
	columns := w.parquet.ColumnWriters()
	for i, v := range b.columns {
		for page := range slices.Chunk(group, pageRows) {
			w.values = v.write(w.values[:0], page)
			if _, err := columns[i].WriteRowValues(w.values); err != nil {
				return fmt.Errorf("writing a segment: %w", err)
			}
			if err := columns[i].Flush(); err != nil {
				return fmt.Errorf("writing a segment: %w", err)
			}
		}
	}
	if err := w.parquet.Flush(); err != nil {
		return fmt.Errorf("writing a segment: %w", err)
	}
	return nil
}

// finish makes the file a segment, in place of others.
func (w *writer[R]) finish(replaces []uint64) (*segment, error) {
	s := w.segment
	s.from, s.to, s.replaces = w.reach.least, w.reach.most, replaces
	list := make([]string, len(replaces))
	for i, sequence := range replaces {
		list[i] = strconv.FormatUint(sequence, 10)
	}
	w.parquet.SetKeyValueMetadata(keyFrom, strconv.FormatInt(s.from, 10))
	w.parquet.SetKeyValueMetadata(keyTo, strconv.FormatInt(s.to, 10))
	w.parquet.SetKeyValueMetadata(keyReplaces, strings.Join(list, " "))
	if err := w.parquet.Close(); err != nil {
		return nil, fmt.Errorf("ending a segment: %w", err)
	}
	info, err := w.file.Stat()
	if err != nil {
		return nil, fmt.Errorf("ending a segment: %w", err)
	}
	s.bytes = info.Size()
	sum, err := footerSum(w.file, s.bytes)
	if err != nil {
		return nil, fmt.Errorf("ending a segment: %w", err)
	}
	w.store.archive.step("sync")
	if err := w.file.Sync(); err != nil {
		return nil, fmt.Errorf("syncing a segment: %w", err)
	}
	if err := w.file.Close(); err != nil {
		return nil, fmt.Errorf("closing a segment: %w", err)
	}
	w.store.archive.step("rename")
	path := filepath.Join(filepath.Dir(s.path), nameOf(s, sum))
	if err := os.Rename(s.path, path); err != nil {
		return nil, fmt.Errorf("naming a segment: %w", err)
	}
	s.path, w.finished = path, true
	w.store.archive.step("renamed")
	if err := syncDirectory(filepath.Dir(path)); err != nil && os.Remove(path) == nil {
		// The rows stay where they were; a segment that cannot be removed either is as good as kept.
		return nil, err
	}
	return s, nil
}

// abandon removes what was not finished.
func (w *writer[R]) abandon() {
	if w.finished {
		return
	}
	w.file.Close()
	os.Remove(w.segment.path)
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing the directory: %w", err)
	}
	defer directory.Close()
	if err := directory.Sync(); err != nil {
		return fmt.Errorf("syncing the directory: %w", err)
	}
	return nil
}
