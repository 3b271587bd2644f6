// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const lockFile = "lock"

// create makes a file that is read again before it is closed.
func (a *Archive) create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
}

func (a *Archive) openDirectory() error {
	directory := a.config.Directory
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return fmt.Errorf("making the directory: %w", err)
	}
	lock, err := lockDirectory(directory)
	if err != nil {
		return err
	}
	a.lock = lock
	found, err := scan(directory)
	if err != nil {
		return err
	}
	// Nothing was touched so far: a directory of a newer version stays as it is.
	if err := a.gaps.load(directory); err != nil {
		a.config.Logger.Warn("the list of gaps is begun anew", "error", err)
	}
	if a.marker, err = openMarker(directory); err != nil {
		return err
	}
	a.sequence.Store(found.sequence)
	for path, reason := range found.broken {
		a.setAside(path, reason)
	}
	for _, path := range found.leftovers {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("removing what a killed process left: %w", err)
		}
	}
	if err := a.adopt(found.segments); err != nil {
		return err
	}
	a.lastLife()
	a.clock.start(a.config.Now())
	a.alive(false)
	return nil
}

// lockDirectory keeps a second process out.
func lockDirectory(directory string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(directory, lockFile), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("locking the directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(file.Name())
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another process (%s) has the directory: one archive belongs to one controller: %w",
				strings.TrimSpace(string(holder)), err)
		}
		return nil, fmt.Errorf("locking the directory: %w", err)
	}
	if err := file.Truncate(0); err == nil {
		fmt.Fprintf(file, "pid %d\n", os.Getpid())
	}
	return file, nil
}

// found is what a directory holds.
type found struct {
	segments []*segment
	// broken files have a segment's name and are none; leftovers were not finished.
	broken    map[string]error
	leftovers []string
	sequence  uint64
}

// scan looks at a directory without changing it. Files that are none of ours are passed over.
func scan(directory string) (*found, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, fmt.Errorf("reading the directory: %w", err)
	}
	all := &found{broken: map[string]error{}}
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		if named, _, ok := named(strings.TrimSuffix(path, brokenExtension)); ok {
			all.sequence = max(all.sequence, named.sequence)
		}
		if temporaryName(entry.Name()) {
			all.leftovers = append(all.leftovers, path)
			continue
		}
		if _, _, ok := named(path); !ok || !entry.Type().IsRegular() {
			continue
		}
		opened, err := openSegment(path)
		switch {
		case errors.Is(err, errNewer):
			return nil, fmt.Errorf("%s: %w; nothing was changed: use that version, or another directory", entry.Name(), err)
		case err != nil:
			all.broken[path] = err
		default:
			all.segments = append(all.segments, opened)
		}
	}
	return all, nil
}

func temporaryName(name string) bool {
	table, _, ok := strings.Cut(name, "-")
	if !ok || !strings.HasSuffix(name, temporary) {
		return name == gapsFile+temporary
	}
	switch table {
	case "edges", "instances", "flows", "events":
		return true
	}
	return false
}

// adopt gives each table its segments. What was merged into another before the process was killed is counted there.
func (a *Archive) adopt(segments []*segment) error {
	replaced := map[string]bool{}
	key := func(table string, sequence uint64) string { return fmt.Sprint(table, sequence) }
	for _, s := range segments {
		for _, sequence := range s.replaces {
			replaced[key(s.table, sequence)] = true
		}
	}
	for _, s := range segments {
		if replaced[key(s.table, s.sequence)] {
			if err := s.remove(); err != nil {
				return err
			}
			continue
		}
		for _, k := range a.keepers() {
			if k.name() == s.table {
				k.adopt(s)
			}
		}
	}
	return nil
}

// setAside takes a broken segment out of the way, and says which time it was of.
func (a *Archive) setAside(path string, reason error) {
	a.broken.Add(1)
	if err := os.Rename(path, path+brokenExtension); err != nil {
		a.config.Logger.Warn("a broken segment could not be moved aside", "segment", filepath.Base(path), "error", err)
	}
	if s, _, ok := named(path); ok {
		a.say(Gap{
			From: instantOf(s.from), To: instantOf(s.to), Table: s.table,
			Reason: fmt.Sprintf("%s is broken and was moved aside (%v)", filepath.Base(path), reason),
		})
	}
}

// restoreDirectory makes a directory anew that somebody removed; what was in it is lost.
func (a *Archive) restoreDirectory() error {
	if _, err := os.Stat(a.config.Directory); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := os.MkdirAll(a.config.Directory, 0o750); err != nil {
		return fmt.Errorf("making the directory anew: %w", err)
	}
	lock, err := lockDirectory(a.config.Directory)
	if err != nil {
		return err
	}
	marker, err := openMarker(a.config.Directory)
	if err != nil {
		lock.Close()
		return err
	}
	a.lock.Close()
	a.marker.close()
	a.lock, a.marker = lock, marker
	a.config.Logger.Error("the archive's directory had been removed, and was made anew", "directory", a.config.Directory)
	return nil
}

// clock tells whether the wall clock can be believed: for a while after it jumped nothing is deleted for its age.
type clock struct {
	last    time.Time
	settled time.Time
}

const (
	// jump is by how much the clock may advance between two looks at it.
	jump = 5 * time.Minute
	// settle is how long it is not believed after it jumped.
	settle = 10 * time.Minute
)

func (c *clock) start(now time.Time) { c.last, c.settled = now.Round(0), now.Round(0).Add(settle) }

// believe takes note of the time and tells whether it has gone steadily for long enough.
func (c *clock) believe(now time.Time) bool {
	now = now.Round(0)
	if advanced := now.Sub(c.last); advanced < 0 || advanced > jump {
		c.settled = now.Add(settle)
	}
	c.last = now
	return !now.Before(c.settled)
}
