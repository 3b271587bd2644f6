// SPDX-License-Identifier: Apache-2.0

// Package passage is what the receiver and the exporter of agents' reports share: how a flow batch looks as a log record,
// messages that nobody decodes on the way, the certificates of both sides, and the way in which the next hop's rejections
// find back to the agent.
package passage
