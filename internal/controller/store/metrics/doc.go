// SPDX-License-Identifier: Apache-2.0

// Package metrics keeps metrics, and answers questions about them: Prometheus' storage, query language, HTTP API and
// receivers, behind the one wrapper in the project. What is received is bounded before it is decoded, and accounted for
// by tenant and by cause.
//
// A store keeps what it gets in a directory: one of its own if none is named, which is removed when the store is closed.
// Or it keeps nothing, and asks another server that speaks Prometheus' HTTP API.
package metrics
