// SPDX-License-Identifier: Apache-2.0

package local

import (
	"slices"
	"strings"
)

// The v1 controllers whose hierarchies container runtimes fill, the surest first: every runtime limits the number of
// processes or puts them in all hierarchies, and few hosts lack this one.
var subsystems = [...]string{"pids", "memory", "cpu", "cpuacct", "cpuset", "devices", "freezer", "blkio"}

// parseHierarchy finds the cgroup file systems in the text of a mountinfo file, under a directory. Where a hierarchy is
// mounted more than once, the mount of its root that comes first counts: containers show parts of it in other places.
func parseHierarchy(mountinfo, under string) Hierarchy {
	var found Hierarchy
	v1 := map[string]string{}
	for line := range strings.Lines(mountinfo) {
		// id parent major:minor root mountpoint options [optional...] - type source options
		before, after, ok := strings.Cut(line, " - ")
		place, system := strings.Fields(before), strings.Fields(after)
		if !ok || len(place) < 6 || len(system) < 3 || place[3] != "/" || !within(place[4], under) {
			continue
		}
		switch system[0] {
		case "cgroup2":
			if found.V2 == "" {
				found.V2 = place[4]
			}
		case "cgroup":
			for option := range strings.SplitSeq(system[2], ",") {
				if v1[option] == "" && slices.Contains(subsystems[:], option) {
					v1[option] = place[4]
				}
			}
		}
	}
	for _, subsystem := range subsystems {
		if v1[subsystem] != "" {
			found.V1, found.V1Subsystem = v1[subsystem], subsystem
			break
		}
	}
	return found
}

func within(path, directory string) bool {
	directory = strings.TrimSuffix(directory, "/")
	return directory == "" || path == directory || strings.HasPrefix(path, directory+"/")
}
