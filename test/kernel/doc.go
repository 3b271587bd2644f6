// SPDX-License-Identifier: Apache-2.0

// Package kernel runs tests on other kernels than the one at hand, from plain go test.
//
// For each kernel in kernels.yaml it fetches Debian's package, through the machine's own apt sources but without
// touching the system's apt, packs the kernel's modules, a small init and the test binaries into an initial RAM file
// system, and boots that under qemu, in software: no privilege is needed. The guest runs the binaries and says how it
// went over its serial console.
//
// What is expected to run, and what may be skipped on which kernel for which reason, is a checked-in table,
// expected.yaml: a test that is skipped without standing there fails, and so does one that stands there and ran. What
// each kernel can do is a checked-in table as well, one file a kernel in testdata, rewritten by
//
//	go test ./test/kernel -run TestKernels -update
//
// What is compiled against a kernel, and needs no boot, takes its type information from BTF and Types.
//
// Kernels are kept in the directory that AEOLUS_CACHE names, or in the user's cache directory.
package kernel
