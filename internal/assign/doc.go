// SPDX-License-Identifier: Apache-2.0

// Package assign holds what an agent should be running: the assignments as they travel, and the table that turns what is
// desired and what runs into the next steps. The table is a pure state machine: it starts nothing, and is told the time.
package assign
