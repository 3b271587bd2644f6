// SPDX-License-Identifier: Apache-2.0

package netlink

// Rate is what a token bucket lets through a link; what exceeds it waits.
type Rate struct {
	// BytesPerSecond is the sustained rate.
	BytesPerSecond uint64
	// Burst is what may pass at once, in bytes; at least the link's largest packet, or larger packets are dropped.
	Burst uint32
	// Queue is how many bytes may wait; more are dropped.
	Queue uint32
}
