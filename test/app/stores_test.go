// SPDX-License-Identifier: Apache-2.0

package app

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// refusal starts a controller that must end by itself, with exit status 1, and gives what it said.
func (r *roles) refusal() string {
	r.t.Helper()
	cmd := exec.Command(binary, "controller", "--agents", r.agents, "--listen", r.http, "--data-dir", r.data(), "--run-dir", filepath.Join(r.dir, "run"))
	said := new(lockedBuffer)
	cmd.Stdout, cmd.Stderr = said, said
	require.NoError(r.t, cmd.Start())
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	require.True(r.t, errors.As(err, &exit), "it runs nevertheless: %v: %s", err, said)
	require.Equal(r.t, 1, exit.ExitCode(), "%s", said)
	return said.String()
}

// digests are of every file below a directory.
func digests(t *testing.T, directory string) map[string][32]byte {
	t.Helper()
	all := map[string][32]byte{}
	require.NoError(t, filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "lock" {
			return err
		}
		content, err := os.ReadFile(path)
		all[path] = sha256.Sum256(content)
		return err
	}))
	return all
}

// kept are roles whose controller has run and written each of its stores.
func written(t *testing.T) *roles {
	t.Helper()
	r := unstarted(t)
	r.startController()
	testkit.Eventually(t, 60*time.Second, func() string {
		if len(r.vector(`count({__name__=~".+"})`, time.Now())) == 0 {
			return "nothing is in the metrics"
		}
		return ""
	})
	r.controller.end(syscall.SIGTERM)
	return r
}

// TestReadOnly starts a controller where one of its stores, or everything, can only be read.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	testkit.RequireRoot(t)
	for _, store := range []string{".", "metrics", "archive"} {
		t.Run(store, func(t *testing.T) {
			r := written(t)
			directory := filepath.Join(r.data(), store)
			before := digests(t, r.data())
			require.NoError(t, syscall.Mount(directory, directory, "", syscall.MS_BIND, ""))
			t.Cleanup(func() { require.NoError(t, syscall.Unmount(directory, syscall.MNT_DETACH)) })
			require.NoError(t, syscall.Mount("", directory, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
			said := r.refusal()
			t.Log(said)
			require.Contains(t, said, "read-only file system")
			require.Contains(t, said, directory)
			require.LessOrEqual(t, strings.Count(said, "\n"), 2, said)
			if store == "." {
				require.Equal(t, before, digests(t, r.data()))
			}
		})
	}
}

// TestNewerStores starts a controller over what a newer one has written: it is refused in words, and nothing is changed.
func TestNewerStores(t *testing.T) {
	t.Parallel()
	testkit.RequireRoot(t)
	for store, age := range map[string]func(data string){
		"state": func(data string) {
			db, err := sql.Open("sqlite", filepath.Join(data, "state.db"))
			require.NoError(t, err)
			_, err = db.Exec("PRAGMA user_version = 999; CREATE TABLE of_the_future (a)")
			require.NoError(t, err)
			require.NoError(t, db.Close())
		},
		"metrics": func(data string) {
			require.NoError(t, os.WriteFile(filepath.Join(data, "metrics", "version"), []byte("999\n"), 0o600))
		},
	} {
		t.Run(store, func(t *testing.T) {
			r := written(t)
			age(r.data())
			before := digests(t, r.data())
			said := r.refusal()
			t.Log(said)
			require.Contains(t, said, "newer")
			require.Contains(t, said, r.data())
			require.Equal(t, before, digests(t, r.data()))
		})
	}
}

// TestOlderState starts a controller over the state that an older one has written, and finds in it what was there.
func TestOlderState(t *testing.T) {
	t.Parallel()
	r := unstarted(t)
	content, err := os.ReadFile("../../internal/controller/store/state/testdata/v1.db")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(r.data(), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(r.data(), "state.db"), content, 0o600))
	r.startController()
	listed := r.asked("anomalies", "--from", "2000-01-01T00:00:00Z")
	require.NotEmpty(t, listed["anomalies"])
	r.controller.end(syscall.SIGTERM)
	r.startController()
	require.Equal(t, listed["anomalies"], r.asked("anomalies", "--from", "2000-01-01T00:00:00Z")["anomalies"])
}
