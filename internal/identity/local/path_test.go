// SPDX-License-Identifier: Apache-2.0

package local

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two ids; a is short for the first in the table, b for the second.
var (
	idA = strings.Repeat("0123456789abcdef", 4)
	idB = strings.Repeat("fedcba9876543210", 4)
)

func TestParsePath(t *testing.T) {
	const pod = "pod2f1c5a0e_2f0b_4b6e_9d7e_0a1b2c3d4e5f"
	for _, test := range []struct{ name, path, container, runtime, unit string }{
		{"root", "/", "", "", ""},
		{"docker, cgroupfs", "/docker/A", "a", runtimeDocker, ""},
		{"docker, systemd", "/system.slice/docker-A.scope", "a", runtimeDocker, ""},
		{"docker, systemd, rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-A.scope", "a", runtimeDocker, ""},
		{"docker, own parent", "/mine/A", "a", "", ""},
		{"docker, child group", "/docker/A/workers", "a", runtimeDocker, ""},
		{"docker, systemd within", "/docker/A/system.slice/nginx.service", "a", runtimeDocker, "nginx.service"},
		{"docker, init scope within", "/system.slice/docker-A.scope/init.scope", "a", runtimeDocker, ""},
		{"docker's own daemon", "/system.slice/docker.service", "", "", "docker.service"},
		{"docker in kubernetes, cgroupfs", "/kubepods/burstable/pod2f1c5a0e-2f0b-4b6e-9d7e-0a1b2c3d4e5f/A", "a", "", ""},
		{"docker in kubernetes, systemd", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" + pod + ".slice/docker-A.scope", "a", runtimeDocker, ""},
		{"containerd, kubernetes, cgroupfs", "/kubepods/besteffort/pod2f1c5a0e-2f0b-4b6e-9d7e-0a1b2c3d4e5f/A", "a", "", ""},
		{"containerd, kubernetes, guaranteed", "/kubepods/pod2f1c5a0e-2f0b-4b6e-9d7e-0a1b2c3d4e5f/A", "a", "", ""},
		{"containerd, kubernetes, systemd", "/kubepods.slice/kubepods-" + pod + ".slice/cri-containerd-A.scope", "a", runtimeContainerd, ""},
		{"containerd, kubernetes, drivers at odds", "/system.slice/containerd.service/kubepods-burstable-" + pod + ".slice:cri-containerd:A", "a", runtimeContainerd, ""},
		{"containerd, ctr", "/default/A", "a", runtimeContainerd, ""},
		{"containerd, ctr, named", "/default/web", "", "", ""},
		{"containerd, kubernetes namespace", "/k8s.io/A", "a", runtimeContainerd, ""},
		{"nerdctl", "/system.slice/nerdctl-A.scope", "a", runtimeContainerd, ""},
		{"buildkit", "/buildkit/A", "a", runtimeContainerd, ""},
		{"containerd's shim", "/system.slice/containerd.service", "", "", "containerd.service"},
		{"cri-o, systemd", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" + pod + ".slice/crio-A.scope", "a", runtimeCRIO, ""},
		{"cri-o, child group", "/kubepods.slice/kubepods-" + pod + ".slice/crio-A.scope/container", "a", runtimeCRIO, ""},
		{"cri-o, cgroupfs", "/kubepods/burstable/pod2f1c5a0e-2f0b-4b6e-9d7e-0a1b2c3d4e5f/crio-A", "a", runtimeCRIO, ""},
		{"cri-o, monitor", "/kubepods.slice/kubepods-" + pod + ".slice/crio-conmon-A.scope", "", "", "crio-conmon-A.scope"},
		{"podman, systemd", "/machine.slice/libpod-A.scope", "a", runtimePodman, ""},
		{"podman, child group", "/machine.slice/libpod-A.scope/container", "a", runtimePodman, ""},
		{"podman, cgroupfs", "/libpod_parent/libpod-A", "a", runtimePodman, ""},
		{"podman, cgroupfs, bare", "/libpod_parent/A", "a", runtimePodman, ""},
		{"podman, pod", "/machine.slice/machine-libpod_pod_B.slice/libpod-A.scope/container", "a", runtimePodman, ""},
		{"podman, rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-A.scope", "a", runtimePodman, ""},
		{"podman, quadlet", "/system.slice/web.service/libpod-payload-A", "a", runtimePodman, ""},
		{"podman, monitor", "/machine.slice/libpod-conmon-A.scope", "", "", "libpod-conmon-A.scope"},
		{"kind", "/docker/B/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-" + pod + ".slice/cri-containerd-A.scope", "a", runtimeContainerd, ""},
		{"kind, the node itself", "/docker/B/kubelet.slice/kubelet.service", "b", runtimeDocker, "kubelet.service"},
		{"k3d", "/docker/B/kubepods/burstable/pod2f1c5a0e-2f0b-4b6e-9d7e-0a1b2c3d4e5f/A", "a", "", ""},
		{"docker in docker", "/docker/B/docker/A", "a", runtimeDocker, ""},
		{"docker in docker, systemd", "/system.slice/docker-B.scope/docker/A", "a", runtimeDocker, ""},
		{"amazon ecs", "/ecs/0123456789abcdef0123456789abcdef/A", "a", "", ""},
		{"amazon fargate", "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890", "0123456789abcdef0123456789abcdef-1234567890", runtimeDocker, ""},
		{"unit", "/system.slice/nginx.service", "", "", "nginx.service"},
		{"unit, delegated", "/system.slice/k3s.service/supervised", "", "", "k3s.service"},
		{"unit, template", "/system.slice/system-postgresql.slice/postgresql@14-main.service", "", "", "postgresql@14-main.service"},
		{"unit, escaped", `/system.slice/my\x2dapp.service`, "", "", "my-app.service"},
		{"unit, of a user", "/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service", "", "", "syncthing.service"},
		{"unit, a user's manager", "/user.slice/user-1000.slice/user@1000.service/init.scope", "", "", ""},
		{"session", "/user.slice/user-1000.slice/session-3.scope", "", "", "session-3.scope"},
		{"first process", "/init.scope", "", "", ""},
		{"desktop program", `/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox\x2desr-4242.scope`, "", "", "app-gnome-firefox-esr-4242.scope"},
		{"too short for an id", "/docker/0123456789ab", "", "", ""},
		{"capital letters are no id", "/docker/" + strings.ToUpper(idA), "", "", ""},
		{"scope that is an id", "/system.slice/A.scope", "", "", "A.scope"},
		{"relative", "/../../kubepods/besteffort/pod1/A", "a", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			full := strings.NewReplacer("A", idA, "B", idB)
			if test.container == "" && test.name == "capital letters are no id" {
				full = strings.NewReplacer()
			}
			container := map[string]string{"a": idA, "b": idB}[test.container]
			if container == "" {
				container = test.container
			}
			got := parsePath(full.Replace(test.path))
			require.Equal(t, placement{container: container, runtime: test.runtime, unit: full.Replace(test.unit)}, got)
		})
	}
}

func TestSplitUnit(t *testing.T) {
	for unit, want := range map[string][2]string{
		"nginx.service":                             {"nginx", ""},
		"postgresql@14-main.service":                {"postgresql", "14-main"},
		"sshd@7-10.0.0.1:22-10.0.0.2:40404.service": {"sshd", "7-10.0.0.1:22-10.0.0.2:40404"},
		"@odd.service":                              {"@odd", ""},
		"session-3.scope":                           {"", ""},
		"":                                          {"", ""},
	} {
		workload, instance := splitUnit(unit)
		require.Equal(t, want, [2]string{workload, instance}, unit)
	}
}

func FuzzPath(f *testing.F) {
	f.Add("/docker/" + idA)
	f.Add(`/system.slice/my\x2d\x0aapp.service`)
	f.Add("/a:b:" + idA + "/\xff\xfe.scope")
	f.Fuzz(func(t *testing.T, path string) {
		p := parsePath(path)
		if p.container != "" && !isContainerID(p.container) && !isTaskID(p.container) {
			t.Fatalf("container %q", p.container)
		}
		if p.unit != clean(p.unit) || len(p.unit) > maxName {
			t.Fatalf("unit %q", p.unit)
		}
		splitUnit(p.unit)
	})
}
