// SPDX-License-Identifier: Apache-2.0

package local

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestUnitInVersion2Group(t *testing.T) {
	r := idleResolver(t, Config{})
	path := newGroup(t, r.Hierarchy().V2, "/system.slice/nginx.service")
	command := start(t, place{group: r.Hierarchy().V2 + path}, "sleep", "600")
	owner := ownerOf(t, model.OwnerCgroup2, r.Hierarchy().V2+path, command)
	endpoint := r.Resolve(owner)
	require.Equal(t, &model.Endpoint{
		Workload: "nginx", Kind: model.KindUnit, Instance: "here", Node: "here",
		PID: owner.PID, Process: "sleep", Executable: "/usr/bin/sleep", Unit: "nginx.service",
		CgroupID: owner.ID, CgroupPath: path, NetNS: owner.NetNS, NetNSName: "host",
		Evidence: map[string]model.Evidence{
			"workload": model.EvidenceCgroupPath, "unit": model.EvidenceCgroupPath,
			"process": model.EvidenceProc, "netns": model.EvidenceNetNS,
		},
	}, endpoint)

	require.Same(t, endpoint, r.Resolve(owner))
	owner.Inherited = true
	require.Same(t, endpoint, r.Resolve(owner))
	owner.Comm = "another thread"
	require.Same(t, endpoint, r.Resolve(owner), "threads of one process have different names")
}

func TestContainerInVersion1Group(t *testing.T) {
	r := idleResolver(t, Config{})
	if r.Hierarchy().V1 == "" {
		t.Skip("this host has no version 1 control groups")
	}
	path := newGroup(t, r.Hierarchy().V1, "/docker/"+idA)
	group := r.Hierarchy().V1 + path
	command := start(t, place{}, "sleep", "600")
	require.NoError(t, os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(command.Process.Pid)), 0))
	endpoint := r.Resolve(ownerOf(t, model.OwnerCgroup1, group, command))
	require.Equal(t, path, endpoint.CgroupPath)
	require.Equal(t, model.KindContainer, endpoint.Kind)
	require.Equal(t, idA[:12], endpoint.Workload)
	require.Equal(t, idA[:12], endpoint.Instance)
	require.Equal(t, model.Container{ID: idA, Runtime: "docker"}, endpoint.Container)
	// The container of one who has gone.
	gone := r.Resolve(model.Owner{Kind: model.OwnerCgroup1, ID: endpoint.CgroupID, PID: 1 << 30, Comm: "curl"})
	require.Equal(t, idA[:12], gone.Workload)
	require.Equal(t, "curl", gone.Process)
}

func TestUnitOfAHybridHost(t *testing.T) {
	r := idleResolver(t, Config{})
	const systemd = "/sys/fs/cgroup/systemd"
	if _, ok := inodeOf(systemd); !ok || r.Hierarchy().V1 == "" {
		t.Skip("this host is not hybrid")
	}
	ids, units := newGroup(t, r.Hierarchy().V1, "/plain"), newGroup(t, systemd, "/system.slice/nginx.service")
	command := start(t, place{}, "sleep", "600")
	for _, group := range []string{r.Hierarchy().V1 + ids, systemd + units} {
		require.NoError(t, os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(command.Process.Pid)), 0))
	}
	owner := ownerOf(t, model.OwnerCgroup1, r.Hierarchy().V1+ids, command)
	// The first to be seen had exited; only one that lives can tell what the unit is, and then it is told of both.
	gone := owner
	gone.PID, gone.Comm = 1<<30, "curl"
	require.Equal(t, "curl", r.Resolve(gone).Workload)
	endpoint := r.Resolve(owner)
	require.Equal(t, "nginx", endpoint.Workload)
	require.Equal(t, "nginx.service", endpoint.Unit)
	require.Equal(t, ids, endpoint.CgroupPath)
	require.Equal(t, "nginx", r.Resolve(gone).Workload)
}

func TestNamespaceNames(t *testing.T) {
	r := idleResolver(t, Config{})
	name := fmt.Sprintf("aeo-identity-%d", os.Getpid())
	n := nameNamespace(t, name)
	command := start(t, place{netNS: n}, "sleep", "600")
	endpoint := r.Resolve(ownerOf(t, model.OwnerNetNS, "", command))
	require.Equal(t, name, endpoint.Workload)
	require.Equal(t, model.KindNetNS, endpoint.Kind)
	require.Equal(t, name, endpoint.NetNSName)
	require.Equal(t, "sleep", endpoint.Process)
	require.Equal(t, model.EvidenceNetNS, endpoint.Evidence["netns"])

	nameless := newNamespace(t)
	command = start(t, place{netNS: nameless}, "sleep", "600")
	endpoint = r.Resolve(ownerOf(t, model.OwnerNetNS, "", command))
	require.Equal(t, nameless.String(), endpoint.NetNSName)
	require.Equal(t, "sleep", endpoint.Workload)
	require.Equal(t, model.KindProcess, endpoint.Kind)
	require.Equal(t, fmt.Sprintf("here/%d", command.Process.Pid), endpoint.Instance)

	endpoint = r.Resolve(ownerOf(t, model.OwnerNetNS, "", start(t, place{}, "sleep", "600")))
	require.Equal(t, "host", endpoint.NetNSName)
	require.Equal(t, "sleep", endpoint.Workload)
}

func TestNamespaceNameComesAndGoes(t *testing.T) {
	r := newResolver(t, Config{})
	name := fmt.Sprintf("aeo-identity-late-%d", os.Getpid())
	n := newNamespace(t)
	command := start(t, place{netNS: n}, "sleep", "600")
	owner := ownerOf(t, model.OwnerNetNS, "", command)
	require.Equal(t, "sleep", r.Resolve(owner).Workload)
	output, err := exec.Command("ip", "netns", "attach", name, strconv.Itoa(command.Process.Pid)).CombinedOutput()
	require.NoError(t, err, string(output))
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", name).Run() })
	workload := func(want string) func() string {
		return func() string {
			if got := r.Resolve(owner).Workload; got != want {
				return "workload is still " + got
			}
			return ""
		}
	}
	testkit.Eventually(t, patience, workload(name))
	require.NoError(t, exec.Command("ip", "netns", "delete", name).Run())
	testkit.Eventually(t, patience, workload("sleep"))
}

func TestEnvironmentNamesTheServiceAndItsFellows(t *testing.T) {
	r := idleResolver(t, Config{OwnPIDs: []uint32{uint32(os.Getpid())}})
	n := newNamespace(t)
	where := place{netNS: n, environment: []string{
		"OTEL_SERVICE_NAME=cart",
		"OTEL_RESOURCE_ATTRIBUTES=service.namespace=shop,service.version=1.4,service.instance.id=cart-1,cloud.availability_zone=zone-a",
	}}
	holder := start(t, place{netNS: n}, "sleep", "500")
	require.Equal(t, "sleep", r.Resolve(ownerOf(t, model.OwnerNetNS, "", holder)).Workload)
	command := start(t, where, "sleep", "600")
	endpoint := r.Resolve(ownerOf(t, model.OwnerNetNS, "", command))
	check := func(endpoint *model.Endpoint) {
		t.Helper()
		require.Equal(t, []string{"cart", "shop", "1.4", "cart-1", "zone-a"}, []string{
			endpoint.Workload, endpoint.Namespace, endpoint.Version, endpoint.Instance, endpoint.Zone,
		})
		require.Equal(t, model.KindService, endpoint.Kind)
		require.Equal(t, model.EvidenceEnvironment, endpoint.Evidence["workload"])
		require.False(t, endpoint.Own)
	}
	check(endpoint)
	check(r.Resolve(ownerOf(t, model.OwnerNetNS, "", holder)))
	// One that nobody saw alive.
	check(r.Resolve(model.Owner{Kind: model.OwnerNetNS, ID: uint64(n.Inode()), NetNS: n.Inode(), PID: 1 << 30, Comm: "curl"}))
	// One that says otherwise: each is what it says, and who says nothing is itself again.
	rival := start(t, place{netNS: n, environment: []string{"OTEL_SERVICE_NAME=rival"}}, "sleep", "600")
	require.Equal(t, "rival", r.Resolve(ownerOf(t, model.OwnerNetNS, "", rival)).Workload)
	require.Equal(t, "sleep", r.Resolve(ownerOf(t, model.OwnerNetNS, "", holder)).Workload)
	require.Equal(t, "cart", r.Resolve(ownerOf(t, model.OwnerNetNS, "", command)).Workload)

	self := r.Resolve(model.Owner{Kind: model.OwnerNetNS, PID: uint32(os.Getpid())})
	require.True(t, self.Own)
}

func TestServiceOfADeadFellowGivesWay(t *testing.T) {
	r := idleResolver(t, Config{})
	n := newNamespace(t)
	old := start(t, place{netNS: n, environment: []string{"OTEL_SERVICE_NAME=old"}}, "sleep", "600")
	owner := ownerOf(t, model.OwnerNetNS, "", old)
	require.Equal(t, "old", r.Resolve(owner).Workload)
	end(old)
	fresh := start(t, place{netNS: n, environment: []string{"OTEL_SERVICE_NAME=new"}}, "sleep", "600")
	require.Equal(t, "new", r.Resolve(ownerOf(t, model.OwnerNetNS, "", fresh)).Workload)
	require.Equal(t, "new", r.Resolve(model.Owner{Kind: model.OwnerNetNS, NetNS: n.Inode(), PID: 1 << 30, Comm: "x"}).Workload)
	require.Equal(t, "old", r.Resolve(owner).Workload, "what was seen of it is remembered")
}

func TestHostProcessesDoNotShareANames(t *testing.T) {
	r := idleResolver(t, Config{})
	named := start(t, place{environment: []string{"OTEL_SERVICE_NAME=cart"}}, "sleep", "600")
	other := start(t, place{}, "sleep", "600")
	require.Equal(t, "cart", r.Resolve(ownerOf(t, model.OwnerNetNS, "", named)).Workload)
	require.Equal(t, "sleep", r.Resolve(ownerOf(t, model.OwnerNetNS, "", other)).Workload)
}

func TestRemovedGroupIsNamedAndItsNameReused(t *testing.T) {
	r := newResolver(t, Config{})
	scans := r.Stats().Scans
	path := newGroup(t, r.Hierarchy().V2, "/system.slice")
	var ids []uint64
	for range 3 {
		job := r.Hierarchy().V2 + path + "/job.service"
		require.NoError(t, os.Mkdir(job, 0o755))
		ids = append(ids, inode(t, job))
		// The notice must have been read before the group goes; nothing has asked for it.
		testkit.Eventually(t, patience, func() string {
			r.v2.mu.Lock()
			defer r.v2.mu.Unlock()
			if _, ok := r.v2.known(ids[len(ids)-1]); !ok {
				return "the new group is not noticed"
			}
			return ""
		})
		require.NoError(t, os.Remove(job))
	}
	require.LessOrEqual(t, r.Stats().Scans, scans+2, "notices spare the walks")
	pointers := map[*model.Endpoint]bool{}
	for _, id := range ids {
		endpoint := r.Resolve(model.Owner{Kind: model.OwnerCgroup2, ID: id, PID: 1 << 30, Comm: "job"})
		require.Equal(t, "job", endpoint.Workload)
		require.Equal(t, path+"/job.service", endpoint.CgroupPath)
		pointers[endpoint] = true
	}
	require.Len(t, pointers, 3)
}

func TestGroupIsFoundWithoutNotices(t *testing.T) {
	r := idleResolver(t, Config{})
	unknown := r.Resolve(model.Owner{Kind: model.OwnerCgroup2, ID: 1 << 60, PID: 1 << 30, Comm: "x"})
	require.Equal(t, "x", unknown.Workload)
	path := newGroup(t, r.Hierarchy().V2, "/system.slice/late.service")
	owner := model.Owner{Kind: model.OwnerCgroup2, ID: inode(t, r.Hierarchy().V2+path), PID: 1 << 30, Comm: "x"}
	// The walk's rate is bounded: the answer is incomplete until the next one, and then forgotten.
	testkit.Eventually(t, patience, func() string {
		r.revisit(0)
		if got := r.Resolve(owner).Workload; got != "late" {
			return "workload is " + got
		}
		return ""
	})
	require.Less(t, r.Stats().Scans, uint64(5))
}

func TestAddresses(t *testing.T) {
	one, many := newNamespace(t), newNamespace(t)
	for i, n := range []interface {
		AddBridge(string) error
		AddAddress(string, netip.Prefix) error
		SetUp(string) error
	}{one, many} {
		require.NoError(t, n.SetUp("lo"))
		require.NoError(t, n.AddBridge("b"))
		require.NoError(t, n.SetUp("b"))
		require.NoError(t, n.AddAddress("b", netip.MustParsePrefix(fmt.Sprintf("10.211.%d.1/24", i))))
		require.NoError(t, n.AddAddress("b", netip.MustParsePrefix(fmt.Sprintf("fd21:%d::1/64", i))))
	}
	start(t, place{netNS: one, environment: []string{"OTEL_SERVICE_NAME=cart"}}, "sleep", "600")
	start(t, place{netNS: many}, "sleep", "600")
	start(t, place{netNS: many}, "tail", "-f", "/dev/null")
	r := newResolver(t, Config{})
	testkit.Eventually(t, patience, func() string {
		found := map[string]string{}
		for _, address := range r.Addresses() {
			switch address.NetNS {
			case one.Inode(), many.Inode():
				found[address.Address.String()] = "nobody"
				if address.Endpoint != nil {
					found[address.Address.String()] = address.Endpoint.Workload
				}
			}
		}
		want := map[string]string{"10.211.0.1": "cart", "fd21::1": "cart", "10.211.1.1": "nobody", "fd21:1::1": "nobody"}
		if fmt.Sprint(found) != fmt.Sprint(want) {
			return fmt.Sprintf("addresses are %v", found)
		}
		return ""
	})
}

func TestMemoryIsBounded(t *testing.T) {
	r := idleResolver(t, Config{})
	for pid := range uint32(maxKnown + 1000) {
		r.Resolve(model.Owner{Kind: model.OwnerNetNS, PID: 1<<30 + pid, Comm: "x"})
	}
	require.Equal(t, maxKnown, r.Stats().Owners)
	require.EqualValues(t, 1000, r.Stats().Evicted)
	require.LessOrEqual(t, len(r.endpoints.ring), maxKnown)
}

func TestConcurrentUse(t *testing.T) {
	r := newResolver(t, Config{})
	var working sync.WaitGroup
	for worker := range 4 {
		working.Go(func() {
			for i := range 300 {
				owner := model.Owner{Kind: model.OwnerNetNS, NetNS: r.namespaces.host, PID: uint32(os.Getpid()), Comm: strconv.Itoa(i % 7)}
				if r.Resolve(owner) == nil || r.Resolve(owner).PID != owner.PID {
					t.Error("wrong endpoint")
				}
				if worker == 0 {
					r.revisit(0)
					r.Addresses()
				}
			}
		})
	}
	working.Wait()
}

func BenchmarkResolveKnown(b *testing.B) {
	r := idleResolver(b, Config{})
	owners := make([]model.Owner, 1000)
	for i := range owners {
		owners[i] = model.Owner{Kind: model.OwnerCgroup2, ID: uint64(i), NetNS: r.namespaces.host, PID: uint32(1<<30 + i), Comm: "some-program"}
		r.Resolve(owners[i])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Resolve(owners[i%len(owners)])
	}
}

func BenchmarkResolveNewProcess(b *testing.B) {
	r := idleResolver(b, Config{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Resolve(model.Owner{Kind: model.OwnerNetNS, NetNS: r.namespaces.host, PID: uint32(os.Getpid()), Comm: strconv.Itoa(i)})
	}
}

// TestGroupThatIsNewerThanTheLastWalk is asked for before any notice of it was read, and while no walk is allowed.
func TestGroupThatIsNewerThanTheLastWalk(t *testing.T) {
	r := idleResolver(t, Config{})
	for root, tree := range map[string]*tree{r.Hierarchy().V2: r.v2, r.Hierarchy().V1: r.v1} {
		if root == "" {
			continue
		}
		tree.next = time.Now().Add(time.Hour)
		path := newGroup(t, root, "/system.slice/backup.service")
		id := inode(t, root+path)
		found, ok := tree.find(id)
		require.True(t, ok, root)
		require.Equal(t, path, found)
		require.Zero(t, tree.scanCount())
		require.NoError(t, os.Remove(root+path))
		_, ok = newTree(root).find(id)
		require.False(t, ok, "it has gone")
		require.NoError(t, os.Mkdir(root+path+" (deleted)", 0o755))
		odd, ok := tree.find(inode(t, root+path+" (deleted)"))
		require.True(t, ok)
		require.Equal(t, path+" (deleted)", odd)
		require.NoError(t, os.Remove(root+path+" (deleted)"))
	}
}
