// SPDX-License-Identifier: Apache-2.0

// Package agent is the agent (AHA): the only privileged part of Aeolus. It runs what it is assigned, keeps the node's
// connections, and reports them, with every loss counted, to a controller or a collector.
package agent
