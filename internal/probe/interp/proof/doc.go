// SPDX-License-Identifier: Apache-2.0

// Package proof holds the tests that compare what programs do in the kernel with what package interp says that they do, and
// what both make of a text with what cel-go makes of it. Nothing else is in it.
package proof
