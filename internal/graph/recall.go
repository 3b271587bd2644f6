// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Identity is what a node is known by.
type Identity struct {
	ID, Namespace, Name string
	Kind                model.WorkloadKind
	External            bool
}

// Recall gives the node that was once known by an identity, made if it is not there. It notes when it was seen then.
func (g *Graph) Recall(identity Identity, at time.Time) *Node {
	var node *Node
	if identity.Name == other && identity.ID == otherID(identity.External) {
		node = g.other(identity.External, at)
	} else {
		node = g.node(nodeKey{external: identity.External, namespace: identity.Namespace, name: identity.Name}, identity.Kind, at)
	}
	if at.Before(node.FirstSeen) {
		node.FirstSeen = at
	}
	return node
}

// RecallInstance notes an instance of a node as it was once known, unless more is known by now.
func (n *Node) RecallInstance(instance *Instance) {
	key := instance.Node + "\x00" + instance.Name
	known := n.Instances[key]
	if known == nil && len(n.Instances) >= maxInstances {
		return
	}
	if known == nil || known.LastSeen.Before(instance.LastSeen) {
		recalled := *instance
		n.Instances[key] = &recalled
	}
}

// other is the name of the node that stands for all that were beyond the bound.
const other = "other"

// otherID is the id of the node that stands for all that were beyond the bound.
func otherID(external bool) string {
	class := "workload"
	if external {
		class = "address"
	}
	return Identify(class, "\x00", other)
}
