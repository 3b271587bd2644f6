// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
)

// TestStore_golden opens a database of each version that there ever was. Those that are not there yet are written with
// -update, from the migrations and testdata/vN.sql; they are never written again.
func TestStore_golden(t *testing.T) {
	for version := 1; version <= state.Version; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			golden := fmt.Sprintf("testdata/v%d.db", version)
			if _, err := os.Stat(golden); os.IsNotExist(err) && *update {
				makeGolden(t, golden, version)
			}
			directory := t.TempDir()
			content, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(directory, state.FileName), content, 0o600))
			found, err := state.Check(golden)
			require.NoError(t, err)
			require.Equal(t, version, found)
			store := open(t, state.Config{Directory: directory})
			all, err := store.Remembered(t.Context(), 10)
			require.NoError(t, err)
			require.Len(t, all, 1+version)
			require.Equal(t, "192.0.2.1", all[0].On.Server.Name)
			require.True(t, all[0].On.Server.External)
			first := all[1]
			require.Equal(t, "a1", first.ID)
			require.Equal(t, detect.ConnectFailures, first.Kind)
			require.Equal(t, detect.Failing, first.Severity)
			require.Equal(t, "shop/checkout", first.On.Client.Title())
			require.Equal(t, begin.Truncate(time.Second), first.Opened)
			require.EqualValues(t, 94, first.Events)
			require.Equal(t, &engine.Acknowledgement{Who: "ada", Comment: "the card provider is down", At: begin.Truncate(time.Second).Add(55 * time.Second)}, first.Acknowledgement)
			require.Equal(t, []detect.Evidence{{Time: first.Opened, Text: "94 of 100 connects were refused", Value: 0.94, Usual: 0.01, HasUsual: true, Unit: "ratio"}}, first.Evidence)
			instance, err := store.Instance(t.Context())
			require.NoError(t, err)
			require.Equal(t, "GOLDEN", instance)
			if version >= 2 {
				require.Equal(t, map[string]string{"alertname": "DiskFull"}, all[2].Labels)
				require.True(t, all[2].Unconfirmed)
			}
			found, err = state.Check(filepath.Join(directory, state.FileName))
			require.NoError(t, err)
			require.Equal(t, state.Version, found, "it was brought up to date")
		})
	}
}

func makeGolden(t *testing.T, path string, version int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for v := 1; v <= version; v++ {
		names, err := filepath.Glob(fmt.Sprintf("migrations/%04d_*.sql", v))
		require.NoError(t, err)
		for _, name := range append(names, fmt.Sprintf("testdata/v%d.sql", v)) {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), string(text))
			require.NoError(t, err, name)
		}
	}
	_, err = db.ExecContext(t.Context(), fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", 0x41454f4c, version))
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// made gives a directory with a database that was closed.
func made(t *testing.T) (directory, path string) {
	t.Helper()
	directory = t.TempDir()
	store, err := state.Open(t.Context(), state.Config{Directory: directory})
	require.NoError(t, err)
	for i := range 200 {
		require.NoError(t, store.Save(t.Context(), anomaly(fmt.Sprint(i), begin, begin)))
	}
	require.NoError(t, store.Close())
	return directory, filepath.Join(directory, state.FileName)
}

func TestStore_whatCannotBeOursIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		err   error
		says  string
	}{
		"newer":               {spoilSQL("PRAGMA user_version = 7"), state.ErrNewer, "its version is 7, and this Aeolus knows up to 2: a newer Aeolus has written it: run that one"},
		"another program's":   {spoilSQL("PRAGMA application_id = 5"), state.ErrForeign, "not one of Aeolus"},
		"no mark, but tables": {spoilSQL("PRAGMA application_id = 0; PRAGMA user_version = 0"), state.ErrForeign, "move it away"},
		"no database": {func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("no database at all\n", 100)), 0o600))
		}, state.ErrDamaged, "aeolus restore FILE --data-dir DIR"},
		"short":   {func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 50)) }, state.ErrDamaged, "it is damaged"},
		"cut off": {func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 8192)) }, state.ErrDamaged, "it is damaged"},
		"overwritten": {func(t *testing.T, path string) {
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			_, err = file.WriteAt(make([]byte, 12000), 4096)
			require.NoError(t, err)
			require.NoError(t, file.Close())
		}, state.ErrDamaged, "it is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			directory, path := made(t)
			c.spoil(t, path)
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			_, err = state.Open(t.Context(), state.Config{Directory: directory})
			require.ErrorIs(t, err, c.err)
			require.ErrorContains(t, err, "opening state "+path+": ")
			require.ErrorContains(t, err, c.says)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, before, after, "not a byte of it has changed")
			entries, err := os.ReadDir(directory)
			require.NoError(t, err)
			require.Len(t, entries, 1, "and nothing lies beside it")
		})
	}
}

func spoilSQL(statement string) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		db, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
}

func TestStore_isItsOwnersAlone(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "new")
	open(t, state.Config{Directory: directory})
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, entry.Name())
	}
}

// TestStore_fullDisk fills the disk: what cannot be written is said, what was kept stays, and with room it goes on.
func TestStore_fullDisk(t *testing.T) {
	directory := mounted(t, 1<<20)
	store := open(t, state.Config{Directory: directory})
	kept := 0
	var err error
	for ; err == nil; kept++ {
		require.Less(t, kept, 100_000)
		err = store.Save(t.Context(), anomaly(fmt.Sprint(kept), begin.Add(time.Duration(kept)), begin.Add(time.Duration(kept))))
	}
	kept--
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "no space left on device")
	require.Len(t, past(t, store, time.Time{}, time.Time{}), kept)
	output, problem := exec.Command("mount", "-o", "remount,size=8m", directory).CombinedOutput()
	require.NoError(t, problem, string(output))
	require.NoError(t, store.Save(t.Context(), anomaly("more", begin, begin)))
	require.Len(t, past(t, store, time.Time{}, time.Time{}), kept+1)
}

func TestStore_noRoomToBegin(t *testing.T) {
	directory := mounted(t, 16<<10)
	_, err := state.Open(t.Context(), state.Config{Directory: directory})
	require.ErrorIs(t, err, syscall.ENOSPC)
}

func TestStore_readOnly(t *testing.T) {
	directory := mounted(t, 1<<20)
	store, err := state.Open(t.Context(), state.Config{Directory: directory})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	output, err := exec.Command("mount", "-o", "remount,ro", directory).CombinedOutput()
	require.NoError(t, err, string(output))
	_, err = state.Open(t.Context(), state.Config{Directory: directory})
	require.ErrorIs(t, err, syscall.EROFS)
	_, err = state.Check(filepath.Join(directory, state.FileName))
	require.NoError(t, err, "reading is enough to check")
}

func TestStore_directoryThatIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := state.Open(t.Context(), state.Config{Directory: path})
	require.ErrorIs(t, err, syscall.ENOTDIR)
}
