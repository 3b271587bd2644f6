// SPDX-License-Identifier: Apache-2.0

// Package track keeps the connections of a node. Sensors report snapshots with cumulative counters; the table merges
// them by socket cookie and gives, interval by interval, what has changed since: each opening, establishing, failure and
// end once, and deltas whose sum over a connection is its last reading less what it had counted before it was adopted.
package track
