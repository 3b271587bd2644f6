// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/assignments"
)

// agents tells what is known of every agent.
func (c *Controller) agents() []*queryv1.Agent {
	known := c.book.Agents()
	list := make([]*queryv1.Agent, 0, len(known))
	for i := range known {
		list = append(list, agentMessage(&known[i]))
	}
	return list
}

func agentMessage(a *assignments.Agent) *queryv1.Agent {
	message := &queryv1.Agent{
		Node: a.Node, AgentId: a.ID, Version: a.Hello.GetVersion(), Kernel: a.Hello.GetKernel(), Scope: a.Hello.GetScope(),
		Connected: a.Connected, LastSeen: timestamppb.New(a.Heard),
	}
	for _, feature := range a.Hello.GetFeatures() {
		message.Features = append(message.Features, &queryv1.Feature{
			Name: feature.GetName(), Verdict: verdict(feature.GetVerdict()), Error: feature.GetError(), Without: feature.GetWithout(),
		})
	}
	owners := map[string]string{}
	for _, desired := range a.Desired {
		owners[desired.ID] = desired.Owner
	}
	answered := map[string]bool{}
	for _, status := range a.Statuses {
		answered[status.ID] = true
		message.Assignments = append(message.Assignments, &queryv1.Assignment{
			Id: status.ID, Owner: owners[status.ID], State: status.State.String(), Reason: status.Reason,
			Runs: status.Cost.Runs, Nanoseconds: uint64(max(status.Cost.Time, 0)), MemoryBytes: status.Cost.Memory,
		})
	}
	for _, desired := range a.Desired {
		if !answered[desired.ID] {
			message.Assignments = append(message.Assignments, &queryv1.Assignment{
				Id: desired.ID, Owner: desired.Owner, State: "pending", Reason: "the agent has not answered for it yet",
			})
		}
	}
	for _, stage := range a.Stages {
		message.Stages = append(message.Stages, &queryv1.Stage{Name: stage.Stage, In: stage.In, Out: stage.Out, Dropped: stage.Dropped})
	}
	return message
}

func verdict(v controlv1.Feature_Verdict) string {
	switch v {
	case controlv1.Feature_VERDICT_YES, controlv1.Feature_VERDICT_NO:
		return strings.ToLower(strings.TrimPrefix(v.String(), "VERDICT_"))
	}
	return "unknown"
}
