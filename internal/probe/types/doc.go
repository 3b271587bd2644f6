// SPDX-License-Identifier: Apache-2.0

// Package types tells what a kernel's BTF says: structs and their members (through anonymous ones), arguments of tracepoints
// and functions, and enumerators. It reads the BTF itself and decodes what it is asked for alone: a probe names a dozen of a
// hundred thousand types, and the first question should not cost more than the next.
//
// It runs no kernel and asks none but in Load: the BTF of any kernel, of any architecture, can be read from a file.
package types
