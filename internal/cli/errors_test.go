// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExitCode(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		code int
		says string
	}{
		{"well", t.Context(), nil, exitOK, ""},
		{"usage", t.Context(), usagef("what is %s", "that"), exitUsage, "aeolus: what is that\n"},
		{"failure", t.Context(), errors.New("opening x: gone"), exitFailure, "aeolus: opening x: gone\n"},
		{"hint", t.Context(), hint(errors.New("opening x: gone"), "try y"), exitFailure, "aeolus: opening x: gone (try y)\n"},
		{"a name that commands a terminal", t.Context(), usagef("no %s", "a\x1b[31m\nb"), exitUsage, "aeolus: no a\\x1b[31m\nb\n"},
		{"a file that commands a terminal", t.Context(), errors.New("opening \u009b31m"), exitFailure, "aeolus: opening \\x9b31m\n"},
		{"said", t.Context(), errSilent, exitFailure, ""},
		{"broken pipe", t.Context(), fmt.Errorf("x: %w", &os.PathError{Op: "write", Err: syscall.EPIPE}), exitOK, ""},
		{"interrupted", cancelled, fmt.Errorf("asking: %w", context.Canceled), exitInterrupted, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var errs bytes.Buffer
			require.Equal(t, c.code, exitCode(c.ctx, Params{Err: &errs}, c.err))
			require.Equal(t, c.says, errs.String())
		})
	}
}

// TestExplain_aControllerThatGoes is a failure, though a broken pipe of the output is none.
func TestExplain_aControllerThatGoes(t *testing.T) {
	err := (&session{where: "x"}).explain(&os.SyscallError{Syscall: "write", Err: syscall.EPIPE})
	var errs bytes.Buffer
	require.Equal(t, exitFailure, exitCode(t.Context(), Params{Err: &errs}, err))
	require.Equal(t, "aeolus: asking the controller at x: broken pipe\n", errs.String())
}

func TestPlaces_full(t *testing.T) {
	err := placesProblem(&os.PathError{Op: "write", Path: "/d/x", Err: syscall.ENOSPC}, places{data: "/d", run: "/r", listen: "127.0.0.1:1"})
	require.EqualError(t, err, "write /d/x: no space left on device (make room there, or choose other places with --data-dir (now /d) and --run-dir (now /r))")
}

// TestPlaces_otherFiles are not mended by another data directory.
func TestPlaces_otherFiles(t *testing.T) {
	where := places{data: "/data", run: "/run", listen: "127.0.0.1:1"}
	err := &os.PathError{Op: "open", Path: "/etc/rules", Err: syscall.ENOENT}
	require.Equal(t, error(err), placesProblem(err, where))
	err = &os.PathError{Op: "open", Path: "/data/state.db", Err: syscall.EACCES}
	require.ErrorContains(t, placesProblem(err, where), "choose other places with --data-dir (now /data)")
	missing := run(t, nil, "controller", "--credentials", "/nowhere", "--data-dir", t.TempDir())
	require.Equal(t, result{code: 1, err: "aeolus: reading credentials: open /nowhere: no such file or directory (--credentials names the file, and that its token-file)\n"}, missing)
	wrong := run(t, nil, "controller", "--alertmanager", "host:9093")
	require.Equal(t, exitUsage, wrong.code)
	require.Contains(t, wrong.err, "(--alertmanager, --external-url)")
}
