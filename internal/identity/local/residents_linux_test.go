// SPDX-License-Identifier: Apache-2.0

package local

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// residentsOf picks those of one owner.
func residentsOf(r *Resolver, kind model.OwnerKind, id uint64) []Resident {
	var found []Resident
	for _, resident := range r.Residents() {
		if resident.Owner.Kind == kind && resident.Owner.ID == id {
			found = append(found, resident)
		}
	}
	return found
}

func TestResidentsOfAGroup(t *testing.T) {
	r := newResolver(t, Config{})
	root := r.Hierarchy().V2
	path := newGroup(t, root, "/system.slice/shop.service")
	id := inode(t, root+path)
	testkit.Eventually(t, patience, func() string {
		if found := residentsOf(r, model.OwnerCgroup2, id); len(found) != 1 || found[0].Endpoint.Workload != "shop" {
			return "the empty group is not listed"
		}
		return ""
	})
	before := r.Changes()
	other := newGroup(t, root, "/system.slice/other.service")
	testkit.Eventually(t, patience, func() string {
		if r.Changes() == before {
			return "a new group is no change"
		}
		return ""
	})
	for _, service := range []string{"cart", "payment", "cart"} {
		start(t, place{group: root + other, environment: []string{"OTEL_SERVICE_NAME=" + service}}, "sleep", "60")
	}
	testkit.Eventually(t, patience, func() string {
		workloads := map[string]bool{}
		for _, resident := range residentsOf(r, model.OwnerCgroup2, inode(t, root+other)) {
			workloads[resident.Endpoint.Workload] = true
		}
		if len(workloads) != 2 || !workloads["cart"] || !workloads["payment"] {
			return "the two workloads of one group are not both listed"
		}
		return ""
	})
}

func TestResidentsOfANamespace(t *testing.T) {
	n := nameNamespace(t, "aeo-residents")
	r := idleResolver(t, Config{})
	listed := func() []Resident { return residentsOf(r, model.OwnerNetNS, uint64(n.Inode())) }
	require.Len(t, listed(), 1)
	require.Equal(t, "aeo-residents", listed()[0].Endpoint.Workload)
	start(t, place{netNS: n, environment: []string{"OTEL_SERVICE_NAME=cart"}}, "sleep", "60")
	testkit.Eventually(t, patience, func() string {
		if found := listed(); len(found) != 1 || found[0].Endpoint == nil || found[0].Endpoint.Workload != "cart" {
			return "the namespace is not called by its only service"
		}
		return ""
	})
	start(t, place{netNS: n, environment: []string{"OTEL_SERVICE_NAME=payment"}}, "sleep", "60")
	testkit.Eventually(t, patience, func() string {
		if found := listed(); len(found) != 1 || found[0].Endpoint != nil {
			return "a namespace that two share is called by one of them"
		}
		return ""
	})
	require.Empty(t, residentsOf(r, model.OwnerNetNS, uint64(r.namespaces.host)), "the host's own is nobody's")
}
