// SPDX-License-Identifier: Apache-2.0

package local

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

const (
	// The most namespaces whose addresses are reported.
	maxNamespaces = 4096
	// How often namespaces are read for the sake of one unknown address, and which part of the time that may take.
	locateInterval = 200 * time.Millisecond
	locateShare    = 20
)

// namespaces knows the host's network namespaces by name.
type namespaces struct {
	index *netlink.Index
	// host is the inode of the host's own namespace.
	host uint32

	mu    sync.Mutex
	names map[uint32]string
	gone  map[uint32]tombstone
	// places are what there was when it was read last, at that time.
	places []netlink.Place
	read   time.Time
}

func newNamespaces(procRoot string) *namespaces {
	n := &namespaces{index: netlink.NewIndex(procRoot), names: map[uint32]string{}, gone: map[uint32]tombstone{}}
	// Nobody may look into process 1 on some hosts; the agent runs in the host's own namespace.
	for _, path := range []string{procRoot + "/1/ns/net", "/proc/self/ns/net"} {
		if handle, err := netlink.OpenPath(path); err == nil {
			n.host = handle.Inode()
			_ = handle.Close()
			break
		}
	}
	return n
}

// name gives what people call a namespace, and whether anybody has named it.
func (n *namespaces) name(inode uint32) (name string, named bool) {
	if inode == 0 {
		return "", false
	}
	if inode == n.host {
		return "host", true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	name, known := n.names[inode]
	if !known {
		if stone, ok := n.gone[inode]; ok {
			name = stone.path
		} else if place, ok := n.index.Find(inode); ok {
			name = clean(place.Name())
			n.names[inode] = name
		}
	}
	if name != "" {
		return name, true
	}
	return fmt.Sprintf("netns-%d", inode), false
}

// refresh looks for namespaces again; it returns what there is, and which of those known have changed their names.
func (n *namespaces) refresh(now time.Time) (places []netlink.Place, changed map[uint32]bool, err error) {
	if places, err = n.index.Refresh(); err != nil {
		return nil, nil, err
	}
	if len(places) > maxNamespaces {
		places = places[:maxNamespaces]
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	current := make(map[uint32]string, len(places))
	changed = map[uint32]bool{}
	for _, place := range places {
		name := clean(place.Name())
		current[place.Inode] = name
		if earlier, known := n.names[place.Inode]; !known || earlier != name {
			changed[place.Inode] = true
		}
		// The kernel gives numbers out again.
		delete(n.gone, place.Inode)
	}
	for inode, name := range n.names {
		if _, still := current[inode]; !still && name != "" && len(n.gone) < maxTombstones {
			n.gone[inode] = tombstone{path: name, at: now}
		}
	}
	for inode, stone := range n.gone {
		if now.Sub(stone.at) >= tombstoneTime {
			delete(n.gone, inode)
			changed[inode] = true
		}
	}
	n.names, n.places, n.read = current, places, now
	return places, changed, nil
}

// list gives the namespaces as they were read last.
func (n *namespaces) list() []netlink.Place {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.places
}

// age is for how long they have not been read.
func (n *namespaces) age(now time.Time) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return now.Sub(n.read)
}

// Addresses lists the addresses of the host's network namespaces, as Run read them last. An address has an endpoint
// where exactly one workload lives in its namespace.
func (r *Resolver) Addresses() []model.AddressOwner {
	if addresses := r.addresses.Load(); addresses != nil {
		return *addresses
	}
	return nil
}

// NoRoute tells whether a network namespace has no way to an address, as its routing tables are now.
func (r *Resolver) NoRoute(netNS uint32, remote netip.Addr) (bool, error) {
	return r.namespaces.index.NoRoute(netNS, remote)
}

// Locate makes sure that Addresses holds an address if it is one of this host's: where it is not known, the namespaces
// are read again at once, unless that has been done just now. It tells whether the address has become known by that.
func (r *Resolver) Locate(address netip.Addr) bool {
	if address.IsLoopback() || address.IsUnspecified() || r.hasAddress(address) {
		return false
	}
	r.locating.Lock()
	defer r.locating.Unlock()
	if time.Now().Before(r.locateNext) {
		return false
	}
	began := time.Now()
	r.refreshNamespaces()
	r.locateNext = time.Now().Add(max(locateInterval, locateShare*time.Since(began)))
	return r.hasAddress(address)
}

func (r *Resolver) hasAddress(address netip.Addr) bool {
	return slices.ContainsFunc(r.Addresses(), func(owner model.AddressOwner) bool { return owner.Address == address })
}

// refreshNamespaces reads the names, inhabitants and addresses of all namespaces.
func (r *Resolver) refreshNamespaces() {
	r.refreshing.Lock()
	defer r.refreshing.Unlock()
	places, changed, err := r.namespaces.refresh(time.Now())
	if err != nil {
		r.config.Logger.Warn("network namespaces cannot be listed", "error", err)
		return
	}
	if len(changed) > 0 {
		r.named.Add(1)
		r.mu.Lock()
		r.forget(func(owner model.Owner, _ *resolved) bool { return changed[owner.NetNS] })
		r.mu.Unlock()
	}
	var owners []model.AddressOwner
	for _, place := range places {
		handle, err := r.namespaces.index.Open(place.Inode)
		if err != nil {
			continue // it has gone meanwhile
		}
		addresses, err := handle.Addresses(netlink.AddressOptions{})
		_ = handle.Close()
		if err != nil {
			r.config.Logger.Debug("addresses cannot be read", "namespace", place.Inode, "error", err)
			continue
		}
		endpoint := r.inhabitant(place)
		for _, address := range addresses {
			owners = append(owners, model.AddressOwner{Address: address, NetNS: place.Inode, Endpoint: endpoint})
		}
	}
	r.addresses.Store(&owners)
}

// inhabitant gives the only workload that lives in a namespace. Where programs of one service live there together with
// others that do not say what they are, such as a shell or the process that holds the namespace, it is the service.
func (r *Resolver) inhabitant(place netlink.Place) *model.Endpoint {
	if place.Inode == r.namespaces.host || place.Processes > len(place.PIDs) {
		return nil
	}
	if place.Processes == 0 {
		// Whoever comes to live there without a name of its own will be called by the namespace's.
		return r.Resolve(model.Owner{Kind: model.OwnerNetNS, ID: uint64(place.Inode), NetNS: place.Inode})
	}
	var found, service *model.Endpoint
	workloads, services := map[string]bool{}, map[string]bool{}
	for _, pid := range place.PIDs {
		endpoint := r.resident(pid, place.Inode)
		if endpoint == nil {
			continue
		}
		key := endpoint.Namespace + "/" + endpoint.Workload
		workloads[key] = true
		if found == nil {
			found = endpoint
		}
		if endpoint.Kind == model.KindService {
			services[key] = true
			if service == nil {
				service = endpoint
			}
		}
	}
	switch {
	case len(services) == 1:
		return service
	case len(workloads) == 1:
		return found
	}
	return nil
}

// resident resolves a process that lives in a namespace, by the owner that the kernel would report for it. Kubernetes'
// pause holds a pod's namespace and is nobody.
func (r *Resolver) resident(pid, netNS uint32) *model.Endpoint {
	comm, _, err := readStat(r.config.ProcRoot, pid)
	if err != nil || comm == "pause" {
		return nil
	}
	return r.Resolve(r.ownerOf(pid, netNS, comm))
}

// ownerOf gives the owner that the kernel would report for a process.
func (r *Resolver) ownerOf(pid, netNS uint32, comm string) model.Owner {
	member := readMemberships(r.config.ProcRoot, pid)
	owner := model.Owner{Kind: model.OwnerNetNS, ID: uint64(netNS), NetNS: netNS, PID: pid, Comm: comm}
	for _, candidate := range []struct {
		kind       model.OwnerKind
		tree       *tree
		controller string
	}{
		{model.OwnerCgroup2, r.v2, ""},
		{model.OwnerCgroup1, r.v1, r.hierarchy.V1Subsystem},
	} {
		path := member.in(candidate.controller)
		if candidate.tree.root == "" || path == "" || path == "/" || strings.HasPrefix(path, "/..") {
			continue
		}
		if id, ok := inodeOf(candidate.tree.root + path); ok {
			owner.Kind, owner.ID = candidate.kind, id
			break
		}
	}
	return owner
}
