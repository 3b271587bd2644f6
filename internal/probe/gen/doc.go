// SPDX-License-Identifier: Apache-2.0

// Package gen makes eBPF programs and maps of a resolved probe. It needs neither a compiler nor a kernel, and gives the
// same for the same probe and features, always.
package gen
