// SPDX-License-Identifier: Apache-2.0

// Package run is where probes are loaded, attached and fed: on the kernel at hand by go test, and on those of kernels.yaml,
// two directories up, as the same binary inside guests. Hence it needs nothing but itself and files of the repository.
package run
