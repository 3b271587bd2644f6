// SPDX-License-Identifier: Apache-2.0

package wire

import (
	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// endpoint gives the index of an endpoint in the dictionary. Endpoints are told apart by pointer: the resolver gives the
// same one for the same owner while nothing has changed.
func (e *encoder) endpoint(endpoint *model.Endpoint) uint32 {
	if endpoint == e.lastEndpoint && endpoint != nil {
		return e.lastEndpointIndex
	}
	index, known := e.endpoints[endpoint]
	if !known {
		index = uint32(len(e.out.Endpoints))
		e.out.Endpoints = append(e.out.Endpoints, encodeEndpoint(endpoint))
		e.endpoints[endpoint] = index
	}
	e.lastEndpoint, e.lastEndpointIndex = endpoint, index
	return index
}

func encodeEndpoint(from *model.Endpoint) *flowv1.Endpoint {
	if from == nil {
		return &flowv1.Endpoint{}
	}
	out := &flowv1.Endpoint{
		Workload:         text(from.Workload),
		Namespace:        text(from.Namespace),
		Kind:             text(string(from.Kind)),
		Instance:         text(from.Instance),
		Version:          text(from.Version),
		Zone:             text(from.Zone),
		Pid:              from.PID,
		Process:          text(from.Process),
		Executable:       text(from.Executable),
		ContainerId:      text(from.Container.ID),
		ContainerName:    text(from.Container.Name),
		ContainerImage:   text(from.Container.Image),
		ContainerRuntime: text(from.Container.Runtime),
		Unit:             text(from.Unit),
		CgroupPath:       text(from.CgroupPath),
		CgroupId:         from.CgroupID,
		Netns:            from.NetNS,
		NetnsName:        text(from.NetNSName),
		Own:              from.Own,
	}
	if len(from.Evidence) > 0 {
		out.Evidence = make(map[string]string, len(from.Evidence))
		for attribute, evidence := range from.Evidence {
			if len(out.Evidence) == MaxEvidence {
				break
			}
			out.Evidence[text(attribute)] = text(string(evidence))
		}
	}
	return out
}

// decodeEndpoint gives a reason instead of an endpoint where it breaks a bound.
func decodeEndpoint(from *flowv1.Endpoint, node string) (*model.Endpoint, string) {
	if from == nil {
		return nil, "endpoint-missing"
	}
	if tooLong(from) {
		return nil, "endpoint-string-too-long"
	}
	if !knownKind(from.Kind) {
		return nil, "endpoint-kind-unknown"
	}
	evidence, reason := decodeEvidence(from.Evidence)
	if reason != "" {
		return nil, reason
	}
	return &model.Endpoint{
		Workload:   from.Workload,
		Namespace:  from.Namespace,
		Kind:       model.WorkloadKind(from.Kind),
		Instance:   from.Instance,
		Version:    from.Version,
		Zone:       from.Zone,
		Node:       node,
		PID:        from.Pid,
		Process:    from.Process,
		Executable: from.Executable,
		Container: model.Container{
			ID: from.ContainerId, Name: from.ContainerName, Image: from.ContainerImage, Runtime: from.ContainerRuntime,
		},
		Unit:       from.Unit,
		CgroupID:   from.CgroupId,
		CgroupPath: from.CgroupPath,
		NetNS:      from.Netns,
		NetNSName:  from.NetnsName,
		Own:        from.Own,
		Evidence:   evidence,
	}, ""
}

func tooLong(from *flowv1.Endpoint) bool {
	for _, s := range [...]string{from.Workload, from.Namespace, from.Instance, from.Version, from.Zone, from.Process,
		from.Executable, from.ContainerId, from.ContainerName, from.ContainerImage, from.ContainerRuntime, from.Unit,
		from.CgroupPath, from.NetnsName} {
		if len(s) > MaxString {
			return true
		}
	}
	return false
}

func knownKind(kind string) bool {
	switch model.WorkloadKind(kind) {
	case "", model.KindContainer, model.KindUnit, model.KindNetNS, model.KindProcess, model.KindService, model.KindAddress:
		return true
	}
	return false
}

func decodeEvidence(from map[string]string) (map[string]model.Evidence, string) {
	if len(from) == 0 {
		return nil, ""
	}
	if len(from) > MaxEvidence {
		return nil, "endpoint-evidence-too-large"
	}
	out := make(map[string]model.Evidence, len(from))
	for attribute, evidence := range from {
		if len(attribute) > MaxString {
			return nil, "endpoint-string-too-long"
		}
		switch known := model.Evidence(evidence); known {
		case model.EvidenceKernel, model.EvidenceCgroupPath, model.EvidenceRuntime, model.EvidenceEnvironment,
			model.EvidenceProc, model.EvidenceNetNS:
			out[attribute] = known
		default:
			return nil, "endpoint-evidence-unknown"
		}
	}
	return out, ""
}

func encodeStages(stages []model.StageCount) []*flowv1.StageCount {
	out := make([]*flowv1.StageCount, 0, len(stages))
	for i := range stages {
		if i == MaxStages {
			break
		}
		stage := &flowv1.StageCount{Stage: text(stages[i].Stage), In: stages[i].In, Out: stages[i].Out}
		for reason, count := range stages[i].Dropped {
			if count > 0 {
				stage.Dropped = append(stage.Dropped, &flowv1.LossCount{Reason: text(reason), Count: count})
			}
		}
		out = append(out, stage)
	}
	return out
}
