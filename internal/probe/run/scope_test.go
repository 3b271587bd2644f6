// SPDX-License-Identifier: Apache-2.0

package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/identity/local"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

func resident(kind model.OwnerKind, id uint64, e model.Endpoint) local.Resident {
	return local.Resident{Owner: model.Owner{Kind: kind, ID: id}, Endpoint: &e}
}

func TestChoose(t *testing.T) {
	container := model.Container{ID: "0123456789abcdef0123", Name: "web"}
	residents := []local.Resident{
		resident(model.OwnerCgroup2, 10, model.Endpoint{Workload: "cart", Namespace: "shop", CgroupPath: "/a.slice/cart"}),
		resident(model.OwnerCgroup2, 11, model.Endpoint{Workload: "payment", Namespace: "shop", CgroupPath: "/a.slice/pay", Container: container, NetNS: 77}),
		resident(model.OwnerCgroup2, 12, model.Endpoint{Workload: "cart", CgroupPath: "/b"}),
		resident(model.OwnerCgroup2, 12, model.Endpoint{Workload: "other", CgroupPath: "/b"}),
		resident(model.OwnerCgroup1, 13, model.Endpoint{Workload: "old", CgroupPath: "/old"}),
		resident(model.OwnerNetNS, 77, model.Endpoint{Workload: "payment", NetNS: 77}),
		{Owner: model.Owner{Kind: model.OwnerNetNS, ID: 78}},
	}
	number := func(kind model.OwnerKind, id uint64) uint64 { return OwnerNumber(model.Owner{Kind: kind, ID: id}) }
	for name, c := range map[string]struct {
		scope  spec.Scope
		owners []uint64
		note   string
	}{
		"workload":    {spec.Scope{Workload: "cart"}, []uint64{number(model.OwnerCgroup2, 10)}, "cart shares a control group with other"},
		"pattern":     {spec.Scope{Workload: "pay*"}, []uint64{number(model.OwnerCgroup2, 11), number(model.OwnerNetNS, 77)}, ""},
		"namespace":   {spec.Scope{Namespace: "shop"}, []uint64{number(model.OwnerCgroup2, 10), number(model.OwnerCgroup2, 11)}, ""},
		"container":   {spec.Scope{Container: "web"}, []uint64{number(model.OwnerCgroup2, 11)}, ""},
		"by id":       {spec.Scope{Container: "01234567"}, []uint64{number(model.OwnerCgroup2, 11)}, ""},
		"short id":    {spec.Scope{Container: "0123"}, nil, "nobody is in scope"},
		"cgroup":      {spec.Scope{Cgroup: "a.slice"}, []uint64{number(model.OwnerCgroup2, 10), number(model.OwnerCgroup2, 11)}, ""},
		"both":        {spec.Scope{Cgroup: "/a.slice/", Workload: "cart"}, []uint64{number(model.OwnerCgroup2, 10)}, ""},
		"version 1":   {spec.Scope{Workload: "old"}, []uint64{number(model.OwnerCgroup1, 13)}, "version 1 control group alone"},
		"misspelt":    {spec.Scope{Workload: "paymnet"}, nil, "is it payment?"},
		"nobody":      {spec.Scope{Workload: "zzz"}, nil, "tells apart here: cart, old, other, payment"},
		"labels":      {spec.Scope{Labels: map[string]string{"app": "cart"}}, nil, "labels belong to Kubernetes"},
		"one of many": {spec.Scope{Workload: "cart", Container: "web"}, nil, "nobody is in scope"},
	} {
		m := (&wanted{Scope: c.scope}).choose(residents)
		require.Equal(t, c.owners, m.Owners, name)
		if c.note == "" {
			require.Empty(t, m.Notes, name)
			continue
		}
		require.Contains(t, m.Notes[len(m.Notes)-1]+m.Notes[0], c.note, name)
	}
	m := (&wanted{Scope: spec.Scope{NetNS: "x"}, inode: 77}).choose(residents)
	require.ElementsMatch(t, []uint64{number(model.OwnerCgroup2, 11), number(model.OwnerNetNS, 77)}, m.Owners)
	m = (&wanted{Scope: spec.Scope{NetNS: "x"}, inode: 78}).choose(residents)
	require.Equal(t, []uint64{number(model.OwnerNetNS, 78)}, m.Owners, "whoever lives there")
	m = (&wanted{Scope: spec.Scope{Workload: "x"}}).choose(nil)
	require.Contains(t, m.Notes[0], "tells nobody apart")

	_, err := newWanted(spec.Scope{NetNS: "no-such-namespace"})
	require.ErrorContains(t, err, "no-such-namespace is not there")
	require.Equal(t, "/proc/12/ns/net", namespacePath("12"))
	require.Equal(t, "/run/netns/blue", namespacePath("blue"))
	require.Equal(t, "/x/y", namespacePath("/x/y"))
}
