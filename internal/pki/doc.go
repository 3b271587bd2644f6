// SPDX-License-Identifier: Apache-2.0

// Package pki makes and checks the certificates that agents, collectors and controllers know each other by. An agent's
// certificate is bound to its node: it carries the URI aeolus://node/NAME, and NAME is what the agent may report as. A
// collector's carries aeolus://collector/NAME: it may pass on what the agents of any node have reported.
package pki
