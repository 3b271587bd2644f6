// SPDX-License-Identifier: Apache-2.0

package lang

import "github.com/aeolus-ebpf/aeolus/internal/probe/ir"

// taskView is task(p) of any thread; currentTaskView is task, the running one, about which helpers know most.
var (
	taskView = &view{
		name: "task", of: "task_struct", about: "a thread", fields: append([]field{
			{name: "pid", text: "self.tgid", about: "the process, as user space numbers it"},
			{name: "tid", text: "self.pid", about: "the thread, as user space numbers it"},
			{name: "comm", text: "self.comm", about: "the thread's name"},
			{name: "cgroup", text: "self.cgroups.dfl_cgrp.kn.id", about: "the v2 cgroup's number"},
		}, taskFields...),
	}
	currentTaskView = &view{
		name: "task", about: "the running thread", fields: append([]field{
			{name: "pid", text: "currentPID", about: "the process, as user space numbers it"},
			{name: "tid", text: "currentTID", about: "the thread, as user space numbers it"},
			{name: "comm", text: "currentComm", about: "the thread's name"},
			{name: "cgroup", text: "currentCgroup", about: "the v2 cgroup's number"},
		}, taskFields...),
	}
)

var taskFields = []field{
	{name: "ppid", text: "self.real_parent.tgid", about: "the process that started it"},
	{name: "parent_comm", text: "self.real_parent.comm", about: "that one's name"},
	{name: "uid", text: "self.cred.uid.val", about: "the user that it acts as"},
	{name: "netns", text: "self.nsproxy.net_ns.ns.inum", about: "the network namespace's number"},
	{name: "started", text: "int(self.start_time) * duration('1ns')", about: "when it was started, comparable with now"},
	{name: "exit_code", text: "self.exit_code", about: "how it ended: the signal in the lower 8 bits, the code above"},
	{name: "prio", text: "self.prio", about: "the scheduler's priority: lower is more urgent"},
	{name: "owner", text: "ownerOfTask(self)", hint: ir.Owner, about: "who runs; shown as a workload"},
}
