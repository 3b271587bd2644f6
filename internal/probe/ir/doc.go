// SPDX-License-Identifier: Apache-2.0

// Package ir is what a probe means once every name is resolved: typed expressions and what is done with their values.
//
// It is the contract between the language, which makes it, the generator, which makes programs and maps of it, and the
// interpreter, which is the second opinion on both. It knows no kernel: where a struct's member lies is in it as a
// number, so that the same text gives another value of this package for each kernel.
//
// # What an expression's value is
//
// A scalar (boolean, integer, duration, pointer) is 64 bits, as a register holds it. Loads widen by the sign of what is
// loaded. Arithmetic wraps at 64 bits, signed numbers are two's complement. A wide value (address, text, bytes) is a
// buffer of Type.Bytes bytes; the rest of it is zero.
//
// An evaluation fails where a pointer is null or cannot be read, a divisor is zero, a shift is 64 or more (or negative),
// or a Guard does not hold. A failure ends the run of the whole program without a match; nothing catches it: neither a
// negation nor an "or". Operands are evaluated from left to right; And, Or and Cond evaluate only what they need.
package ir
