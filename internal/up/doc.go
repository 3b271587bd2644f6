// SPDX-License-Identifier: Apache-2.0

// Package up runs every role in one process: a controller, an agent that reports to it over loopback with certificates
// that exist in memory alone, and, if asked for, the demonstration. It is the one place that knows all roles.
package up
