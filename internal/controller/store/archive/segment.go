// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/parquet-go/parquet-go"
)

// formatVersion is that of the segments that are written. Readers take every version up to it: a column that a segment
// does not have is empty, one that is not known is passed over.
const formatVersion = 1

// The levels of segments, by how long a stretch of time they are meant to hold.
const (
	levelMinute = iota
	levelHour
	levelDay
)

// Keys of what a segment says of itself.
const (
	keyVersion  = "aeolus.version"
	keyTable    = "aeolus.table"
	keyLevel    = "aeolus.level"
	keyFrom     = "aeolus.from"
	keyTo       = "aeolus.to"
	keyReplaces = "aeolus.replaces"
)

// segment is a file with rows of one table.
type segment struct {
	path     string
	table    string
	level    int
	sequence uint64
	// from and to bound the rows' time, nanoseconds since 1970.
	from, to    int64
	rows, bytes int64
	// replaces lists the segments that were merged into this one.
	replaces []uint64

	mu      sync.Mutex
	readers int
	dead    bool
}

func olderSegment(a, b *segment) int {
	switch {
	case a.from != b.from:
		return compare(a.from, b.from)
	case a.sequence < b.sequence:
		return -1
	case a.sequence > b.sequence:
		return 1
	}
	return 0
}

// acquire keeps the file until it is released.
func (s *segment) acquire() {
	s.mu.Lock()
	s.readers++
	s.mu.Unlock()
}

func (s *segment) release() {
	s.mu.Lock()
	s.readers--
	remove := s.dead && s.readers == 0
	s.mu.Unlock()
	if remove {
		// What stays after a failure is removed when the directory is opened again.
		_ = os.Remove(s.path)
	}
}

// remove deletes the file, as soon as nobody reads it.
func (s *segment) remove() error {
	s.mu.Lock()
	s.dead = true
	busy := s.readers > 0
	s.mu.Unlock()
	if busy {
		return nil
	}
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing a segment: %w", err)
	}
	return nil
}

const (
	extension       = ".parquet"
	brokenExtension = ".broken"
	temporary       = ".tmp"
	timeInName      = "20060102T150405Z"
)

var segmentName = regexp.MustCompile(`^(edges|instances|flows|events)-([0-9TZ]+)-([0-9TZ]+)-(\d)-(\d{1,19})-([0-9a-f]{8})\.parquet$`)

// nameOf makes a segment's name. The checksum of the footer is part of it: what is not whole is seen before it is parsed.
func nameOf(s *segment, footer uint32) string {
	from := instantOf(s.from).Format(timeInName)
	to := instantOf(s.to).Add(time.Second - 1).Format(timeInName)
	return fmt.Sprintf("%s-%s-%s-%d-%010d-%08x%s", s.table, from, to, s.level, s.sequence, footer, extension)
}

// named reads what a segment's name says.
func named(path string) (s *segment, footer uint32, ok bool) {
	parts := segmentName.FindStringSubmatch(filepath.Base(path))
	if parts == nil {
		return nil, 0, false
	}
	from, err1 := time.Parse(timeInName, parts[2])
	to, err2 := time.Parse(timeInName, parts[3])
	sequence, err3 := strconv.ParseUint(parts[5], 10, 63)
	sum, err4 := strconv.ParseUint(parts[6], 16, 32)
	if errors.Join(err1, err2, err3, err4) != nil {
		return nil, 0, false
	}
	return &segment{
		path: path, table: parts[1], level: int(parts[4][0] - '0'), sequence: sequence, from: nanoseconds(from), to: nanoseconds(to),
	}, uint32(sum), true
}

// maxFooter bounds what a segment says of itself.
const maxFooter = 64 << 20

// footerSum gives the checksum of the end of a Parquet file.
func footerSum(file io.ReaderAt, size int64) (uint32, error) {
	var tail [8]byte
	if size < 12 {
		return 0, fmt.Errorf("%d bytes are no segment: %w", size, errCorrupt)
	}
	if _, err := file.ReadAt(tail[:], size-8); err != nil {
		return 0, fmt.Errorf("reading the end: %w", err)
	}
	length := int64(binary.LittleEndian.Uint32(tail[:4]))
	if string(tail[4:]) != "PAR1" || length > size-12 || length > maxFooter {
		return 0, fmt.Errorf("it does not end as a segment does: %w", errCorrupt)
	}
	footer := make([]byte, length)
	if _, err := file.ReadAt(footer, size-8-length); err != nil {
		return 0, fmt.Errorf("reading the footer: %w", err)
	}
	return crc32.Checksum(footer, crc32.MakeTable(crc32.Castagnoli)), nil
}

// guarded turns what the Parquet reader does with bytes that nobody wrote into an error.
func guarded(what string, do func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%s: %v: %w", what, reason, errCorrupt)
		}
	}()
	return do()
}

func parse(file io.ReaderAt, size int64) (parsed *parquet.File, err error) {
	err = guarded("parsing the footer", func() error {
		parsed, err = parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		return err
	})
	if err != nil {
		return nil, err
	}
	return parsed, nil
}

// errNewer is for what a later version of Aeolus wrote.
var errNewer = errors.New("written by a newer version of Aeolus")

// describe fills in what a segment says of itself.
func (s *segment) describe(parsed *parquet.File) error {
	number := func(key string) int64 {
		text, _ := parsed.Lookup(key)
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return never
		}
		return n
	}
	version := number(keyVersion)
	if version == never {
		return fmt.Errorf("it does not say its version: %w", errCorrupt)
	}
	if version > formatVersion {
		return fmt.Errorf("format %d, known up to %d: %w", version, formatVersion, errNewer)
	}
	if name, _ := parsed.Lookup(keyTable); name != s.table {
		return fmt.Errorf("it holds %q: %w", name, errCorrupt)
	}
	s.from, s.to, s.rows = number(keyFrom), number(keyTo), parsed.NumRows()
	if s.from == never || s.to == never || s.from > s.to {
		return fmt.Errorf("it does not say its time: %w", errCorrupt)
	}
	list, _ := parsed.Lookup(keyReplaces)
	for field := range strings.FieldsSeq(list) {
		sequence, err := strconv.ParseUint(field, 10, 63)
		if err != nil {
			return fmt.Errorf("reading what it replaces: %w", err)
		}
		s.replaces = append(s.replaces, sequence)
	}
	return nil
}

// openSegment reads what the file of a segment says of itself.
func openSegment(path string) (*segment, error) {
	s, sum, ok := named(path)
	if !ok {
		return nil, fmt.Errorf("%s is no segment's name: %w", filepath.Base(path), errCorrupt)
	}
	file, err := os.Open(path)
	if err != nil {
		return s, fmt.Errorf("opening a segment: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return s, fmt.Errorf("opening a segment: %w", err)
	}
	s.bytes = info.Size()
	found, err := footerSum(file, s.bytes)
	if err != nil {
		return s, err
	}
	if found != sum {
		return s, fmt.Errorf("its footer has the checksum %08x: %w", found, errCorrupt)
	}
	parsed, err := parse(file, s.bytes)
	if err != nil {
		return s, err
	}
	return s, s.describe(parsed)
}
