// SPDX-License-Identifier: Apache-2.0

// Package local tells what the kernel's owners of sockets are, from what this host alone knows: control groups of both
// versions, processes, network namespaces, container runtimes and systemd units.
//
// A Resolver turns a model.Owner into a model.Endpoint. The workload that it names is, in this order: the service name
// in the process's conventional environment (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES); the container; the systemd
// service; the named network namespace; the process. Processes that the same container, unit or namespace holds share
// their workload, so that one which had exited before anyone could look at it is named by its fellows.
package local
