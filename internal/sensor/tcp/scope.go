// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cilium/ebpf/btf"

	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// The kinds of scope, as bpf/owner.h numbers them.
const (
	scopeHost uint32 = iota
	scopeCgroup2
	scopeCgroup1
	scopeNetNS
)

// scopeConstants works out what the kernel filters by, and how it names the owners.
func (s *tcpSensor) scopeConstants(constants map[string]any) ([]string, error) {
	var missing []string
	if name := s.settings.Cgroup1Subsystem; name != "" {
		index, err := subsystemIndex(name)
		if err != nil {
			missing = append(missing, fmt.Sprintf("owners are not told apart by their v1 cgroup: %v", err))
		} else {
			constants["cgroup1_index"] = index
		}
	}
	given := s.settings.Scope
	switch {
	case given.CgroupPath != "" && len(given.NetNS) > 0:
		return nil, fmt.Errorf("setting the scope of sensor tcp: it has both a cgroup and network namespaces")
	case len(given.NetNS) > 0:
		constants["scope"] = scopeNetNS
	case given.CgroupPath != "":
		return missing, cgroupScope(s.settings, constants)
	default:
		constants["scope"] = scopeHost
	}
	return missing, nil
}

func cgroupScope(settings sensor.Settings, constants map[string]any) error {
	path := filepath.Clean(settings.Scope.CgroupPath)
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("setting the scope of sensor tcp: %w", err)
	}
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("setting the scope of sensor tcp: %s has no inode", path)
	}
	constants["scope_cgroup"] = status.Ino
	if settings.Cgroup2Root != "" && below(path, filepath.Clean(settings.Cgroup2Root)) {
		constants["scope"] = scopeCgroup2
		return nil
	}
	if _, ok := constants["cgroup1_index"]; !ok {
		return fmt.Errorf("setting the scope of sensor tcp: %s is neither below the v2 root nor in the v1 hierarchy in use", path)
	}
	constants["scope"] = scopeCgroup1
	return nil
}

func below(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

// subsystemIndex finds a v1 controller's place in the running kernel's tables, which depends on how it was built.
func subsystemIndex(name string) (int32, error) {
	if name == "blkio" {
		name = "io"
	}
	types, err := btf.LoadKernelSpec()
	if err != nil {
		return 0, fmt.Errorf("reading the kernel's types: %w", err)
	}
	var ids *btf.Enum
	if err := types.TypeByName("cgroup_subsys_id", &ids); err != nil {
		return 0, fmt.Errorf("finding the kernel's cgroup controllers: %w", err)
	}
	for _, value := range ids.Values {
		if value.Name == name+"_cgrp_id" {
			return int32(value.Value), nil
		}
	}
	return 0, fmt.Errorf("finding cgroup controller %s: the kernel has none of that name", name)
}
