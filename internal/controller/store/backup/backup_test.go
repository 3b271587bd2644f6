// SPDX-License-Identifier: Apache-2.0

package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/store/backup"
)

var known = map[string]int{"state.db": 2, "metrics": 1, "archive": 1}

func fine(string, string) error { return nil }

// source makes a directory as a controller leaves it.
func source(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	for name, text := range map[string]string{
		"state.db": "rows", "metrics/version": "1\n", "metrics/wal/00000000": "log", "metrics/01ABC/chunks/000001": "chunk",
		"archive/edges-1.parquet": "PAR1", "archive/lock": "pid 5", "authority/ca.key": "secret", "token": "secret",
	} {
		path := filepath.Join(directory, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return directory
}

func parts(directory string) []backup.Part {
	var all []backup.Part
	for _, name := range []string{"state.db", "metrics", "archive"} {
		all = append(all, backup.Part{Name: name, Version: known[name], Snapshot: func(_ context.Context, to string) error {
			return backup.Tree(filepath.Join(directory, name), to)
		}})
	}
	return all
}

func written(t *testing.T, directory string) []byte {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, backup.Write(t.Context(), &file, backup.Params{Directory: directory, Made: time.Unix(1e9, 0), Program: "v1", Parts: parts(directory)}))
	leftovers, err := filepath.Glob(filepath.Join(directory, ".*"))
	require.NoError(t, err)
	require.Empty(t, leftovers)
	return file.Bytes()
}

func TestBackup_roundTrip(t *testing.T) {
	from, to := source(t), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(to, ".restore-123"), 0o700), "what a killed process left")
	manifest, err := backup.Restore(t.Context(), bytes.NewReader(written(t, from)), to, known, fine)
	require.NoError(t, err)
	require.Equal(t, backup.Manifest{Format: 1, Made: time.Unix(1e9, 0).UTC(), Program: "v1", Parts: known}, manifest)
	output, err := exec.Command("diff", "-r", from, to).CombinedOutput()
	require.Error(t, err)
	require.Equal(t, "Only in "+from+"/archive: lock\nOnly in "+from+": authority\nOnly in "+from+": token\n", string(output),
		"everything but what is secret or belongs to a process")
}

// TestBackup_byOtherTools unpacks with tar and zstd alone.
func TestBackup_byOtherTools(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.tar.zst")
	require.NoError(t, os.WriteFile(file, written(t, source(t)), 0o600))
	plain, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer plain.Close()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	unpacked, err := plain.DecodeAll(content, nil)
	require.NoError(t, err)
	tool := exec.Command("tar", "-t")
	tool.Stdin = bytes.NewReader(unpacked)
	names, err := tool.CombinedOutput()
	require.NoError(t, err, string(names))
	require.Contains(t, string(names), "manifest.json\nstate.db\nmetrics/\n")
}

func TestRestore_refuses(t *testing.T) {
	whole := written(t, source(t))
	for name, c := range map[string]struct {
		file  []byte
		known map[string]int
		check func(string, string) error
		there string
		err   error
		says  string
	}{
		"what is there":       {whole, known, fine, "metrics", backup.ErrInUse, "metrics: there is something already"},
		"a newer part":        {whole, map[string]int{"state.db": 1, "metrics": 1, "archive": 1}, fine, "", backup.ErrNewer, "its state.db has version 2, and this Aeolus knows up to 1"},
		"an unknown part":     {whole, map[string]int{"state.db": 2, "metrics": 1}, fine, "", backup.ErrNewer, `it has a part "archive"`},
		"nothing":             {nil, known, fine, "", backup.ErrBroken, "not a whole backup"},
		"something else":      {[]byte("PK\x03\x04 something else"), known, fine, "", backup.ErrBroken, "not a whole backup"},
		"half of it":          {whole[:len(whole)/2], known, fine, "", backup.ErrBroken, "not a whole backup"},
		"all but a byte":      {whole[:len(whole)-1], known, fine, "", backup.ErrBroken, "not a whole backup"},
		"what does not fit":   {whole, known, func(name, _ string) error { return errors.New(name + " is odd") }, "", nil, "archive is odd"},
		"a way out":           {packed(t, "manifest.json", `{"format":1,"parts":{"metrics":1}}`, "metrics/../../x", "y", "complete", ""), known, fine, "", backup.ErrBroken, "belongs to none of its parts"},
		"an absolute path":    {packed(t, "manifest.json", `{"format":1,"parts":{"metrics":1}}`, "/metrics/x", "y", "complete", ""), known, fine, "", backup.ErrBroken, "belongs to none of its parts"},
		"a bomb":              {packed(t, "manifest.json", `{"format":1,"parts":{"metrics":1}}`, "metrics/x", strings.Repeat("\x00", 80<<20), "complete", ""), known, fine, "", backup.ErrBroken, "bytes became"},
		"a link":              {linked(t), known, fine, "", backup.ErrBroken, "neither a file nor a directory"},
		"a later format":      {packed(t, "manifest.json", `{"format":2}`), known, fine, "", backup.ErrNewer, "its format is 2"},
		"no end":              {packed(t, "manifest.json", `{"format":1,"parts":{"metrics":1}}`, "metrics/x", "y"), known, fine, "", backup.ErrBroken, "its end is missing"},
		"more behind its end": {packed(t, "manifest.json", `{"format":1}`, "complete", "", "x", ""), known, fine, "", backup.ErrBroken, "something follows its end"},
		"no manifest":         {packed(t, "x", `{"format":1}`), known, fine, "", backup.ErrBroken, "does not begin with manifest.json"},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			if c.there != "" {
				require.NoError(t, os.Mkdir(filepath.Join(directory, c.there), 0o700))
			}
			_, err := backup.Restore(t.Context(), bytes.NewReader(c.file), directory, c.known, c.check)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
			}
			require.ErrorContains(t, err, c.says)
			entries, err := os.ReadDir(directory)
			require.NoError(t, err)
			require.Len(t, entries, len(c.there)/max(1, len(c.there)), "nothing is left behind")
		})
	}
}

// linked makes an archive in which a link leads out.
func linked(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	compressed, err := zstd.NewWriter(&file)
	require.NoError(t, err)
	archive := tar.NewWriter(compressed)
	const manifest = `{"format":1,"parts":{"metrics":1}}`
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "manifest.json", Size: int64(len(manifest)), Typeflag: tar.TypeReg}))
	_, err = io.WriteString(archive, manifest)
	require.NoError(t, err)
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "metrics/x", Linkname: "/etc", Typeflag: tar.TypeSymlink}))
	require.NoError(t, archive.Close())
	require.NoError(t, compressed.Close())
	return file.Bytes()
}

// packed makes an archive of names and texts in turn.
func packed(t *testing.T, entries ...string) []byte {
	t.Helper()
	var file bytes.Buffer
	compressed, err := zstd.NewWriter(&file)
	require.NoError(t, err)
	archive := tar.NewWriter(compressed)
	for i := 0; i < len(entries); i += 2 {
		require.NoError(t, archive.WriteHeader(&tar.Header{Name: entries[i], Size: int64(len(entries[i+1])), Mode: 0o600, Typeflag: tar.TypeReg}))
		_, err := io.WriteString(archive, entries[i+1])
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, compressed.Close())
	return file.Bytes()
}

// TestFiles_thatChange gathers files while they are merged into one another: none of what they hold is missed.
func TestFiles_thatChange(t *testing.T) {
	from := t.TempDir()
	write := func(name string) { require.NoError(t, os.WriteFile(filepath.Join(from, name), nil, 0o600)) }
	write("old")
	write("skipped")
	looked := 0
	to := filepath.Join(t.TempDir(), "to")
	require.NoError(t, backup.Files(from, to, func(name string) bool {
		if looked++; name == "old" {
			write("new")
			require.NoError(t, os.Remove(filepath.Join(from, "old")))
		}
		return name != "skipped"
	}))
	entries, err := os.ReadDir(to)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "new", entries[0].Name())
	require.ErrorContains(t, backup.Files(filepath.Join(from, "none"), to, nil), "it is not there")
}
