// SPDX-License-Identifier: Apache-2.0

package names

// Attributes returns the whole table: the resource, the record, then each of the ends.
func Attributes() []Attribute {
	table := append([]Attribute(nil), common...)
	table = append(table, ofEnd(sourceEnd, "the end that opened the connection", Development)...)
	table = append(table, ofEnd(destinationEnd, "the end that accepted the connection", Development)...)
	table = append(table, ofEnd(localEnd, "the end that reports, where the direction is not known", Stable)...)
	return append(table, ofEnd(peerEnd, "the other end, where the direction is not known", Stable)...)
}

var common = []Attribute{
	{ServiceName, "Which part of Aeolus reports.", "", Stable},
	{ServiceVersion, "Version of the part that reports.", "", Stable},
	{ServiceInstanceID, "The reporting agent: random per start.", "", Stable},
	{HostName, "The node that the agent watches.", "", Development},
	{RecordID, "Unique over all nodes: the agent's id, a dash, a number.", "", Development},
	{NetworkTransport, "Transport protocol: tcp.", "", Stable},
	{NetworkType, "ipv4 or ipv6.", "", Stable},
	{ErrorType, "Why the connection failed: refused, timed-out, given-up, reset, unreachable, no-route, never-sent.", "", Stable},
	{Cookie, "The kernel's socket cookie: unique on its node.", "", Own},
	{Role, "The part that the reporting end plays: client, server or unknown.", "", Own},
	{Errno, "The socket's error number; absent for none.", "", Own},
	{Attempt, "How many SYNs had been sent.", "{packet}", Own},
	{ByPeer, "Whether a reset was received, and not sent.", "", Own},
	{OwnTraffic, "Set on traffic of Aeolus itself.", "", Own},
}

// ofEnd describes the names of one end. The network names of an end have a stability of their own; the others are a
// stable convention behind a direction, which is not a convention yet.
func ofEnd(e End, who string, network Stability) []Attribute {
	of := " of " + who + "."
	return []Attribute{
		{e.Address, "IP address" + of, "", network},
		{e.Port, "Port" + of, "", network},
		{e.ServiceNamespace, "Namespace of the workload" + of, "", Development},
		{e.ServiceVersion, "Version of the workload" + of, "", Development},
		{e.ServiceInstanceID, "Instance of the workload" + of, "", Development},
		{e.AvailabilityZone, "Zone" + of, "", Development},
		{e.ProcessPID, "Process" + of, "", Development},
		{e.ProcessExecutableName, "Name of the process" + of, "", Development},
		{e.ProcessExecutablePath, "Path of the program" + of, "", Development},
		{e.ProcessCgroup, "Control group" + of, "", Development},
		{e.ContainerID, "Container" + of, "", Development},
		{e.ContainerName, "Name of the container" + of, "", Development},
		{e.ContainerImageName, "Image of the container" + of, "", Development},
		{e.ContainerRuntimeName, "Runtime of the container" + of, "", Development},
		{e.Workload, "Workload" + of, "", Own},
		{e.WorkloadKind, "Kind of the workload (container, unit, netns, process, service, address)" + of, "", Own},
		{e.Unit, "systemd unit" + of, "", Own},
		{e.CgroupID, "Number of the control group" + of, "", Own},
		{e.NetNSID, "Inode of the network namespace" + of, "", Own},
		{e.NetNSName, "Name of the network namespace" + of, "", Own},
		{e.Evidence, "How each attribute was learned" + of, "", Own},
		{e.Own, "Whether Aeolus itself is the process" + of, "", Own},
	}
}
