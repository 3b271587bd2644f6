// SPDX-License-Identifier: Apache-2.0

// Package probe is where probes are compiled for, and run on, kernels other than the one at hand.
//
// The documents in testdata/probes ask each kind of hook for something that the kernel counts itself, and those in
// examples/probes are what people begin with. Each is compiled against the types of every kernel of kernels.yaml, one
// directory up, with the features that the kernel was found to have; what comes out, or why nothing does, is a golden
// file for each kernel, rewritten by
//
//	go test ./test/kernel/probe -run TestGolden -update
//
// Then package run loads and attaches each, on the kernel at hand and in guests (go test ./test/kernel), and feeds it real
// connections; what it counted is compared with the kernel's own counters. What runs where is a checked-in table,
// run/expected.yaml.
package probe
