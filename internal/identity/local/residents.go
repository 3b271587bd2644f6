// SPDX-License-Identifier: Apache-2.0

package local

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const (
	// How many processes of one group are looked at to tell what it is.
	residentProcesses = 16
	// How old the list of namespaces may be that residents are taken from.
	residentAge = time.Second
)

// Resident is somebody who lives on this host.
type Resident struct {
	// Owner is by what the kernel tells it: a control group, or a network namespace.
	Owner model.Owner
	// Endpoint is what it is; nil where several live there that cannot be told apart.
	Endpoint *model.Endpoint
}

// Residents lists the control groups of this host, but for the roots, and its network namespaces, but for the host's own.
// Where several workloads live in one group, it is listed once for each; a namespace where several live has none.
func (r *Resolver) Residents() []Resident {
	var all []Resident
	for _, hierarchy := range []struct {
		kind model.OwnerKind
		tree *tree
	}{{model.OwnerCgroup2, r.v2}, {model.OwnerCgroup1, r.v1}} {
		for path, id := range hierarchy.tree.list() {
			if path != "/" {
				all = append(all, r.members(hierarchy.kind, id, hierarchy.tree.root+path)...)
			}
		}
	}
	r.refreshAged()
	for _, place := range r.namespaces.list() {
		if place.Inode == r.namespaces.host {
			continue
		}
		owner := model.Owner{Kind: model.OwnerNetNS, ID: uint64(place.Inode), NetNS: place.Inode}
		all = append(all, Resident{Owner: owner, Endpoint: r.inhabitant(place)})
	}
	return all
}

// Changes is a number that is another one when residents may have come, gone, or got their names.
func (r *Resolver) Changes() uint64 {
	return r.v1.changes.Load() + r.v2.changes.Load() + r.named.Load()
}

// members tells what lives in one group: what its processes are, or what its path says where it has none.
func (r *Resolver) members(kind model.OwnerKind, id uint64, directory string) []Resident {
	group := model.Owner{Kind: kind, ID: id}
	var found []Resident
	for _, pid := range processesIn(directory) {
		owner := group
		owner.PID = pid
		owner.NetNS, _ = namespaceOf(r.config.ProcRoot, pid)
		comm, _, err := readStat(r.config.ProcRoot, pid)
		if err != nil || comm == "pause" {
			continue
		}
		owner.Comm = comm
		endpoint := r.Resolve(owner)
		same := func(other Resident) bool {
			return other.Endpoint.Workload == endpoint.Workload && other.Endpoint.Namespace == endpoint.Namespace
		}
		if !slices.ContainsFunc(found, same) {
			found = append(found, Resident{Owner: group, Endpoint: endpoint})
		}
	}
	if len(found) == 0 {
		found = append(found, Resident{Owner: group, Endpoint: r.Resolve(group)})
	}
	return found
}

// processesIn lists the first processes of a group.
func processesIn(directory string) []uint32 {
	text, err := os.ReadFile(filepath.Join(directory, "cgroup.procs"))
	if err != nil {
		return nil // it has gone, or holds threads alone
	}
	var pids []uint32
	for line := range strings.Lines(string(text)) {
		pid, err := strconv.ParseUint(strings.TrimSpace(line), 10, 32)
		if err == nil && pid != 0 {
			pids = append(pids, uint32(pid))
		}
		if len(pids) == residentProcesses {
			break
		}
	}
	return pids
}

// namespaceOf gives the network namespace that a process lives in.
func namespaceOf(procRoot string, pid uint32) (uint32, bool) {
	link, err := os.Readlink(filepath.Join(procRoot, strconv.Itoa(int(pid)), "ns/net"))
	if err != nil {
		return 0, false
	}
	digits := strings.TrimSuffix(strings.TrimPrefix(link, "net:["), "]")
	inode, err := strconv.ParseUint(digits, 10, 32)
	return uint32(inode), err == nil
}

// refreshAged reads the namespaces again where they were read too long ago.
func (r *Resolver) refreshAged() {
	if r.namespaces.age(time.Now()) > residentAge {
		r.refreshNamespaces()
	}
}
