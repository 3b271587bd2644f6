// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"sync"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// reach knows the network namespaces that an agent's scope reaches: those that were named, and those in which its
// sensors have seen something. What the others are called, and who has their addresses, is for another agent to tell.
type reach struct {
	everything bool

	mu sync.Mutex
	// known tells of each namespace whether it has been found on this host.
	known map[uint32]bool
	named map[uint32]bool
}

// maxReach bounds how many namespaces are remembered.
const maxReach = 65_536

func newReach(scope sensor.Scope) *reach {
	r := &reach{everything: scope.CgroupPath == "" && len(scope.NetNS) == 0, known: map[uint32]bool{}, named: map[uint32]bool{}}
	for _, netns := range scope.NetNS {
		r.named[netns] = true
	}
	return r
}

// note takes in that a sensor has seen something in a namespace.
func (r *reach) note(owner *model.Owner) {
	if r.everything || owner.NetNS == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.known[owner.NetNS]; !ok && len(r.known) < maxReach {
		r.known[owner.NetNS] = false
	}
}

// within gives those addresses that are in reach, and forgets namespaces that are gone: their numbers are used again.
func (r *reach) within(addresses []model.AddressOwner) []model.AddressOwner {
	if r.everything {
		return addresses
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var near []model.AddressOwner
	here := map[uint32]bool{}
	for _, address := range addresses {
		here[address.NetNS] = true
		_, known := r.known[address.NetNS]
		if known || r.named[address.NetNS] {
			near = append(near, address)
		}
	}
	for netns, found := range r.known {
		switch {
		case here[netns]:
			r.known[netns] = true
		case found:
			delete(r.known, netns)
		}
	}
	return near
}
