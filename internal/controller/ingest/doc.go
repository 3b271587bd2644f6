// SPDX-License-Identifier: Apache-2.0

// Package ingest takes what agents send: batches of flows and events, over gRPC with mutual TLS. An agent may speak for
// no node but the one in its certificate; a collector passes on what agents of any node have said, and gets no
// assignments. Batches that come twice are dropped, and those that never come are counted.
package ingest
