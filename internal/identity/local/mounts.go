// SPDX-License-Identifier: Apache-2.0

package local

import (
	"slices"
	"strings"
)

// The v1 controllers whose hierarchies container runtimes fill, the surest first: every runtime limits the number of
// processes or puts them in all hierarchies, and few hosts lack this one.
var subsystems = [...]string{"pids", "memory", "cpu", "cpuacct", "cpuset", "devices", "freezer", "blkio"}

// parseHierarchy finds the cgroup file systems in the text of a mountinfo file, under a directory. Of several mounts of a
// hierarchy the first that shows the most of it counts: see reach.
func parseHierarchy(mountinfo, under string) Hierarchy {
	found := map[string]string{}
	best := map[string]int{}
	offer := func(hierarchy, place, root string) {
		if shown := reach(root); shown > best[hierarchy] {
			found[hierarchy], best[hierarchy] = place, shown
		}
	}
	for line := range strings.Lines(mountinfo) {
		// id parent major:minor root mountpoint options [optional...] - type source options
		before, after, ok := strings.Cut(line, " - ")
		place, system := strings.Fields(before), strings.Fields(after)
		if !ok || len(place) < 6 || len(system) < 3 || !within(place[4], under) {
			continue
		}
		switch system[0] {
		case "cgroup2":
			offer("", place[4], place[3])
		case "cgroup":
			for option := range strings.SplitSeq(system[2], ",") {
				if slices.Contains(subsystems[:], option) {
					offer(option, place[4], place[3])
				}
			}
		}
	}
	hierarchy := Hierarchy{V2: found[""]}
	for _, subsystem := range subsystems {
		if found[subsystem] != "" {
			hierarchy.V1, hierarchy.V1Subsystem = found[subsystem], subsystem
			break
		}
	}
	return hierarchy
}

// reach ranks mounts by what of their hierarchy they show. Whoever is in a cgroup namespace of its own sees the root of
// that as "/", and the host's as "/../..".
func reach(root string) int {
	switch {
	case strings.HasPrefix(root, "/..") && strings.Trim(root, "/.") == "":
		return 2
	case root == "/":
		return 1
	}
	return 0
}

func within(path, directory string) bool {
	directory = strings.TrimSuffix(directory, "/")
	return directory == "" || path == directory || strings.HasPrefix(path, directory+"/")
}
