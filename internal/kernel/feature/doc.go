// SPDX-License-Identifier: Apache-2.0

// Package feature finds out what this kernel lets us do, by doing it.
//
// Neither a version nor a configuration option is believed: kernels are patched, options are compiled in and then
// denied by a policy, and the same release differs between distributions. Each feature is tried with a program of a few
// instructions that is loaded, attached for a moment where attaching is the point, and closed again.
//
// A verdict has three values. "Unknown" is for trials that say nothing about the kernel: we were not allowed to try, a
// file system that the trial needs is not mounted, memory ran out. Only yes and no are remembered.
package feature
