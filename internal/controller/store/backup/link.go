// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// attempts is how often files are gathered anew that change meanwhile.
const attempts = 20

// Files is a snapshot of a directory whose files are made whole, never written again, and removed some time: they are
// linked. If one of them is removed meanwhile, what has come in its place has been missed, and all is done again.
func Files(from, to string, wanted func(name string) bool) error {
	for range attempts {
		err := linkFiles(from, to, wanted)
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
	return fmt.Errorf("gathering %s: its files change all the time", from)
}

func linkFiles(from, to string, wanted func(string) bool) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("reading %s: %w", from, withoutCause(err))
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !wanted(entry.Name()) {
			continue
		}
		if err := link(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// withoutCause keeps a directory that is not there from being taken for a file that was removed.
func withoutCause(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("it is not there")
	}
	return err
}

// Tree is a snapshot of a directory, or of a file, that nobody uses; what is not there makes none.
func Tree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if path == from && errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		inner, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, inner)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case !entry.Type().IsRegular() || entry.Name() == "lock":
			return nil
		}
		return link(path, target)
	})
}

// link links a file, or copies it where that cannot be done.
func link(from, to string) error {
	err := os.Link(from, to)
	if !errors.Is(err, syscall.EXDEV) && !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EMLINK) {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
