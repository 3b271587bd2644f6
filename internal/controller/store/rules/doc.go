// SPDX-License-Identifier: Apache-2.0

// Package rules evaluates Prometheus' alerting and recording rules over the store of metrics, with Prometheus' own code.
// An alert that fires is something that is wrong, as what a detector finds is: it opens an anomaly, on the edge that its
// labels name where they name one, and ends it when it is resolved.
//
// Rules come from files, which are read again when they change, and from what was put by the API. A file that cannot be
// used changes nothing: what it said before goes on, and the problem is told.
package rules
