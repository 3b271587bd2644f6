// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

type values struct {
	listen   string
	interval time.Duration
	limit    int
	own      bool
	names    []string
}

func flags() (*pflag.FlagSet, *values) {
	v := new(values)
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	set.StringVar(&v.listen, "listen", "127.0.0.1:1", "")
	set.DurationVar(&v.interval, "walk-interval", time.Second, "")
	set.IntVar(&v.limit, "limit", 5, "")
	set.BoolVar(&v.own, "own", false, "")
	set.StringSliceVar(&v.names, "names", nil, "")
	set.String("config", "", "")
	return set, v
}

func environment(pairs map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := pairs[name]
		return value, ok
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "aeolus.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestApply_flagsOverEnvironmentOverFile(t *testing.T) {
	set, v := flags()
	require.NoError(t, set.Parse([]string{"--limit=9"}))
	file := write(t, "limit: 1\nlisten: file:1\nwalk-interval: 3s\nown: true\nnames: [a, b]\n")
	require.NoError(t, Apply(set, file, environment(map[string]string{"AEOLUS_LISTEN": "env:1", "AEOLUS_LIMIT": "2"})))
	require.Equal(t, values{listen: "env:1", interval: 3 * time.Second, limit: 9, own: true, names: []string{"a", "b"}}, *v)
}

func TestApply_saysFileLineAndWhatWasExpected(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown", "limit: 1\nlistn: x\n", `line 2: unknown setting "listn" (did you mean listen?)`},
		{"type", "\nlimit: many\n", `line 2: limit: expected a whole number, got "many"`},
		{"duration", "walk-interval: 3\n", `line 1: walk-interval: expected a time such as 500ms, 10s or 5m, got "3"`},
		{"list", "limit: [1]\n", "line 1: limit: expected a whole number, got a list"},
		{"nested", "names: [{a: 1}]\n", "line 1: names: expected text, or a list of texts, got a mapping"},
		{"twice", "limit: 1\nlimit: 2\n", "line 2: limit was set already in line 1"},
		{"not a mapping", "- limit\n", `line 1: expected settings such as "listen: 127.0.0.1:7777", got a list`},
		{"not YAML", "limit: 1\n  x: [\n", "line 2: mapping values are not allowed in this context"},
		{"nothing", "limit: 1\nlisten:\n", "line 2: listen: expected text, got nothing"},
		{"nothing in a list", "names: [a, ~]\n", "line 1: names: expected text, or a list of texts, got nothing"},
		{"two documents", "limit: 1\n---\nlisten: x\n", "line 2: expected one document, and here a second one begins"},
		{"a second that is broken", "limit: 1\n---\nlisten: [\n", "line 3: did not find expected node content"},
		{"itself", "config: x\n", `line 1: unknown setting "config" (there are limit, listen, names, own, walk-interval)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, _ := flags()
			file := write(t, c.text)
			require.EqualError(t, Apply(set, file, environment(nil)), file+": "+c.want)
		})
	}
}

func TestApply_environmentErrors(t *testing.T) {
	set, _ := flags()
	err := Apply(set, "", environment(map[string]string{"AEOLUS_OWN": "perhaps"}))
	require.EqualError(t, err, `reading the environment: AEOLUS_OWN: expected true or false, got "perhaps"`)
}

func TestApply_missingFile(t *testing.T) {
	set, _ := flags()
	require.ErrorIs(t, Apply(set, filepath.Join(t.TempDir(), "none.yaml"), environment(nil)), os.ErrNotExist)
}

// TestApply_whatIsNoOrdinaryFile must neither wait for ever nor fill the memory.
func TestApply_whatIsNoOrdinaryFile(t *testing.T) {
	apply := func(file string) error {
		set, _ := flags()
		return Apply(set, file, environment(nil))
	}
	require.EqualError(t, apply("/dev/zero"), "reading settings /dev/zero: it is larger than 1048576 bytes")
	require.ErrorContains(t, apply(t.TempDir()), "is a directory")
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.EqualError(t, apply(pipe), "reading settings "+pipe+": it is a pipe into which nobody writes")
	go func() {
		if writer, err := os.OpenFile(pipe, os.O_WRONLY, 0); err == nil {
			_, _ = writer.WriteString("limit: x\n")
			_ = writer.Close()
		}
	}()
	require.Eventually(t, func() bool {
		err := apply(pipe)
		return err != nil && strings.HasSuffix(err.Error(), `line 1: limit: expected a whole number, got "x"`)
	}, 10*time.Second, time.Millisecond, "as a shell's <(...) does")
}

func TestNearest(t *testing.T) {
	names := []string{"edges", "connections", "events", "anomalies", "doctor"}
	require.Equal(t, "edges", Nearest("egdes", names))
	require.Equal(t, "connections", Nearest("conn", names))
	require.Equal(t, "events", Nearest("event", names))
	require.Empty(t, Nearest("xyzzy", names))
}

func FuzzApply(f *testing.F) {
	for _, seed := range []string{"limit: 1\n", "names: [a, {b: c}]", "- x", "a: &a [*a]", "limit: 1\nlimit: 2", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set, _ := flags()
		_ = applyText(set, "fuzz.yaml", text, map[string]bool{})
	})
}
