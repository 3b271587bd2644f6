// SPDX-License-Identifier: Apache-2.0

// Package collector is the collector: an OpenTelemetry Collector with the components that Aeolus needs, run as a library.
//
// The table in components.go is the distribution: `aeolus collector components` prints it, and a test holds it equal to
// the manifest that others build their own collector from. Nothing of the process is touched: no signals, no exit, no
// global logger or OpenTelemetry provider, so that a collector can run beside other roles.
package collector
