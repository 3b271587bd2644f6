// SPDX-License-Identifier: Apache-2.0

// Package app tests the built binary from outside, as a person runs it: foreign programs make the traffic, and the
// kernel's own counters and those programs' logs say what is true.
package app
