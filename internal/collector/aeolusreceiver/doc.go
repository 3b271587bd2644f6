// SPDX-License-Identifier: Apache-2.0

// Package aeolusreceiver takes what agents report: flow batches by flow/v1 and events by OTLP, over gRPC with mutual TLS.
// An agent may speak for no node but the one in its certificate.
//
// Nothing waits here. A report is handed to the next component at once, and answered when that has answered, so that what
// was not taken is sent again by the agent.
package aeolusreceiver
