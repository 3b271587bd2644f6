// SPDX-License-Identifier: Apache-2.0

// Package receive takes OTLP over HTTP and gRPC from whoever shows a token: metrics, which go to the store of metrics; log
// records, of which those that are Aeolus' own events or flows go where an agent's would, and the others become events of
// the kind log; and flow batches.
//
// A token says which tenant it is and what it may do, but not on which node it is: what agents report is taken of any
// node, and only from a token with the permission to report.
package receive
