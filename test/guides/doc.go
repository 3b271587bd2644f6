// SPDX-License-Identifier: Apache-2.0

// Package guides tries the guides in docs/guides as they are written: in a network namespace of their own, so that every
// port that a guide names is free, with the real servers, and nothing replaced. Of a guide's blocks of code
//
//   - one of yaml that begins with "# NAME" is a file of that name,
//   - one of "sh background" is started, and goes on until the guide's end,
//   - one of "sh" must succeed within a minute or so: it is tried again until it does, as a reader would.
package guides
