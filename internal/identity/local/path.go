// SPDX-License-Identifier: Apache-2.0

package local

import "strings"

// The runtimes, as endpoints name them.
const (
	runtimeDocker     = "docker"
	runtimeContainerd = "containerd"
	runtimeCRIO       = "cri-o"
	runtimePodman     = "podman"
)

// placement is what the path of a control group says of who is in it.
type placement struct {
	// container is a container's full id, and runtime who made it; the runtime may be unknown.
	container, runtime string
	// unit is the systemd unit, by its full name; within the container, if there is one.
	unit string
}

// prefixes of the names that runtimes give to a container's group, before the id. Those of the monitors that run beside
// a container are longer and do not match: what follows them is no id.
var prefixes = [...]struct{ prefix, runtime string }{
	{"docker-", runtimeDocker},
	{"cri-containerd-", runtimeContainerd},
	{"nerdctl-", runtimeContainerd},
	{"crio-", runtimeCRIO},
	{"libpod-payload-", runtimePodman},
	{"libpod-", runtimePodman},
}

// parsePath reads the path of a control group. Where a container runs in another one (kind, k3d, Docker in Docker), the
// innermost counts. Containers with ids that are no hexadecimal numbers, such as those of `ctr run NAME`, cannot be told
// from other groups and are not recognised.
func parsePath(path string) placement {
	var p placement
	parent := ""
	for segment := range strings.SplitSeq(path, "/") {
		if id, runtime := parseContainer(segment, parent); id != "" {
			p = placement{container: id, runtime: runtime}
		} else if isUnit(segment, p.unit) {
			p.unit = clean(unescapeUnit(segment))
		}
		if segment != "" {
			parent = segment
		}
	}
	return p
}

// parseContainer tells whether one segment of a path is a container's group.
func parseContainer(segment, parent string) (id, runtime string) {
	name := strings.TrimSuffix(segment, ".scope")
	// runc without the systemd driver, given a systemd path: SLICE:PREFIX:ID.
	if parts := strings.Split(name, ":"); len(parts) == 3 && parts[1] != "" {
		name = parts[1] + "-" + parts[2]
	}
	for _, known := range prefixes {
		if id, ok := strings.CutPrefix(name, known.prefix); ok && isContainerID(id) {
			return id, known.runtime
		}
	}
	if name != segment {
		return "", ""
	}
	switch {
	case isContainerID(segment):
		return segment, runtimeOfParent(parent)
	case isTaskID(segment):
		return segment, runtimeDocker
	}
	return "", ""
}

func runtimeOfParent(parent string) string {
	switch parent {
	case "docker":
		return runtimeDocker
	case "libpod_parent":
		return runtimePodman
	case "k8s.io", "default", "moby", "buildkit":
		return runtimeContainerd
	}
	return ""
}

// isContainerID recognises the ids that all runtimes make: 64 hexadecimal digits.
func isContainerID(text string) bool { return len(text) == 64 && isHex(text) }

// isTaskID recognises Amazon ECS's: 32 hexadecimal digits, a dash, decimal digits.
func isTaskID(text string) bool {
	task, number, ok := strings.Cut(text, "-")
	return ok && len(task) == 32 && isHex(task) && len(number) >= 6 && len(number) <= 20 && strings.Trim(number, "0123456789") == ""
}

func isHex(text string) bool { return strings.Trim(text, "0123456789abcdef") == "" }

// isUnit tells whether a segment names the unit that a process belongs to, given the one found further up: a service
// counts more than a scope, and a user's whole session manager is no unit that anyone asks for.
func isUnit(segment, found string) bool {
	if strings.HasPrefix(segment, "user@") || len(segment) > 255 {
		return false
	}
	if name, ok := strings.CutSuffix(segment, ".service"); ok {
		return name != ""
	}
	name, ok := strings.CutSuffix(segment, ".scope")
	return ok && name != "" && segment != "init.scope" && !strings.HasSuffix(found, ".service")
}

// unescapeUnit turns systemd's \x2d and the like back.
func unescapeUnit(name string) string {
	if !strings.Contains(name, `\x`) {
		return name
	}
	var plain strings.Builder
	for i := 0; i < len(name); i++ {
		if i+3 < len(name) && name[i] == '\\' && name[i+1] == 'x' && isHex(strings.ToLower(name[i+2:i+4])) {
			plain.WriteByte(unhex(name[i+2])<<4 | unhex(name[i+3]))
			i += 3
			continue
		}
		plain.WriteByte(name[i])
	}
	return plain.String()
}

func unhex(digit byte) byte {
	switch {
	case digit <= '9':
		return digit - '0'
	case digit <= 'F':
		return digit - 'A' + 10
	}
	return digit - 'a' + 10
}

// splitUnit gives the workload that a service unit stands for, and which of its instances it is: nginx.service is
// nginx, postgresql@14-main.service is the instance 14-main of postgresql. Scopes are sessions, not workloads.
func splitUnit(unit string) (workload, instance string) {
	name, ok := strings.CutSuffix(unit, ".service")
	if !ok {
		return "", ""
	}
	if template, instance, ok := strings.Cut(name, "@"); ok && template != "" {
		return template, instance
	}
	return name, ""
}
