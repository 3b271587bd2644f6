// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	// Format is the version of the file.
	Format = 1
	// manifestName is the first entry, and endName the last.
	manifestName = "manifest.json"
	endName      = "complete"
	// workPrefix begins the names of directories in which parts are gathered.
	workPrefix = ".backup-"
	// maxManifest bounds what is read as one.
	maxManifest = 1 << 20
)

// Manifest says what a backup holds.
type Manifest struct {
	Format int `json:"format"`
	// Made is when, and Program by which version of Aeolus.
	Made    time.Time `json:"made"`
	Program string    `json:"program"`
	// Parts are the versions of what is in it, by name.
	Parts map[string]int `json:"parts"`
}

// Part is a file or directory of the data directory.
type Part struct {
	Name    string
	Version int
	// Snapshot writes the part, as it is at one instant, to a path where nothing is yet.
	Snapshot func(ctx context.Context, path string) error
}

// Params say what is backed up.
type Params struct {
	// Directory is where parts are gathered, best on the same file system: what cannot change is linked and not copied.
	Directory string
	Made      time.Time
	Program   string
	Parts     []Part
}

// Write takes a snapshot of every part, and then writes all of them.
func Write(ctx context.Context, to io.Writer, p Params) error {
	removeStale(p.Directory, workPrefix)
	work, err := os.MkdirTemp(p.Directory, workPrefix)
	if err != nil {
		return fmt.Errorf("gathering the backup: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	manifest := Manifest{Format: Format, Made: p.Made.UTC(), Program: p.Program, Parts: map[string]int{}}
	for _, part := range p.Parts {
		if err := part.Snapshot(ctx, filepath.Join(work, part.Name)); err != nil {
			return fmt.Errorf("backing up %s: %w", part.Name, err)
		}
		manifest.Parts[part.Name] = part.Version
	}
	compressed, err := zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("compressing the backup: %w", err)
	}
	archive := tar.NewWriter(compressed)
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err == nil {
		err = writeText(archive, manifestName, text, p.Made)
	}
	for _, part := range p.Parts {
		if err == nil {
			err = writeTree(ctx, archive, work, part.Name)
		}
	}
	if err == nil {
		err = writeText(archive, endName, nil, p.Made)
	}
	if err := errors.Join(err, archive.Close(), compressed.Close()); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	return nil
}

func writeText(archive *tar.Writer, name string, text []byte, at time.Time) error {
	header := &tar.Header{Name: name, Mode: 0o600, Size: int64(len(text)), ModTime: at, Typeflag: tar.TypeReg}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(text)
	return err
}

// writeTree writes a file, or a directory with everything in it.
func writeTree(ctx context.Context, archive *tar.Writer, work, name string) error {
	return fs.WalkDir(os.DirFS(work), name, func(inner string, entry fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		header, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		// Whoever made it is nobody where it is restored.
		header.Name, header.Uid, header.Gid, header.Uname, header.Gname = path.Clean(inner), 0, 0, "", ""
		if entry.IsDir() {
			header.Name += "/"
		}
		if err := archive.WriteHeader(header); err != nil || entry.IsDir() {
			return err
		}
		file, err := os.Open(filepath.Join(work, filepath.FromSlash(inner)))
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.CopyN(archive, file, header.Size)
		return err
	})
}

// removeStale removes what a process that was killed has left.
func removeStale(directory, prefix string) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if entry.IsDir() && strings.HasPrefix(entry.Name(), prefix) {
			_ = os.RemoveAll(filepath.Join(directory, entry.Name()))
		}
	}
}
