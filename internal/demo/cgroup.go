// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// cgroupPrefix begins the name of every shop's own directory below the control groups' root.
const cgroupPrefix = "aeolus-demo-"

// findCgroupRoot is where version 2 control groups are mounted; empty if they are not.
func findCgroupRoot() (string, error) {
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		return "", fmt.Errorf("finding control groups: %w", err)
	}
	defer func() { _ = mounts.Close() }()
	lines := bufio.NewScanner(mounts)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) >= 3 && fields[2] == "cgroup2" {
			return fields[1], nil
		}
	}
	return "", lines.Err()
}

// removeCgroups removes the directory of a shop and those below it, which must hold no process any more; it waits a
// moment for processes that are still dying. What is not there is no error.
func removeCgroups(directory string, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		err := removeEmpty(directory)
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// abandoned is how long ago an empty shop must have been made to count as left behind: one that opens now is empty too.
const abandoned = time.Minute

// sweepCgroups removes what killed shops, whatever their state directory was, have left below the root. A living shop's
// own directory holds processes, if not in each of those below it.
func sweepCgroups(root string, now time.Time) error {
	directories, err := filepath.Glob(filepath.Join(root, cgroupPrefix+"*"))
	if err != nil {
		return fmt.Errorf("listing control groups: %w", err)
	}
	var problems []error
	for _, directory := range directories {
		info, err := os.Stat(directory)
		if err != nil || now.Sub(info.ModTime()) < abandoned {
			continue
		}
		events, err := os.ReadFile(filepath.Join(directory, "cgroup.events"))
		if err == nil && strings.Contains(string(events), "populated 0") {
			if err := removeEmpty(directory); err != nil && !errors.Is(err, syscall.EBUSY) {
				problems = append(problems, err)
			}
		}
	}
	return errors.Join(problems...)
}

func removeEmpty(directory string) error {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing control group: %w", err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if err := removeEmpty(filepath.Join(directory, entry.Name())); err != nil {
			return err
		}
	}
	if err := os.Remove(directory); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing control group %s: %w", directory, err)
	}
	return nil
}
