// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// now is the instant at which the tests' commands run.
var now = time.Date(2026, 1, 31, 12, 4, 31, 0, time.UTC)

// result is what a command said.
type result struct {
	code     int
	out, err string
}

// run runs the command line in a world of its own.
func run(t *testing.T, environment map[string]string, args ...string) result {
	t.Helper()
	return runContext(t.Context(), environment, args...)
}

func runContext(ctx context.Context, environment map[string]string, args ...string) result {
	var out, errs bytes.Buffer
	code := Main(ctx, args, Params{
		In: strings.NewReader(""), Out: &out, Err: &errs,
		Getenv: getenv(environment), Now: func() time.Time { return now }, Location: time.UTC,
	})
	return result{code: code, out: out.String(), err: errs.String()}
}

// getenv is an ordinary user's environment with something added.
func getenv(added map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if value, ok := added[name]; ok {
			return value, true
		}
		value, ok := map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000", "XDG_STATE_HOME": "/home/you/.local/state"}[name]
		return value, ok
	}
}

// golden compares with a file under testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run go test ./internal/cli -update to write it")
	require.Equal(t, string(want), got, "%s; if it should be so: go test ./internal/cli -update", file)
}
