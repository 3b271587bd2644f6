// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// play is what another process does: it says a line for each thing that is kept, so that the test knows what must be there.
func play(role, directory string) int {
	ctx := context.Background()
	problem := func(err error) int { fmt.Println("problem", err); return 1 }
	switch role {
	case "writer":
		store, err := state.Open(ctx, state.Config{Directory: directory})
		if err != nil {
			return problem(err)
		}
		base := os.Getppid()*1_000_000 + os.Getpid()
		for i := 0; ; i++ {
			a := anomaly(fmt.Sprintf("w%d-%d", base, i), time.Now(), time.Time{})
			if err := store.Save(ctx, a); err != nil {
				return problem(err)
			}
			if err := store.Acknowledge(ctx, a.ID, engine.Acknowledgement{Who: "writer", At: time.Now()}); err != nil {
				return problem(err)
			}
			fmt.Println("kept", a.ID)
		}
	case "holder":
		db, err := sql.Open("sqlite", filepath.Join(directory, state.FileName))
		if err != nil {
			return problem(err)
		}
		db.SetMaxOpenConns(1)
		if _, err := db.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
			return problem(err)
		}
		fmt.Println("held")
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	return 0
}

// start starts another process in a role, and gives what it says and how to let it end.
func start(t *testing.T, role, directory string) (*exec.Cmd, *bufio.Scanner, io.Closer) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(self)
	command.Env = append(os.Environ(), "AEOLUS_STATE_ROLE="+role, "AEOLUS_STATE_DIR="+directory)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	input, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	return command, bufio.NewScanner(output), input
}

// TestStore_killed kills a process while it writes: what it said is kept is there, and the database is sound.
func TestStore_killed(t *testing.T) {
	rounds := 5
	if testkit.Full() {
		rounds = 100
	}
	directory := t.TempDir()
	for range rounds {
		command, lines, _ := start(t, "writer", directory)
		wait := 1 + rand.IntN(40)
		var last []string
		for lines.Scan() {
			require.True(t, strings.HasPrefix(lines.Text(), "kept "), lines.Text())
			last = append(last, strings.TrimPrefix(lines.Text(), "kept "))
			if len(last) == wait {
				require.NoError(t, command.Process.Kill())
			}
		}
		require.Error(t, command.Wait())
		require.GreaterOrEqual(t, len(last), wait)
		store, err := state.Open(t.Context(), state.Config{Directory: directory})
		require.NoError(t, err, "it is sound: opening checks that")
		for _, id := range last {
			found, err := store.Find(t.Context(), id)
			require.NoError(t, err)
			require.NotNil(t, found.Acknowledgement)
		}
		require.NoError(t, store.Close())
	}
}

func TestStore_heldByAnotherProcess(t *testing.T) {
	directory := t.TempDir()
	store := open(t, state.Config{Directory: directory, Patience: 100 * time.Millisecond})
	command, lines, input := start(t, "holder", directory)
	require.True(t, lines.Scan())
	require.Equal(t, "held", lines.Text())
	err := store.Save(t.Context(), anomaly("a", begin, time.Time{}))
	require.ErrorIs(t, err, state.ErrBusy)
	require.ErrorContains(t, err, "another process holds it: end that one, or try again")
	_, err = state.Open(t.Context(), state.Config{Directory: directory, Patience: 100 * time.Millisecond})
	require.ErrorIs(t, err, state.ErrBusy)
	require.NoError(t, input.Close())
	require.NoError(t, command.Wait())
	require.NoError(t, store.Save(t.Context(), anomaly("a", begin, time.Time{})))
}

// mounted gives a small file system of its own.
func mounted(t *testing.T, size int) string {
	t.Helper()
	testkit.RequireRoot(t)
	directory := t.TempDir()
	output, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+strconv.Itoa(size), "aeo-state", directory).CombinedOutput()
	require.NoError(t, err, string(output))
	t.Cleanup(func() {
		output, err := exec.Command("umount", directory).CombinedOutput()
		require.NoError(t, err, string(output))
	})
	return directory
}
