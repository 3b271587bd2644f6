// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// freshFor is how long an answer of the archive's index is believed before it is asked again.
const freshFor = 24 * time.Hour

// Store keeps kernels: packages are found by their content's hash, so that a changed package is another entry.
type Store struct {
	Dir     string
	Mirrors Mirrors
	// Say takes what is worth logging.
	Say func(format string, arguments ...any)
}

// StoreDir is where kernels are kept between runs.
func StoreDir() (string, error) {
	if dir := os.Getenv("AEOLUS_CACHE"); dir != "" {
		return filepath.Join(dir, "kernels"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a cache directory (set AEOLUS_CACHE): %w", err)
	}
	return filepath.Join(dir, "aeolus", "kernels"), nil
}

// Fetch returns the directory into which the newest package of a kernel is unpacked. What was found earlier serves where
// the archive cannot be asked.
func (s *Store) Fetch(ctx context.Context, kernel Kernel) (string, error) {
	found, fresh := s.remembered(kernel)
	if !fresh {
		newest, err := s.refresh(ctx, kernel)
		switch {
		case err == nil:
			found = newest
		case found.SHA256 == "":
			return "", err
		default:
			s.Say("%s: keeping what was found earlier: %v", kernel.Name, err)
		}
	}
	s.Say("%s: %s %s, sha256 %s", kernel.Name, found.Name, found.Version, found.SHA256)
	return s.unpacked(found), nil
}

// refresh asks the archive, and unpacks and notes its answer.
func (s *Store) refresh(ctx context.Context, kernel Kernel) (Package, error) {
	apt, err := s.newApt(kernel)
	if err != nil {
		return Package{}, err
	}
	defer os.RemoveAll(apt.dir)
	newest, err := apt.resolve(ctx, kernel)
	if err != nil {
		return Package{}, err
	}
	if err := s.unpack(ctx, apt, newest); err != nil {
		return Package{}, err
	}
	if err := s.remember(kernel, newest); err != nil {
		return Package{}, err
	}
	return newest, s.prune()
}

// staleAfter is for how long what no note speaks of is left alone: another run may be about to note it.
const staleAfter = 7 * 24 * time.Hour

// prune removes kernels that were followed by newer ones, and what runs that were killed left.
func (s *Store) prune() error {
	notes, err := filepath.Glob(filepath.Join(s.Dir, "*.json"))
	if err != nil {
		return fmt.Errorf("listing the store: %w", err)
	}
	keep := map[string]bool{}
	for _, note := range notes {
		var noted Package
		if text, err := os.ReadFile(note); err == nil && json.Unmarshal(text, &noted) == nil {
			keep[noted.SHA256] = true
		}
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return fmt.Errorf("listing the store: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !entry.IsDir() || keep[entry.Name()] || time.Since(info.ModTime()) < staleAfter {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.Dir, entry.Name())); err != nil {
			return fmt.Errorf("pruning the store: %w", err)
		}
	}
	return nil
}

func (s *Store) unpacked(found Package) string { return filepath.Join(s.Dir, found.SHA256) }

func (s *Store) notePath(kernel Kernel) string { return filepath.Join(s.Dir, kernel.Name+".json") }

// remembered is what the archive said last, and whether that is recent and still unpacked.
func (s *Store) remembered(kernel Kernel) (Package, bool) {
	var found Package
	info, err := os.Stat(s.notePath(kernel))
	if err != nil {
		return found, false
	}
	text, err := os.ReadFile(s.notePath(kernel))
	if err != nil || json.Unmarshal(text, &found) != nil {
		return Package{}, false
	}
	pattern, err := wholeName(kernel)
	if err != nil || !pattern.MatchString(found.Name) {
		return Package{}, false
	}
	if _, err := os.Stat(s.unpacked(found)); err != nil {
		return Package{}, false
	}
	return found, time.Since(info.ModTime()) < freshFor
}

func (s *Store) remember(kernel Kernel, found Package) error {
	text, err := json.Marshal(found)
	if err != nil {
		return fmt.Errorf("encoding a note: %w", err)
	}
	temporary := s.notePath(kernel) + fmt.Sprintf(".%d", os.Getpid())
	if err := os.WriteFile(temporary, text, 0o644); err != nil {
		return fmt.Errorf("writing a note: %w", err)
	}
	if err := os.Rename(temporary, s.notePath(kernel)); err != nil {
		return fmt.Errorf("keeping a note: %w", err)
	}
	return nil
}

// unpack downloads and unpacks a package unless that was done before. Two runs may do it at once: the one that comes
// second finds the place taken and throws its copy away.
func (s *Store) unpack(ctx context.Context, apt *privateApt, found Package) error {
	if _, err := os.Stat(s.unpacked(found)); err == nil {
		return nil
	}
	file, err := apt.download(ctx, found)
	if err != nil {
		return err
	}
	tree := filepath.Join(apt.dir, "tree")
	if _, err := run(ctx, apt.dir, "dpkg-deb", "-x", file, tree); err != nil {
		return fmt.Errorf("unpacking %s: %w", found.Name, err)
	}
	// The package brings its own date; pruning goes by when it came here.
	if err := os.Chtimes(tree, time.Now(), time.Now()); err != nil {
		return fmt.Errorf("unpacking %s: %w", found.Name, err)
	}
	if err := os.Rename(tree, s.unpacked(found)); err != nil && !errors.Is(err, os.ErrExist) {
		if _, statErr := os.Stat(s.unpacked(found)); statErr != nil {
			return fmt.Errorf("keeping %s: %w", found.Name, err)
		}
	}
	return nil
}
