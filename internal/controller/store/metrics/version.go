// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	// format is the version of what lies in a store's directory. It goes up when an older Aeolus could not read it.
	format      = 1
	versionFile = "version"
)

// prepare makes a store's directory, or looks at what is in it: one that a newer Aeolus has written is left alone.
func prepare(directory string) error {
	if err := Check(directory); err != nil {
		return err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return explain(directory, fmt.Errorf("making the store of metrics: %w", err))
	}
	path := filepath.Join(directory, versionFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return writeVersion(path)
	}
	return nil
}

// Check tells whether this Aeolus may open the store in a directory, without touching anything.
func Check(directory string) error {
	path := filepath.Join(directory, versionFile)
	text, err := os.ReadFile(path)
	if directory == "" || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explain(directory, fmt.Errorf("reading the store's version: %w", err))
	}
	found, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || found < 1 {
		return fmt.Errorf("reading the store's version: %s holds %.40q, and not a number: is this a store of metrics?", path, text)
	}
	if found > format {
		return fmt.Errorf("the store of metrics in %s was written by a newer Aeolus (format %d; this one knows %d): "+
			"run that version, or choose another directory", directory, found, format)
	}
	return nil
}

// writeVersion writes the file under another name first, so that it is there wholly or not at all.
func writeVersion(path string) error {
	hidden := path + ".new"
	if err := os.WriteFile(hidden, []byte(strconv.Itoa(format)+"\n"), 0o600); err != nil {
		return explain(filepath.Dir(path), fmt.Errorf("writing the store's version: %w", err))
	}
	if err := os.Rename(hidden, path); err != nil {
		return fmt.Errorf("writing the store's version: %w", err)
	}
	return nil
}

// explain adds what to do about the errors that a disk gives.
func explain(directory string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: there is no room left for %s: make room, or keep less (--retention-bytes)", err, directory)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: %s cannot be written to: mount it for writing, or choose another directory", err, directory)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w: this user may not write to %s", err, directory)
	}
	return err
}
