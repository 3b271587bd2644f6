// SPDX-License-Identifier: Apache-2.0

// Package arbitrary draws well-typed expressions and the memory that they read, so that what two evaluators make of them can
// be compared. The same seed draws the same. It is for tests alone.
package arbitrary
