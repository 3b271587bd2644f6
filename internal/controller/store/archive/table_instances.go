// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"net/netip"
	"slices"
	"time"
)

func instanceTable() *table[Instance] {
	columns := workload("workload", "workload", func(i *Instance) *Workload { return &i.Workload })
	columns[0] = columns[0].filtered()
	columns = append(columns,
		instant("begun", "When the stretch began", false, func(i *Instance) *time.Time { return &i.From }),
		moment("ended", "When it ended", false,
			func(i *Instance) int64 { return nanoseconds(i.From.Add(i.Length)) },
			func(i *Instance, at int64) { i.Length = time.Duration(at - nanoseconds(i.From)) }),
		flag("own", "One of Aeolus' own", func(i *Instance) *bool { return &i.Own }),
		text("instance_name", "The instance's name", func(i *Instance) *string { return &i.Name }),
		text("version", "Its version", func(i *Instance) *string { return &i.Version }),
		text("zone", "Its zone", func(i *Instance) *string { return &i.Zone }),
		text("node", "The node that it ran on", func(i *Instance) *string { return &i.Node }),
		host("address", "Its address; empty where it is not known", func(i *Instance) netip.Addr { return i.Address },
			func(i *Instance, a netip.Addr) { i.Address = a }),
		number("process_id", "A process of it, as its node numbers them; 0 where none is known", func(i *Instance) *uint32 { return &i.PID }),
		text("process_name", "That process' name", func(i *Instance) *string { return &i.Process }),
		text("container_id", "Id of its container", func(i *Instance) *string { return &i.ContainerID }),
		text("container_image", "Image of its container", func(i *Instance) *string { return &i.ContainerImage }),
		text("cgroup_path", "Path of its control group", func(i *Instance) *string { return &i.CgroupPath }),
		instant("first_seen", "When it was first seen", true, func(i *Instance) *time.Time { return &i.FirstSeen }),
		instant("last_seen", "When it was last seen in the stretch", true, func(i *Instance) *time.Time { return &i.LastSeen }),
	)
	return newTable(table[Instance]{
		name: "instances", meaning: "Which instances of workloads there were, stretch by stretch.",
		columns: columns, coarsen: coarsenInstances,
		texts: func(i *Instance) int {
			return workloadTexts(&i.Workload) + len(i.Name) + len(i.Version) + len(i.Zone) + len(i.Node) + len(i.Process) +
				len(i.ContainerID) + len(i.ContainerImage) + len(i.CgroupPath)
		},
	}, "begun", "ended", "workload_id")
}

// coarsenInstances joins rows that say the same of one instance and follow each other without a gap.
func coarsenInstances(rows []Instance, _ time.Duration) []Instance {
	slices.SortStableFunc(rows, func(a, b Instance) int { return a.From.Compare(b.From) })
	places := make(map[Instance]int, len(rows))
	merged := rows[:0]
	for i := range rows {
		row := rows[i]
		key := row
		key.From, key.Length, key.FirstSeen, key.LastSeen = time.Time{}, 0, time.Time{}, time.Time{}
		place, ok := places[key]
		if ok && !merged[place].From.Add(merged[place].Length).Before(row.From) {
			join(&merged[place], &row)
			continue
		}
		places[key] = len(merged)
		merged = append(merged, row)
	}
	return merged
}

func join(sum, row *Instance) {
	end := row.From.Add(row.Length)
	if end.After(sum.From.Add(sum.Length)) {
		sum.Length = end.Sub(sum.From)
	}
	if sum.FirstSeen.IsZero() || (!row.FirstSeen.IsZero() && row.FirstSeen.Before(sum.FirstSeen)) {
		sum.FirstSeen = row.FirstSeen
	}
	if row.LastSeen.After(sum.LastSeen) {
		sum.LastSeen = row.LastSeen
	}
}
