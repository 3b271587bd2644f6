// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	socketName = "control.sock"
	lockName   = "lock"
)

// How long a control group may take to become empty after its processes were killed.
const dyingPatience = 2 * time.Second

// state is the state directory, locked for one shop: whoever holds it also owns the control groups named after it.
type state struct {
	directory string
	cgroup    string // empty where there are no version 2 control groups
	lock      *os.File
	made      []string // directories to remove at the end
}

// openState makes and locks the state directory, and removes what an earlier shop left there.
func openState(directory, cgroupRoot string) (*state, error) {
	s := &state{directory: directory}
	for missing := directory; ; missing = filepath.Dir(missing) {
		if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		s.made = append(s.made, missing)
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("making state directory: %w", err)
	}
	if err := s.acquire(); err != nil {
		return nil, err
	}
	if cgroupRoot == "" {
		var err error
		if cgroupRoot, err = findCgroupRoot(); err != nil {
			s.close()
			return nil, err
		}
	}
	if cgroupRoot != "" {
		// The name follows from the directory, so that the lock on the one also guards the other.
		sum := sha256.Sum256([]byte(directory))
		s.cgroup = filepath.Join(cgroupRoot, cgroupPrefix+hex.EncodeToString(sum[:4]))
		if err := errors.Join(removeCgroups(s.cgroup, dyingPatience), sweepCgroups(cgroupRoot, time.Now())); err != nil {
			s.close()
			return nil, err
		}
	}
	if err := removeFile(s.socket()); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// acquire locks the directory. The lock goes with the process, however it ends.
func (s *state) acquire() error {
	path := filepath.Join(s.directory, lockName)
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("opening lock: %w", err)
	}
	if err := lockFile(lock); err != nil {
		holder, _ := os.ReadFile(path)
		_ = lock.Close()
		if errors.Is(err, ErrRunning) {
			return fmt.Errorf("%w in %s (process %s)", ErrRunning, s.directory, strings.TrimSpace(string(holder)))
		}
		return fmt.Errorf("locking %s: %w", path, err)
	}
	err = lock.Truncate(0)
	if err == nil {
		_, err = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		_ = lock.Close()
		return fmt.Errorf("writing lock: %w", err)
	}
	s.lock = lock
	return nil
}

func (s *state) socket() string { return filepath.Join(s.directory, socketName) }

// close removes all that is the shop's, and gives the lock up last.
func (s *state) close() error {
	var problems []error
	if s.cgroup != "" {
		problems = append(problems, removeCgroups(s.cgroup, dyingPatience))
	}
	problems = append(problems, removeFile(s.socket()), removeFile(filepath.Join(s.directory, lockName)))
	if len(s.made) == 0 { // an earlier shop made them
		s.made = []string{s.directory}
		if s.directory == DefaultStateDir {
			s.made = append(s.made, filepath.Dir(s.directory))
		}
	}
	for _, directory := range s.made {
		// Somebody else may have put something there meanwhile: then it stays.
		_ = os.Remove(directory)
	}
	return errors.Join(append(problems, s.lock.Close())...)
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing: %w", err)
	}
	return nil
}

// Clean removes what a shop that ended abruptly left behind: its state directory and its empty control groups. A shop
// that still runs is an error, and is not touched.
func Clean(config Config) error {
	if err := config.complete(); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	s, err := openState(config.StateDir, config.CgroupRoot)
	if err != nil {
		return err
	}
	return s.close()
}
