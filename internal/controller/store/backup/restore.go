// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// The reasons for which nothing is restored.
var (
	// ErrBroken is wrapped by the error for a file that is no whole backup.
	ErrBroken = errors.New("it is not a whole backup")
	// ErrNewer is wrapped by the error for a backup that a newer Aeolus has made.
	ErrNewer = errors.New("a newer Aeolus has made it: restore it with that one")
	// ErrInUse is wrapped by the error for a directory that holds something already.
	ErrInUse = errors.New("there is something already, and nothing is overwritten: choose another directory, or move it away")
)

// restorePrefix begins the names of directories in which a backup is unpacked.
const restorePrefix = ".restore-"

// memory bounds what one frame of a backup may need.
const memory = 64 << 20

// Restore unpacks a backup into a directory that must not hold any of its parts. Known are the highest versions that can
// be read; check looks at a part before it is put in its place. Either all parts are there at the end, or none is.
func Restore(ctx context.Context, from io.Reader, directory string, known map[string]int, check func(name, path string) error) (Manifest, error) {
	for name := range known {
		if _, err := os.Lstat(filepath.Join(directory, name)); !errors.Is(err, os.ErrNotExist) {
			return Manifest{}, fmt.Errorf("restoring to %s: %w", filepath.Join(directory, name), errors.Join(ErrInUse, err))
		}
	}
	bound := &bound{from: from}
	plain, err := zstd.NewReader(bound, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(memory))
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the backup: %w", err)
	}
	defer plain.Close()
	archive := tar.NewReader(plain)
	manifest, err := readManifest(archive, known)
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the backup: %w", err)
	}
	removeStale(directory, restorePrefix)
	work, err := os.MkdirTemp(directory, restorePrefix)
	if err != nil {
		return Manifest{}, fmt.Errorf("restoring to %s: %w", directory, err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := unpack(ctx, archive, bound, work, manifest); err != nil {
		return Manifest{}, fmt.Errorf("unpacking the backup: %w", err)
	}
	parts := partsOf(manifest, work)
	for _, name := range parts {
		if err := check(name, filepath.Join(work, name)); err != nil {
			return Manifest{}, fmt.Errorf("checking what was unpacked: %w", err)
		}
	}
	return manifest, place(parts, work, directory)
}

// partsOf gives the parts that a backup has something of.
func partsOf(manifest Manifest, work string) []string {
	var names []string
	for name := range manifest.Parts {
		if _, err := os.Lstat(filepath.Join(work, name)); err == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// place moves the parts to where they belong, and takes them back if one of them cannot be.
func place(parts []string, work, directory string) error {
	for i, name := range parts {
		err := os.Rename(filepath.Join(work, name), filepath.Join(directory, name))
		if err == nil {
			continue
		}
		for _, moved := range parts[:i] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(directory, moved)))
		}
		return fmt.Errorf("putting %s in its place: %w", name, err)
	}
	return syncDirectory(directory)
}

func readManifest(archive *tar.Reader, known map[string]int) (Manifest, error) {
	var manifest Manifest
	header, err := archive.Next()
	if err != nil {
		return manifest, broken(err)
	}
	if header.Name != manifestName || header.Size > maxManifest {
		return manifest, fmt.Errorf("%w: it does not begin with %s", ErrBroken, manifestName)
	}
	if err := json.NewDecoder(archive).Decode(&manifest); err != nil {
		return manifest, broken(err)
	}
	if manifest.Format > Format {
		return manifest, fmt.Errorf("its format is %d, and this Aeolus knows up to %d: %w", manifest.Format, Format, ErrNewer)
	}
	for name, version := range manifest.Parts {
		highest, ok := known[name]
		if !ok {
			return manifest, fmt.Errorf("it has a part %.40q, which this Aeolus does not know: %w", name, ErrNewer)
		}
		if version > highest {
			return manifest, fmt.Errorf("its %s has version %d, and this Aeolus knows up to %d: %w", name, version, highest, ErrNewer)
		}
	}
	return manifest, nil
}

// broken says that it is the backup that cannot be read, unless it is the disk that it lies on.
func broken(err error) error {
	var path *os.PathError
	if errors.As(err, &path) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// unpack writes every entry below a directory.
func unpack(ctx context.Context, archive *tar.Reader, bound *bound, work string, manifest Manifest) error {
	for {
		header, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w: its end is missing", ErrBroken)
		case err != nil:
			return broken(err)
		case ctx.Err() != nil:
			return ctx.Err()
		case header.Name == endName:
			// What is behind it tells whether all of it was as it was written.
			_, err := archive.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			return broken(errors.Join(errors.New("something follows its end"), err))
		}
		name := strings.TrimSuffix(header.Name, "/")
		part, _, _ := strings.Cut(name, "/")
		if _, ok := manifest.Parts[part]; !ok || !filepath.IsLocal(name) {
			return fmt.Errorf("%w: it has an entry %.100q, which belongs to none of its parts", ErrBroken, header.Name)
		}
		if err := unpackEntry(bound.of(archive), header, filepath.Join(work, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
}

func unpackEntry(content io.Reader, header *tar.Header, path string) error {
	switch header.Typeflag {
	case tar.TypeDir:
		return os.MkdirAll(path, 0o700)
	case tar.TypeReg:
	default:
		return fmt.Errorf("%w: %.100q is neither a file nor a directory", ErrBroken, header.Name)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		_ = file.Close()
		return broken(err)
	}
	// Times tell some stores how old something is.
	return errors.Join(file.Sync(), file.Close(), os.Chtimes(path, header.ModTime, header.ModTime))
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
