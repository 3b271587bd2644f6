// SPDX-License-Identifier: Apache-2.0

// Package reconcile brings what runs on a node to what is assigned: it carries out the steps of assign.Table, and knows
// at any time what became of each assignment.
package reconcile
