// SPDX-License-Identifier: Apache-2.0

package up

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrTaken is wrapped by the error for a data directory that another process uses.
var ErrTaken = errors.New("another Aeolus uses it")

// Places are the directories that are held while a controller runs.
type Places struct {
	lock *os.File
	run  string
	// madeRun is set when the run directory was not there before.
	madeRun bool
}

// TakePlaces makes the directories, and locks the data directory for this process.
func TakePlaces(data, run string) (*Places, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("making data directory %s: %w", data, cause(err))
	}
	lock, err := os.OpenFile(filepath.Join(data, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening data directory %s: %w", data, cause(err))
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("opening data directory %s: %w", data, ErrTaken)
		}
		return nil, fmt.Errorf("locking data directory %s: %w", data, err)
	}
	held := &Places{lock: lock, run: run}
	info, err := os.Stat(run)
	held.madeRun = errors.Is(err, os.ErrNotExist)
	if err == nil && foreign(info, os.Geteuid()) {
		held.Leave()
		return nil, fmt.Errorf("using run directory %s: it belongs to another user, who could answer in our place: %w", run, os.ErrPermission)
	}
	if err := os.MkdirAll(run, 0o755); err != nil {
		held.Leave()
		return nil, fmt.Errorf("making run directory %s: %w", run, cause(err))
	}
	return held, nil
}

// foreign tells whether a file belongs to another user, neither this one nor root. Root takes what it is given.
func foreign(info os.FileInfo, user int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && user != 0 && stat.Uid != 0 && int(stat.Uid) != user
}

// Leave gives the places back. A run directory that was made is removed, if nothing else is in it.
func (p *Places) Leave() {
	_ = p.lock.Close()
	if p.madeRun {
		_ = os.Remove(p.run)
	}
}

// cause leaves out the path that the message names already.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
