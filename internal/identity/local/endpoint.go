// SPDX-License-Identifier: Apache-2.0

package local

import (
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// The attributes of an endpoint whose evidence is given.
const (
	attributeWorkload  = "workload"
	attributeNamespace = "namespace"
	attributeInstance  = "instance"
	attributeVersion   = "version"
	attributeZone      = "zone"
	attributeProcess   = "process"
	attributeContainer = "container"
	attributeUnit      = "unit"
	attributeNetNS     = "netns"
)

var attributes = [...]string{
	attributeWorkload, attributeNamespace, attributeInstance, attributeVersion, attributeZone, attributeProcess,
	attributeContainer, attributeUnit, attributeNetNS,
}

// Containers are called by this much of their ids until they have names.
const shortID = 12

// describe puts together what is known of an owner.
func (r *Resolver) describe(owner model.Owner, p *process, g *group) *model.Endpoint {
	e := &model.Endpoint{Node: r.config.Node, PID: owner.PID, NetNS: owner.NetNS, Evidence: map[string]model.Evidence{}}
	if g.key.kind == model.OwnerCgroup1 || g.key.kind == model.OwnerCgroup2 {
		e.CgroupID, e.CgroupPath = g.key.id, g.path
	}
	if p != nil {
		e.Process, e.Executable = p.name, p.executable
		e.Own = r.own[p.pid]
		set(e, attributeProcess, p.name, p.evidence)
	}
	name, named := r.namespaces.name(owner.NetNS)
	e.NetNSName = name
	if named {
		set(e, attributeNetNS, name, model.EvidenceNetNS)
	} else {
		set(e, attributeNetNS, name, model.EvidenceKernel)
	}
	e.Unit = g.unit
	set(e, attributeUnit, g.unit, g.evidence)
	r.describeContainer(e, g)
	d := r.sharedWith(g, p)
	if p != nil && p.description != (description{}) {
		shared := d.service
		d = p.description
		if d.service == "" {
			d.service = shared
		}
	}
	r.chooseWorkload(e, g, d, named && owner.NetNS != r.namespaces.host)
	r.chooseInstance(e, g, d)
	return e
}

// set notes how an attribute was learned, if it was.
func set(e *model.Endpoint, attribute, value string, evidence model.Evidence) {
	if value != "" {
		e.Evidence[attribute] = evidence
	}
}

func (r *Resolver) describeContainer(e *model.Endpoint, g *group) {
	if g.container == "" {
		return
	}
	e.Container = model.Container{ID: g.container, Runtime: g.runtime}
	e.Evidence[attributeContainer] = g.evidence
	if known, ok := r.runtimes.find(g.container, g.runtime); ok {
		e.Container.Name, e.Container.Image, e.Container.Runtime = known.name, known.image, known.runtime
		e.Evidence[attributeContainer] = model.EvidenceRuntime
		e.Namespace = known.namespace
		set(e, attributeNamespace, known.namespace, model.EvidenceRuntime)
	}
}

// chooseWorkload names the workload, by the surest thing that is known.
func (r *Resolver) chooseWorkload(e *model.Endpoint, g *group, d description, ownNamespace bool) {
	unit, _ := splitUnit(g.unit)
	switch {
	case d.service != "":
		e.Workload, e.Kind = d.service, model.KindService
		e.Evidence[attributeWorkload] = model.EvidenceEnvironment
	case e.Container.Name != "":
		e.Workload, e.Kind = e.Container.Name, model.KindContainer
		e.Evidence[attributeWorkload] = model.EvidenceRuntime
	case e.Container.ID != "":
		e.Workload, e.Kind = short(e.Container.ID), model.KindContainer
		e.Evidence[attributeWorkload] = g.evidence
	case unit != "":
		e.Workload, e.Kind = unit, model.KindUnit
		e.Evidence[attributeWorkload] = g.evidence
	case ownNamespace:
		e.Workload, e.Kind = e.NetNSName, model.KindNetNS
		e.Evidence[attributeWorkload] = model.EvidenceNetNS
	case e.Process != "":
		e.Workload, e.Kind = e.Process, model.KindProcess
		e.Evidence[attributeWorkload] = e.Evidence[attributeProcess]
	case e.NetNS != r.namespaces.host && e.NetNS != 0:
		e.Workload, e.Kind = e.NetNSName, model.KindNetNS
		e.Evidence[attributeWorkload] = model.EvidenceKernel
	default:
		// Sockets of the kernel itself, and those whose process was never seen.
		e.Workload, e.Kind = "unknown", model.KindProcess
	}
	if d.namespace != "" {
		e.Namespace = d.namespace
		e.Evidence[attributeNamespace] = model.EvidenceEnvironment
	}
	e.Version, e.Zone = d.version, d.zone
	set(e, attributeVersion, d.version, model.EvidenceEnvironment)
	set(e, attributeZone, d.zone, model.EvidenceEnvironment)
}

// chooseInstance tells the instances of a workload apart: containers by their ids, units by their template's argument or
// the host they run on, processes by their numbers.
func (r *Resolver) chooseInstance(e *model.Endpoint, g *group, d description) {
	_, argument := splitUnit(g.unit)
	switch {
	case d.instance != "":
		e.Instance = d.instance
		e.Evidence[attributeInstance] = model.EvidenceEnvironment
	case e.Container.ID != "":
		e.Instance = short(e.Container.ID)
		e.Evidence[attributeInstance] = g.evidence
	case argument != "":
		e.Instance = argument
		e.Evidence[attributeInstance] = g.evidence
	case e.Evidence[attributeUnit] != "" && e.Kind == model.KindUnit, e.Kind == model.KindNetNS:
		e.Instance = e.Node
	case e.PID != 0:
		e.Instance = fmt.Sprintf("%s/%d", e.Node, e.PID)
		e.Evidence[attributeInstance] = model.EvidenceKernel
	}
}

func short(id string) string { return id[:min(len(id), shortID)] }
