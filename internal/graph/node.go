// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// maxInstances bounds the instances that are remembered for one workload.
const maxInstances = 256

// Node is a workload, or an address that no agent reports from.
type Node struct {
	ID, Name, Namespace string
	Kind                model.WorkloadKind
	// External: seen only as an address. Other: stands for all that were beyond the bound.
	External, Other, Own bool
	Instances            map[string]*Instance
	Evidence             map[string]string
	FirstSeen, LastSeen  time.Time

	key     nodeKey
	out, in map[*Edge]struct{}
}

// Instance is one running copy of a workload.
type Instance struct {
	Name, Version, Zone, Node string
	Address                   netip.Addr
	PID                       uint32
	Process                   string
	ContainerID               string
	ContainerImage            string
	CgroupPath                string
	FirstSeen, LastSeen       time.Time
}

// Out gives the edges on which the node is the client.
func (n *Node) Out() map[*Edge]struct{} { return n.out }

// In gives the edges on which the node is the server.
func (n *Node) In() map[*Edge]struct{} { return n.in }

// Title is the name with its namespace, where it has one.
func (n *Node) Title() string {
	if n.Namespace == "" {
		return n.Name
	}
	return n.Namespace + "/" + n.Name
}

// RunsOn tells whether an instance runs on one of the hosts.
func (n *Node) RunsOn(hosts map[string]struct{}) bool {
	for _, instance := range n.Instances {
		if _, ok := hosts[instance.Node]; ok {
			return true
		}
	}
	return false
}

// observe notes what an endpoint says about the workload's instances.
func (n *Node) observe(endpoint *model.Endpoint, at time.Time) {
	if at.After(n.LastSeen) {
		n.LastSeen = at
	}
	name := endpoint.Instance
	if name == "" {
		name = n.Name
	}
	key := endpoint.Node + "\x00" + name
	instance := n.Instances[key]
	if instance == nil {
		if len(n.Instances) >= maxInstances && !n.forgetInstance(at) {
			return
		}
		instance = &Instance{Name: name, FirstSeen: at}
		n.Instances[key] = instance
	}
	instance.Node = endpoint.Node
	instance.LastSeen = at
	instance.Version, instance.Zone = endpoint.Version, endpoint.Zone
	if endpoint.PID != 0 {
		instance.PID, instance.Process = endpoint.PID, endpoint.Process
	}
	instance.ContainerID, instance.ContainerImage = endpoint.Container.ID, endpoint.Container.Image
	instance.CgroupPath = endpoint.CgroupPath
	n.Own = n.Own || endpoint.Own
	for attribute, evidence := range endpoint.Evidence {
		if len(n.Evidence) < 32 {
			n.Evidence[attribute] = string(evidence)
		}
	}
}

// forgetInstance makes room by forgetting the instance that has not been heard of for longest.
func (n *Node) forgetInstance(now time.Time) bool {
	var oldest string
	least := now
	for key, instance := range n.Instances {
		if instance.LastSeen.Before(least) {
			oldest, least = key, instance.LastSeen
		}
	}
	delete(n.Instances, oldest)
	return oldest != ""
}

// setAddress notes the address that an instance was seen at.
func (n *Node) setAddress(endpoint *model.Endpoint, address netip.Addr) {
	name := endpoint.Instance
	if name == "" {
		name = n.Name
	}
	instance := n.Instances[endpoint.Node+"\x00"+name]
	if instance == nil || !address.IsValid() || (address.IsLoopback() && instance.Address.IsValid()) {
		return
	}
	instance.Address = address
}
