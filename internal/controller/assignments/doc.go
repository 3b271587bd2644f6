// SPDX-License-Identifier: Apache-2.0

// Package assignments holds what each agent should be running, hands it over on the stream that the agent opens, and
// keeps what the agent answers.
package assignments
