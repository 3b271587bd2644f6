// SPDX-License-Identifier: Apache-2.0

// Package names is the one table of the metrics and attributes that Aeolus writes. Where OpenTelemetry's semantic
// conventions have a name for an attribute of events, it is used, put behind the direction for what belongs to one end of
// a flow (source.container.id); what has no convention stands under aeolus. Metrics have names of the project's own, and
// presets of names that others know.
package names

// Stability says how firm a name is.
type Stability string

// The stabilities. Stable and Development are OpenTelemetry's; Own names are the project's and follow its versions.
const (
	Stable      Stability = "stable"
	Development Stability = "development"
	Own         Stability = "own"
)

// Attribute describes one name.
type Attribute struct {
	Name string
	// Meaning is one sentence for the reference.
	Meaning string
	// Unit in UCUM notation; empty for what has none.
	Unit      string
	Stability Stability
}

// Names of the resource: who reports.
const (
	ServiceName       = "service.name"
	ServiceVersion    = "service.version"
	ServiceInstanceID = "service.instance.id"
	HostName          = "host.name"
)

// Names of what belongs to the flow or event as a whole.
const (
	RecordID         = "log.record.uid"
	NetworkTransport = "network.transport"
	NetworkType      = "network.type"
	ErrorType        = "error.type"
	Cookie           = "aeolus.connection.cookie"
	Role             = "aeolus.connection.role"
	Errno            = "aeolus.connection.errno"
	Attempt          = "aeolus.connection.attempt"
	ByPeer           = "aeolus.connection.reset.by_peer"
	OwnTraffic       = "aeolus.own"
)

// End holds the names of what belongs to one end.
type End struct {
	Address, Port string

	ServiceNamespace, ServiceVersion, ServiceInstanceID string
	AvailabilityZone                                    string

	ProcessPID, ProcessExecutableName, ProcessExecutablePath, ProcessCgroup string

	ContainerID, ContainerName, ContainerImageName, ContainerRuntimeName string

	Workload, WorkloadKind, Unit, CgroupID, NetNSID, NetNSName, Evidence, Own string
}

// Source names the end that opened the connection.
func Source() End { return sourceEnd }

// Destination names the end that accepted it.
func Destination() End { return destinationEnd }

// Local names the end that reports, where it is not known which end opened the connection.
func Local() End { return localEnd }

// Peer names the other end, where it is not known which end opened the connection.
func Peer() End { return peerEnd }

var (
	sourceEnd      = end("source", "source")
	destinationEnd = end("destination", "destination")
	localEnd       = end("network.local", "local")
	peerEnd        = end("network.peer", "peer")
)

func end(network, direction string) End {
	return End{
		Address:               network + ".address",
		Port:                  network + ".port",
		ServiceNamespace:      direction + ".service.namespace",
		ServiceVersion:        direction + ".service.version",
		ServiceInstanceID:     direction + ".service.instance.id",
		AvailabilityZone:      direction + ".cloud.availability_zone",
		ProcessPID:            direction + ".process.pid",
		ProcessExecutableName: direction + ".process.executable.name",
		ProcessExecutablePath: direction + ".process.executable.path",
		ProcessCgroup:         direction + ".process.linux.cgroup",
		ContainerID:           direction + ".container.id",
		ContainerName:         direction + ".container.name",
		ContainerImageName:    direction + ".container.image.name",
		ContainerRuntimeName:  direction + ".container.runtime.name",
		Workload:              "aeolus." + direction + ".workload",
		WorkloadKind:          "aeolus." + direction + ".workload.kind",
		Unit:                  "aeolus." + direction + ".systemd.unit",
		CgroupID:              "aeolus." + direction + ".cgroup.id",
		NetNSID:               "aeolus." + direction + ".netns.id",
		NetNSName:             "aeolus." + direction + ".netns.name",
		Evidence:              "aeolus." + direction + ".evidence",
		Own:                   "aeolus." + direction + ".own",
	}
}
