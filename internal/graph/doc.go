// SPDX-License-Identifier: Apache-2.0

// Package graph keeps who talks to whom: workloads, the edges between them with their figures second by second, and the
// connections that are open or have ended lately. It has no lock and no clock of its own: whoever owns it calls it from
// one goroutine at a time and says what time it is. Everything in it is bounded; what is beyond a bound is counted in
// an edge called "other", so that totals stay exact.
package graph
