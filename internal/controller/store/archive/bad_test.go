// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// sealed makes an archive with some segments of each table, and gives what is in it.
func sealed(t testing.TB, config Config, minutes int) (*Archive, *oracle) {
	t.Helper()
	a := open(t, config)
	var o oracle
	g := newGenerator(3, 20)
	for minute := range minutes {
		g.fill(a, &o, begin.Add(time.Duration(minute)*time.Minute), 50)
		require.NoError(t, a.sealAll(true))
	}
	return a, &o
}

func segments(t testing.TB, directory, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(directory, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

func TestOpen_oneProcess(t *testing.T) {
	directory := t.TempDir()
	open(t, Config{Directory: directory})
	_, err := Open(Config{Directory: directory})
	require.ErrorContains(t, err, "another process (pid ")
	require.ErrorContains(t, err, "one archive belongs to one controller")
}

func TestOpen_newerVersionIsRefusedAndUntouched(t *testing.T) {
	directory := t.TempDir()
	a, _ := sealed(t, Config{Directory: directory}, 2)
	require.NoError(t, a.Close())
	// As a later version may write it: the same, and one more column.
	type row struct {
		Future string `parquet:"future"`
	}
	var file bytes.Buffer
	require.NoError(t, parquet.Write(&file, []row{{"x"}}, parquet.KeyValueMetadata(keyVersion, fmt.Sprint(formatVersion+1))))
	sum, err := footerSum(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	name := nameOf(&segment{table: "flows", from: 1, to: 2, sequence: 99}, sum)
	require.NoError(t, os.WriteFile(filepath.Join(directory, name), file.Bytes(), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(directory, "flows-0000000077.tmp"), nil, 0o600))

	before := listing(t, directory)
	_, err = Open(Config{Directory: directory})
	require.ErrorIs(t, err, errNewer)
	require.ErrorContains(t, err, "written by a newer version of Aeolus; nothing was changed")
	require.Equal(t, before, listing(t, directory))
}

// listing gives the names, sizes and times of a directory's files, but for the lock.
func listing(t *testing.T, directory string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		if entry.Name() != lockFile {
			all = append(all, fmt.Sprint(entry.Name(), info.Size(), info.ModTime()))
		}
	}
	return all
}

// TestOpen_olderVersion reads a segment that lacks most columns, as an older version would have written it, and one column
// that is not known any more.
func TestOpen_olderVersion(t *testing.T) {
	type row struct {
		Connection string `parquet:"connection_id"`
		From       int64  `parquet:"begun,timestamp(nanosecond)"`
		To         int64  `parquet:"ended,timestamp(nanosecond)"`
		Sent       uint64 `parquet:"sent_bytes"`
		Mood       string `parquet:"mood"`
	}
	directory := t.TempDir()
	at := begin.UnixNano()
	var file bytes.Buffer
	require.NoError(t, parquet.Write(&file, []row{{"one", at, at + 5, 7, "sunny"}, {"two", at, at + 6, 8, "dull"}},
		parquet.KeyValueMetadata(keyVersion, "0"), parquet.KeyValueMetadata(keyTable, "flows"),
		parquet.KeyValueMetadata(keyFrom, fmt.Sprint(at)), parquet.KeyValueMetadata(keyTo, fmt.Sprint(at+6))))
	sum, err := footerSum(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	name := nameOf(&segment{table: "flows", from: at, to: at + 6, sequence: 9}, sum)
	require.NoError(t, os.WriteFile(filepath.Join(directory, name), file.Bytes(), 0o600))
	a := open(t, Config{Directory: directory})
	found := collect(t, a.Flows(context.Background(), FlowQuery{}))
	require.Equal(t, []Flow{
		{Connection: "one", From: begin, To: begin.Add(5), Sent: 7}, {Connection: "two", From: begin, To: begin.Add(6), Sent: 8},
	}, found)
	require.Empty(t, collect(t, a.Flows(context.Background(), FlowQuery{Edges: []string{"e"}})))
}

func TestOpen_garbageAndBrokenSegments(t *testing.T) {
	directory := t.TempDir()
	a, o := sealed(t, Config{Directory: directory}, 3)
	require.NoError(t, a.Close())
	torn := segments(t, directory, "flows-*.parquet")
	for _, name := range []string{"notes.txt", "flows.parquet", "flows-1-2-3-4-5.parquet", "edges-x.parquet"} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), []byte("garbage"), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(directory, "flows-20260302T000000Z-20260302T000001Z-0-0000000099-00000000.parquet"), 0o700))
	require.NoError(t, os.Truncate(torn[0], 1000))
	require.NoError(t, os.WriteFile(torn[1], nil, 0o600))

	var said bytes.Buffer
	a = open(t, Config{Directory: directory, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	require.EqualValues(t, 2, a.Stats().Broken)
	require.FileExists(t, torn[0]+brokenExtension)
	require.NoFileExists(t, torn[0])
	gaps := a.Gaps(Range{From: begin, To: begin.Add(30 * time.Second)})
	require.Len(t, gaps, 1)
	require.Equal(t, "flows", gaps[0].Table)
	require.Contains(t, gaps[0].Reason, "is broken and was moved aside")
	require.Contains(t, said.String(), "history of flows from 2026-03-02 00:00:00 to 2026-03-02 00:0")
	require.Len(t, collect(t, a.Flows(context.Background(), FlowQuery{})), 50)
	require.Len(t, collect(t, a.Events(context.Background(), EventQuery{})), len(o.events))
	require.FileExists(t, filepath.Join(directory, "notes.txt"))
	require.Greater(t, a.sequence.Load(), uint64(10))
	require.NoError(t, a.Close())
	// The gap is remembered, the segment is broken no more.
	a = open(t, Config{Directory: directory})
	require.Zero(t, a.Stats().Broken)
	require.Len(t, a.Gaps(Range{}), 2)
}

// TestQuery_brokenPage flips a byte in a page: its segment is named, the others answer.
func TestQuery_brokenPage(t *testing.T) {
	directory := t.TempDir()
	a, o := sealed(t, Config{Directory: directory}, 3)
	path := segments(t, directory, "flows-*")[1]
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for at := 100; at < len(content)/2; at += 50 {
		content[at] ^= 0xff
	}
	require.NoError(t, os.WriteFile(path, content, 0o600))
	rows, failures := 0, 0
	for row, err := range a.Flows(context.Background(), FlowQuery{}) {
		if err != nil {
			var broken *SegmentError
			require.ErrorAs(t, err, &broken)
			require.Equal(t, path, broken.Segment)
			require.False(t, broken.From.IsZero() || broken.To.IsZero())
			failures++
			continue
		}
		require.NotEmpty(t, row.Connection)
		rows++
	}
	require.Equal(t, 1, failures)
	require.Equal(t, len(o.flows)-50, rows)
	// It cannot be merged either: it is moved aside, and the others are merged.
	a.config.Now = func() time.Time { return begin.Add(3 * time.Hour) }
	require.NoError(t, a.maintain(context.Background()))
	require.NoError(t, a.maintain(context.Background()))
	require.FileExists(t, path+brokenExtension)
	require.Len(t, collect(t, a.Flows(context.Background(), FlowQuery{})), len(o.flows)-50)
	require.Len(t, a.Gaps(Range{}), 1)
}

func TestAdd_floodIsBoundedAndCounted(t *testing.T) {
	for _, directory := range []string{"", t.TempDir()} {
		ledger := loss.NewLedger()
		a := open(t, Config{Directory: directory, Ledger: ledger, HeadRows: RowBounds{Flows: 20_000}})
		rows := make([]Flow, 1000)
		for i := range rows {
			rows[i] = newGenerator(1, 50).flow(begin)
		}
		total := 100_000
		if testkit.Full() {
			total = 1_000_000
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range total / len(rows) {
			a.AddFlows(rows)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(64<<20))
		stats := a.flows.stats()
		require.LessOrEqual(t, stats.HeadRows, int64(20_000))
		count := count(ledger, "archive.flows")
		require.EqualValues(t, total, count.In)
		require.Equal(t, count.In, count.Out+count.Lost()+uint64(stats.HeadRows))
		if directory == "" {
			require.Empty(t, count.Dropped, "in memory the oldest make room")
		} else {
			require.Equal(t, map[string]uint64{dropFull: uint64(total) - 20_000}, count.Dropped)
		}
	}
}

func count(ledger *loss.Ledger, stage string) loss.Count {
	for _, c := range ledger.Counts() {
		if c.Stage == stage {
			return c
		}
	}
	return loss.Count{}
}

func TestAdd_rowsThatCannotBeKept(t *testing.T) {
	a := open(t, Config{})
	a.AddEvents([]Event{{ID: "good", Time: begin}, {ID: "timeless"}, {ID: "large", Time: begin, Text: strings.Repeat("x", maxTexts)}, {ID: "too", Time: begin}})
	require.Len(t, collect(t, a.Events(context.Background(), EventQuery{})), 2)
	require.NoError(t, a.Close())
	a.AddEvents([]Event{{ID: "late", Time: begin}})
	require.Equal(t, map[string]uint64{dropTimeless: 1, dropLarge: 1, dropClosed: 1}, a.events.stats().Dropped)
}

func TestHead_boundedByBytes(t *testing.T) {
	a := open(t, Config{HeadBytes: 1 << 20})
	for i := range 200 {
		a.AddEvents([]Event{{ID: fmt.Sprint(i), Time: begin.Add(time.Duration(i) * time.Second), Text: strings.Repeat("x", 50_000)}})
	}
	stats := a.events.stats()
	require.Less(t, stats.HeadBytes, int64(2<<20))
	newest := collect(t, a.Events(context.Background(), EventQuery{Order: Order{Limit: 1}}))
	require.Equal(t, "199", newest[0].ID)
}

func TestSeal_directoryRemoved(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "archive")
	a, o := sealed(t, Config{Directory: directory}, 1)
	require.NoError(t, os.RemoveAll(directory))
	g := newGenerator(9, 10)
	var later oracle
	g.fill(a, &later, begin.Add(time.Hour), 10)
	err := a.sealAll(true)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, a.sealAll(true), "it was made anew")
	var missing *SegmentError
	var found []Flow
	for row, err := range a.Flows(context.Background(), FlowQuery{}) {
		if err != nil {
			require.ErrorAs(t, err, &missing)
			continue
		}
		found = append(found, *row)
	}
	require.ElementsMatch(t, later.flows, found)
	require.NotNil(t, missing)
	require.Contains(t, a.Gaps(Range{})[0].Reason, "deleted by somebody else")
	require.Len(t, collect(t, a.Flows(context.Background(), FlowQuery{})), 10, "said once")
	_, err = Open(Config{Directory: directory})
	require.ErrorContains(t, err, "another process", "the new directory is locked as well")
	require.NotEmpty(t, o.flows)
}

func TestQuery_endsWithItsContext(t *testing.T) {
	a, _ := sealed(t, Config{Directory: t.TempDir()}, 3)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	why := errors.New("nobody waits any more")
	rows := 0
	var last error
	for _, err := range a.Flows(ctx, FlowQuery{}) {
		last = err
		if rows++; rows == 10 {
			cancel(why)
		}
	}
	require.ErrorIs(t, last, why)
	require.Less(t, rows, 150)
	for range a.Flows(context.Background(), FlowQuery{}) {
		break
	}
	for _, s := range a.flows.segments {
		require.Zero(t, s.readers)
	}
}
