// SPDX-License-Identifier: Apache-2.0

// Package edgesconnector is the collector's connector aeolus_edges: flow batches and events of agents go in, metrics of
// edges come out.
//
// Both halves of a connection are joined by the reducer that the controller uses too, so that a metric and the map agree.
// The figures of an edge are cumulative. The number of series is bounded; what is beyond the bound is counted in the
// series of an edge called "other", so that the sum over all series is what was counted.
//
// Events are counted by the same component because only the reducer knows whom an event's far address belongs to.
package edgesconnector
