// SPDX-License-Identifier: Apache-2.0

// Package pki makes and checks the certificates that agents and controllers know each other by. An agent's certificate
// is bound to its node: it carries the URI aeolus://node/NAME, and NAME is what the agent may report as.
package pki
