// SPDX-License-Identifier: Apache-2.0

// Package passage tests the way of a report from the agent's exporter through a collector to the controller's ingest: the
// real three, over real connections with real certificates, which are cut and killed. What the agents handed over is what
// the controller applied, row by row.
package passage
