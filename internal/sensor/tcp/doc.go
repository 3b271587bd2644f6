// SPDX-License-Identifier: Apache-2.0

// Package tcp is the sensor for TCP connections that end in a socket of this host: opened, failed and why, closed, reset,
// and what they carried. It does no work per packet: the kernel's own counters are read where a connection changes state,
// and once a second for those that moved. README.md has the hooks and what they cost.
package tcp
