// SPDX-License-Identifier: Apache-2.0

// Package demo runs a small shop of real services on this machine: a demonstration of what Aeolus shows, and the bed on
// which its tests and benchmarks run.
//
// Each instance is a process of its own, in a network namespace and a control group of its own, on one bridge. No
// namespace has a name and the host's own has no part in it: the namespaces are held by the shop's process, the
// instances die with it, and the bridge, links and packet filter rules vanish with the namespaces. What an abrupt end
// leaves behind are empty control group directories and the state directory, which the next start or Clean removes.
//
// While the shop runs, faults are switched on and off over a unix socket in its state directory. Nothing but the
// standard environment variables of OpenTelemetry (OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES) tells an agent what
// it is looking at.
package demo
