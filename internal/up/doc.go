// SPDX-License-Identifier: Apache-2.0

// Package up runs every role in one process: a controller, a collector that passes on to it, an agent that reports to the
// collector, and, if asked for, the demonstration. They speak over loopback, with certificates that exist in memory alone.
// It is the one place that knows all roles.
package up
