// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/identity/local"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/clock"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// thisHost joins the agent to the machine it runs on.
func thisHost(config Config) (*Host, error) {
	resolver, err := local.New(local.Config{
		Node: config.Node, OwnPIDs: append([]uint32{uint32(os.Getpid())}, config.OwnPIDs...), Logger: config.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing to name owners: %w", err)
	}
	hierarchy := resolver.Hierarchy()
	scope, err := resolveScope(config.Scope, hierarchy)
	if err != nil {
		return nil, err
	}
	return &Host{
		Resolver: resolver,
		Sensors:  sensors(),
		Settings: sensor.Settings{
			Scope: scope, Cgroup1Subsystem: hierarchy.V1Subsystem, Cgroup2Root: hierarchy.V2, Routes: resolver,
		},
		Features: func(ctx context.Context) []Feature {
			return features(feature.Probe(ctx, feature.Config{Cgroup2Root: hierarchy.V2}))
		},
		Monotonic:    clock.Monotonic,
		Kernel:       release(),
		Architecture: runtime.GOARCH,
		NetNS:        ownNamespace(),
	}, nil
}

func resolveScope(scope Scope, hierarchy local.Hierarchy) (sensor.Scope, error) {
	var places []netlink.Place
	if len(scope.Namespaces) > 0 {
		found, err := netlink.NewIndex("/proc").Refresh()
		if err != nil {
			return sensor.Scope{}, fmt.Errorf("finding scope %s: listing network namespaces: %w", scope, err)
		}
		places = found
	}
	roots := slices.DeleteFunc([]string{hierarchy.V2, hierarchy.V1}, func(root string) bool { return root == "" })
	exists := func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.IsDir()
	}
	inode := func(name string) (uint32, bool) {
		for _, place := range places {
			if place.Name() == name {
				return place.Inode, true
			}
		}
		return 0, false
	}
	return scope.resolve(roots, exists, inode)
}

func features(from []feature.Feature) []Feature {
	out := make([]Feature, 0, len(from))
	for _, f := range from {
		tried := Feature{Name: f.Name, Verdict: f.Verdict.String(), Without: f.Without}
		if f.Err != nil {
			tried.Err = f.Err.Error()
		}
		out = append(out, tried)
	}
	return out
}

func release() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return strings.TrimSpace(string(text))
}

// ownNamespace reads the inode of this process' network namespace; 0 where there are none.
func ownNamespace() uint32 {
	link, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return 0
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(link, "net:["), "]"), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(inode)
}
