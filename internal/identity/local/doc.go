// SPDX-License-Identifier: Apache-2.0

// Package local tells what the kernel's owners of sockets are, from what this host alone knows: control groups of both
// versions, processes, network namespaces, container runtimes and systemd units.
//
// A Resolver turns a model.Owner into a model.Endpoint. The workload that it names is, in this order: the service name
// in the process's conventional environment (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES); the container; the systemd
// service; the named network namespace; the process. Processes that the same container, unit or namespace holds share
// their workload, so that one which had exited before anyone could look at it is named by its fellows.
//
// # What is recognised, and what is not
//
// Containers are recognised by the paths of their control groups, with either driver: Docker's, containerd's (through
// Kubernetes, nerdctl, ctr), CRI-O's, Podman's and Amazon ECS's, also one within the other, of which the innermost
// counts. Not recognised are containers whose ids are no long hexadecimal numbers (ctr with a name of one's own), LXC
// and systemd-nspawn. Names and images come from the runtimes' sockets: containerd is tested for real; Docker, Podman
// and CRI-O against their documented answers alone.
//
// A systemd service is a workload and its template's arguments are its instances; scopes and sessions are not workloads.
// A process is called what the kernel calls it, or by the script or module where its interpreter's command line begins
// with one (python, node, ruby, perl, php; java with -jar). Instances are what the environment says, or the container's
// short id, or the host, or for processes host/number.
//
// Two processes with one number are told apart by when they began, in hundredths of a second. A group or namespace that
// has gone can be named for a minute.
package local
