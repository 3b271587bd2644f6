// SPDX-License-Identifier: Apache-2.0

package local

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// groupKey names what processes share: their control group and network namespace.
type groupKey struct {
	kind  model.OwnerKind
	id    uint64
	netNS uint32
}

// group is what is known of such a group.
type group struct {
	key  groupKey
	path string
	placement
	evidence model.Evidence
	// found tells that the path is known, or that there is none to find.
	found bool
	// searched tells that a living member's other groups have been looked at too.
	searched bool
	// shared is the description that the environment of its processes gives; divided tells that they do not agree.
	shared   description
	sharedBy *process
	divided  bool
}

// group finds out about the group of an owner, with the help of one of its living processes if there is one.
func (r *Resolver) group(owner model.Owner, p *process) *group {
	key := groupKey{kind: owner.Kind, id: owner.ID, netNS: owner.NetNS}
	if key.kind == model.OwnerNetNS || key.kind == model.OwnerUnknown {
		key.id = uint64(owner.NetNS)
	}
	g, ok := r.groups.get(key)
	if !ok {
		g = &group{key: key}
		r.groups.put(key, g)
	}
	if earlier := g.placement; !g.found || !g.searched && p.alive() {
		r.place(g, p)
		if earlier != g.placement {
			r.forget(func(_ model.Owner, known *resolved) bool { return known.group == g.key })
		}
	}
	if p != nil && p.description.service != "" && r.shares(g) {
		r.share(g, p)
		if around := r.around(g); around != nil {
			r.share(around, p)
		}
	}
	return g
}

// around gives what is known of a group's network namespace as a whole, where that is somebody's own: not the host's,
// and not that of containers, which have names of their own in one they share.
func (r *Resolver) around(g *group) *group {
	if g.key.kind == model.OwnerNetNS || g.key.netNS == 0 || g.key.netNS == r.namespaces.host || g.container != "" ||
		strings.HasSuffix(g.unit, ".service") {
		return nil
	}
	key := groupKey{kind: model.OwnerNetNS, id: uint64(g.key.netNS), netNS: g.key.netNS}
	around, ok := r.groups.get(key)
	if !ok {
		around = &group{key: key, found: true}
		r.groups.put(key, around)
	}
	return around
}

// sharedWith is what others say of a process: those of its group, or, where it can no longer be asked itself, those of
// its namespace.
func (r *Resolver) sharedWith(g *group, p *process) description {
	if g.shared.service != "" || p == nil || p.alive() {
		return g.shared
	}
	if around := r.around(g); around != nil {
		return around.shared
	}
	return g.shared
}

// place finds a group's path and what it says.
func (r *Resolver) place(g *group, p *process) {
	var member memberships
	if p.alive() {
		member, g.searched = readMemberships(r.config.ProcRoot, p.pid), true
	}
	switch g.key.kind {
	case model.OwnerCgroup2:
		g.path, g.found = r.v2.confirm(g.key.id, member.in(""))
	case model.OwnerCgroup1:
		g.path, g.found = r.v1.confirm(g.key.id, member.in(r.hierarchy.V1Subsystem))
	default:
		g.found = true
	}
	if !g.found {
		return
	}
	g.placement, g.evidence = parsePath(g.path), model.EvidenceCgroupPath
	// A hybrid host keeps units in systemd's own hierarchy, and runtimes may leave out the one that ids come from.
	if g.container != "" || strings.HasSuffix(g.unit, ".service") || g.key.kind == model.OwnerCgroup2 {
		return
	}
	for _, hierarchy := range slices.SortedFunc(maps.Keys(member), systemdFirst) {
		if other := parsePath(member[hierarchy]); other.container != "" || strings.HasSuffix(other.unit, ".service") {
			// A namespace may be shared by several containers; it is named after one only where the ids come from groups.
			if g.key.kind == model.OwnerCgroup1 {
				g.placement = other
			}
			return
		}
	}
}

func systemdFirst(a, b string) int {
	rank := func(hierarchy string) string {
		switch hierarchy {
		case "":
			return "0"
		case "name=systemd":
			return "1"
		}
		return "2" + hierarchy
	}
	return cmp.Compare(rank(a), rank(b))
}

// shares tells whether what one process of a group says of itself holds for its fellows: not in sessions, nor among the
// processes of the host that no one has put together.
func (r *Resolver) shares(g *group) bool {
	return g.container != "" || strings.HasSuffix(g.unit, ".service") || g.key.netNS != r.namespaces.host
}

// share takes what a process says of itself as said of its group, unless another has said otherwise and still lives: the
// kernel gives the numbers of namespaces out again, and a new version takes an old one's place.
func (r *Resolver) share(g *group, p *process) {
	d := p.description
	switch {
	case g.divided || g.shared == d:
		return
	case g.shared.service != "" && r.lives(g.sharedBy):
		if g.shared.service == d.service {
			return
		}
		g.shared, g.sharedBy, g.divided = description{}, nil, true
	default:
		g.shared, g.sharedBy = d, p
	}
	// Those who were named before anybody spoke get their names now.
	r.forget(func(_ model.Owner, known *resolved) bool {
		return known.group == g.key || (g.key.kind == model.OwnerNetNS && known.group.netNS == g.key.netNS)
	})
}

// lives tells whether a process still runs the program that it was seen to run.
func (r *Resolver) lives(p *process) bool {
	_, start, err := readStat(r.config.ProcRoot, p.pid)
	return err == nil && start == p.start
}
