// SPDX-License-Identifier: Apache-2.0

// Package reduce joins the two halves of a connection, which both its ends report, and adds what they say to the graph
// once.
//
// Halves are joined by the client's address and port, which survive translation of the server's address. They may come
// from different agents, in any order and at different times: a half waits a bounded time for the other before it
// counts alone. Then its far side is named by the address book: who listens there, who owns the address, who was seen
// there before; or by the address itself.
package reduce
