// SPDX-License-Identifier: Apache-2.0

// Package sensor is where the built-in sensors are tested on every kernel that the project supports: on the one at hand
// by go test, and on those of kernels.yaml, one directory up, as the same binary inside guests. Hence it needs nothing
// but itself: no other programs, no files, no network beyond the loopback interfaces of namespaces that it makes.
//
// The outside truth is what both ends of a connection did, as they know it themselves, and the kernel's own counters.
package sensor
