// SPDX-License-Identifier: Apache-2.0

// Package detect decides when an edge is not as it should be. It is a function of what it is fed: occurrences and
// samples with their times go in, decisions to open, change and close anomalies come out. It reads no clock and starts
// nothing, so that a recorded series can be replayed and gives the same decisions again.
//
// Two kinds of detector work side by side. The event-driven one opens an anomaly the moment a failure arrives, unless it
// is a small share of what the edge does. The statistical ones learn what is usual for an edge, and compare.
package detect
