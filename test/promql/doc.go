// SPDX-License-Identifier: Apache-2.0

// Package promql asks the controller and a real Prometheus the same questions of the same data, and holds the answers
// to be the same: testdata/promql.txt has at least one query for every function, aggregation and keyword of the language.
package promql
