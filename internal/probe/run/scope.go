// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/identity/local"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/settings"
)

// Members is who is in a scope now.
type Members struct {
	// Owners are the numbers by which programs know them: see ir.Owner.
	Owners []uint64
	// Workloads are their names, sorted.
	Workloads []string
	// Notes say who is left out because the kernel cannot tell it from others, or why nobody is in scope.
	Notes []string
}

// Owners finds out who is in a scope.
type Owners interface {
	// Members lists them.
	Members(ctx context.Context, scope spec.Scope) (Members, error)
	// Changes is another number when Members may have become others.
	Changes() uint64
}

// LocalOwners knows who lives on this host.
func LocalOwners(resolver *local.Resolver) Owners { return localOwners{resolver} }

type localOwners struct{ resolver *local.Resolver }

// Changes implements Owners.
func (l localOwners) Changes() uint64 { return l.resolver.Changes() }

// Members implements Owners.
func (l localOwners) Members(_ context.Context, scope spec.Scope) (Members, error) {
	wanted, err := newWanted(scope)
	if err != nil {
		return Members{Notes: []string{err.Error()}}, nil
	}
	return wanted.choose(l.resolver.Residents()), nil
}

// OwnerNumber is how programs number an owner.
func OwnerNumber(owner model.Owner) uint64 {
	return uint64(owner.Kind)<<ir.OwnerShift | owner.ID&(1<<ir.OwnerShift-1)
}

// wanted is a scope, with its namespace found.
type wanted struct {
	spec.Scope
	inode uint32
}

func newWanted(scope spec.Scope) (*wanted, error) {
	w := &wanted{Scope: scope}
	if scope.NetNS == "" {
		return w, nil
	}
	namespace, err := netlink.OpenPath(namespacePath(scope.NetNS))
	if err != nil {
		return nil, fmt.Errorf("nobody is in scope: network namespace %s is not there: %w", scope.NetNS, err)
	}
	defer namespace.Close()
	w.inode = namespace.Inode()
	return w, nil
}

// namespacePath is the file of a namespace that is given by its name, a process' number, or a path.
func namespacePath(name string) string {
	switch {
	case strings.Contains(name, "/"):
		return name
	case strings.Trim(name, "0123456789") == "":
		return "/proc/" + name + "/ns/net"
	}
	return "/run/netns/" + name
}

// holds tells whether somebody is meant.
func (w *wanted) holds(e *model.Endpoint) bool {
	switch {
	case w.Workload != "" && !matches(w.Workload, e.Workload),
		w.Namespace != "" && !matches(w.Namespace, e.Namespace),
		w.Container != "" && !isContainer(w.Container, e.Container),
		w.Cgroup != "" && !below(e.CgroupPath, w.Cgroup),
		w.NetNS != "" && e.NetNS != w.inode:
		return false
	}
	return len(w.Labels) == 0
}

// matches compares a name with one that may end in a star.
func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// leastID is how much of a container's id must be given.
const leastID = 8

func isContainer(text string, c model.Container) bool {
	return c.ID != "" && (matches(text, c.Name) || len(text) >= leastID && strings.HasPrefix(c.ID, text))
}

// below tells whether a group is the one that is meant, or in it.
func below(path, group string) bool {
	group = "/" + strings.Trim(group, "/")
	return path == group || group == "/" && path != "" || strings.HasPrefix(path, group+"/")
}

// verdict is who is known by one number.
type verdict struct{ in, out []string }

// choose sorts out who is in scope. What the kernel cannot tell from somebody else is left out, and that is said.
func (w *wanted) choose(residents []local.Resident) Members {
	var m Members
	var kinds [4]bool
	workloads := map[string]bool{}
	verdicts := w.verdicts(residents)
	for _, number := range slices.Sorted(maps.Keys(verdicts)) {
		v := verdicts[number]
		switch {
		case len(v.in) == 0:
		case len(v.out) > 0:
			m.Notes = append(m.Notes, fmt.Sprintf("%s shares a control group with %s: the kernel cannot tell them apart, and both are left out",
				strings.Join(v.in, ", "), strings.Join(v.out, ", ")))
		default:
			m.Owners = append(m.Owners, number)
			kinds[number>>ir.OwnerShift&3] = true
			for _, name := range v.in {
				workloads[name] = true
			}
		}
	}
	// Programs ask for the namespace as well as for the owner.
	if w.NetNS != "" && (w.onlyNetNS() || len(m.Owners) > 0) {
		if number := OwnerNumber(model.Owner{Kind: model.OwnerNetNS, ID: uint64(w.inode)}); !slices.Contains(m.Owners, number) {
			m.Owners, kinds[model.OwnerNetNS] = append(m.Owners, number), true
		}
	}
	m.Workloads = slices.Sorted(maps.Keys(workloads))
	if kinds[model.OwnerCgroup1] && !kinds[model.OwnerNetNS] {
		m.Notes = append(m.Notes, "their sockets are known by a version 1 control group alone: what happens outside of their processes is not seen")
	}
	if len(m.Owners) == 0 {
		m.Notes = append(m.Notes, w.nobody(residents))
	}
	return m
}

func (w *wanted) verdicts(residents []local.Resident) map[uint64]*verdict {
	verdicts := map[uint64]*verdict{}
	for _, resident := range residents {
		if resident.Endpoint == nil {
			continue
		}
		number := OwnerNumber(resident.Owner)
		v := verdicts[number]
		if v == nil {
			v = &verdict{}
			verdicts[number] = v
		}
		if w.holds(resident.Endpoint) {
			v.in = append(v.in, resident.Endpoint.Workload)
		} else {
			v.out = append(v.out, resident.Endpoint.Workload)
		}
	}
	return verdicts
}

// onlyNetNS tells whether everybody in a namespace is meant, whoever it is.
func (w *wanted) onlyNetNS() bool {
	return w.NetNS != "" && w.Workload == "" && w.Namespace == "" && w.Container == "" && w.Cgroup == "" && len(w.Labels) == 0
}

// namesShown bounds how many names a note lists.
const namesShown = 6

// nobody says that nothing is in scope, and who could be.
func (w *wanted) nobody(residents []local.Resident) string {
	if len(w.Labels) > 0 {
		return "nobody is in scope: labels belong to Kubernetes, which is not asked on a single host"
	}
	names := map[string]bool{}
	for _, resident := range residents {
		if resident.Endpoint != nil {
			names[resident.Endpoint.Workload] = true
		}
	}
	known := slices.Sorted(maps.Keys(names))
	if near := settings.Nearest(w.Workload, known); w.Workload != "" && near != "" {
		return fmt.Sprintf("nobody is in scope: no workload here is called %s (is it %s?)", w.Workload, near)
	}
	if len(known) == 0 {
		return "nobody is in scope: the kernel tells nobody apart here, neither by control groups nor by network namespaces"
	}
	more := ""
	if len(known) > namesShown {
		known, more = known[:namesShown], ", …"
	}
	return fmt.Sprintf("nobody is in scope yet; the kernel tells apart here: %s%s", strings.Join(known, ", "), more)
}
