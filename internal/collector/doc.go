// SPDX-License-Identifier: Apache-2.0

// Package collector is the collector: an OpenTelemetry Collector with the components that Aeolus needs, run as a library.
//
// The table in components.go is the distribution: `aeolus collector components` prints it, and a test holds it equal to
// the manifest that others build their own collector from. A collector can run beside other roles in one process: it
// handles no signals, never exits, and sets no global logger or OpenTelemetry provider. Two things are the process' own by
// their nature: where errors inside OpenTelemetry's SDK are logged, and the switch that allows remote write 2.0.
package collector
