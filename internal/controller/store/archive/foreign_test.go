// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
)

// arrow builds the command that reads segments with Apache Arrow's reader.
func arrow(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "parquet")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("..", "..", "..", "..", "test", "parquet")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	return binary
}

// arrowTypes say how Arrow names what the reference calls a type.
var arrowTypes = map[string]string{
	"STRING": "utf8", "BOOLEAN": "bool", "DOUBLE": "float64", "UINT_32": "uint32", "UINT_64": "uint64", "INT_32": "int32", "INT_64": "int64",
	"TIMESTAMP(NANOS, UTC)": "timestamp[ns, tz=UTC]",
}

// TestForeign_arrowReadsTheSame reads segments, sealed and merged, with a reader that was written by others.
func TestForeign_arrowReadsTheSame(t *testing.T) {
	binary := arrow(t)
	directory := t.TempDir()
	clock := &testClock{now: begin.Add(2 * time.Hour)}
	a := open(t, Config{Directory: directory, Now: clock.Now})
	g, o := newGenerator(1, 40), &oracle{}
	for minute := range 4 {
		g.fill(a, o, begin.Add(time.Duration(minute)*time.Minute), 800)
		require.NoError(t, a.sealAll(true))
		if minute == 2 {
			require.NoError(t, a.maintain(t.Context()))
		}
	}
	requireForeign(t, binary, a.edges)
	requireForeign(t, binary, a.instances)
	requireForeign(t, binary, a.flows)
	requireForeign(t, binary, a.events)
}

func requireForeign[R any](t *testing.T, binary string, s *store[R]) {
	t.Helper()
	require.Len(t, s.segments, 2)
	for _, segment := range s.segments {
		output, err := exec.Command(binary, segment.path).Output()
		require.NoError(t, err)
		lines := bufio.NewScanner(bytes.NewReader(output))
		lines.Buffer(nil, 1<<20)
		require.True(t, lines.Scan())
		var types map[string]string
		require.NoError(t, json.Unmarshal(lines.Bytes(), &types))
		require.Len(t, types, len(s.table.columns))
		for _, c := range s.table.columns {
			kind, optional := strings.CutSuffix(c.written, ", optional")
			expected := arrowTypes[kind]
			if optional {
				expected += "?"
			}
			require.Equal(t, expected, types[c.name], c.name)
		}
		o, err := s.open(segment)
		require.NoError(t, err)
		groups, err := o.groups()
		require.NoError(t, err)
		for _, group := range groups {
			requireForeignGroup(t, group, lines)
		}
		require.NoError(t, o.close())
		require.False(t, lines.Scan())
	}
}

func requireForeignGroup[R any](t *testing.T, g *group[R], lines *bufio.Scanner) {
	t.Helper()
	b, chosen, err := g.read(g.table.within(Range{}), nil)
	require.NoError(t, err)
	columns := make([][]parquet.Value, len(b.columns))
	for i, v := range b.columns {
		columns[i] = v.write(nil, chosen)
	}
	for row := range chosen {
		require.True(t, lines.Scan())
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.UseNumber()
		var foreign map[string]any
		require.NoError(t, decoder.Decode(&foreign))
		for i, c := range g.table.columns {
			require.Equal(t, written(c.written, columns[i][row]), plain(t, c.written, foreign[c.name]), c.name)
		}
	}
}

// written says what a value is that was written.
func written(kind string, v parquet.Value) string {
	switch {
	case v.IsNull():
		return "null"
	case kind == "UINT_64":
		return fmt.Sprint(v.Uint64())
	case kind == "UINT_32":
		return fmt.Sprint(v.Uint32())
	case kind == "DOUBLE":
		return fmt.Sprint(v.Double())
	case kind == "STRING":
		return strings.ToValidUTF8(string(v.ByteArray()), "\ufffd")
	}
	return v.String()
}

// plain says what a value is that Arrow printed.
func plain(t *testing.T, kind string, v any) string {
	t.Helper()
	switch text := fmt.Sprint(v); {
	case v == nil:
		return "null"
	case strings.HasPrefix(kind, "TIMESTAMP"):
		for _, layout := range []string{"2006-01-02 15:04:05.999999999Z07:00", time.RFC3339Nano} {
			if at, err := time.Parse(layout, text); err == nil {
				return fmt.Sprint(at.UnixNano())
			}
		}
		t.Fatalf("%q is no time", text)
		return ""
	case kind == "DOUBLE":
		number, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		return fmt.Sprint(number)
	default:
		return text
	}
}
