// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// maxScopeNamespaces bounds the list of a scope.
const maxScopeNamespaces = 1_024

// Scope is what an agent takes for its node, as a person writes it. The zero value is the whole host.
type Scope struct {
	// Cgroup is a subtree: a path in the cgroup file system, or below its root.
	Cgroup string
	// Namespaces are names or inodes of network namespaces.
	Namespaces []string
}

// ParseScope reads "host", "cgroup:/path" or "netns:NAME-OR-INODE[,...]".
func ParseScope(text string) (Scope, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch kind {
	case "", "host":
		if rest != "" {
			return Scope{}, fmt.Errorf("reading scope %q: nothing stands after host", text)
		}
		return Scope{}, nil
	case "cgroup":
		if !filepath.IsAbs(rest) {
			return Scope{}, fmt.Errorf("reading scope %q: expected cgroup: and a path that begins with /", text)
		}
		return Scope{Cgroup: filepath.Clean(rest)}, nil
	case "netns":
		names := strings.Split(rest, ",")
		if len(names) > maxScopeNamespaces {
			return Scope{}, fmt.Errorf("reading a scope: it has %d namespaces: %d are allowed", len(names), maxScopeNamespaces)
		}
		for _, name := range names {
			if name == "" || strings.ContainsAny(name, "/ ") {
				return Scope{}, fmt.Errorf("reading scope %q: expected names or inodes of network namespaces, with commas between them", text)
			}
		}
		return Scope{Namespaces: names}, nil
	}
	return Scope{}, fmt.Errorf("reading scope %q: expected host, cgroup:/path, or netns:NAME-OR-INODE[,...]", text)
}

// String is the scope as ParseScope reads it.
func (s Scope) String() string {
	switch {
	case s.Cgroup != "":
		return "cgroup:" + s.Cgroup
	case len(s.Namespaces) > 0:
		return "netns:" + strings.Join(s.Namespaces, ",")
	}
	return "host"
}

// resolve finds the kernel's numbers for a scope. exists tells whether a directory is there; inode finds a namespace by
// its name.
func (s Scope) resolve(roots []string, exists func(string) bool, inode func(string) (uint32, bool)) (sensor.Scope, error) {
	switch {
	case s.Cgroup != "":
		for _, candidate := range append([]string{""}, roots...) {
			underRoot := candidate != "" || isUnder(s.Cgroup, roots)
			if path := filepath.Join(candidate, s.Cgroup); underRoot && exists(path) {
				return sensor.Scope{CgroupPath: path}, nil
			}
		}
		return sensor.Scope{}, fmt.Errorf("finding scope %s: there is no such control group under %s", s, strings.Join(roots, " or "))
	case len(s.Namespaces) > 0:
		var scope sensor.Scope
		for _, name := range s.Namespaces {
			if found, ok := inode(name); ok {
				scope.NetNS = append(scope.NetNS, found)
				continue
			}
			number, err := strconv.ParseUint(name, 10, 32)
			if err != nil || number == 0 {
				return sensor.Scope{}, fmt.Errorf("finding scope %s: there is no network namespace named %s (ip netns list shows those that have names)", s, name)
			}
			scope.NetNS = append(scope.NetNS, uint32(number))
		}
		return scope, nil
	}
	return sensor.Scope{}, nil
}

func isUnder(path string, roots []string) bool {
	for _, root := range roots {
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}
