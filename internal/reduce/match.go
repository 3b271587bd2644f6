// SPDX-License-Identifier: Apache-2.0

package reduce

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const (
	// sameClock is how far two stamps of one kernel may differ, once carried to wall time by different batches.
	sameClock = 5 * time.Millisecond
	// otherClock is the same for two kernels.
	otherClock = time.Second
	// longestHandshake is how long a client's SYN may have been on its way before the server had it.
	longestHandshake = 130 * time.Second
)

// match finds the connection that a half belongs to among those from the same client address and port. Where strict is
// not set, the server's address may have been translated.
func match(first *joined, h *half, strict bool) *joined {
	var best *joined
	var least time.Duration
	for j := first; j != nil; j = j.next {
		other := j.alone()
		if j.gone || other == nil || other == h || other.role == h.role {
			continue
		}
		if strict != (other.serverAddress() == h.serverAddress()) {
			continue
		}
		distance, ok := together(other, h)
		if !ok || (!strict && distance > 2*time.Second && !(other.adopted && h.adopted)) {
			continue
		}
		if best == nil || distance < least {
			best, least = j, distance
		}
	}
	return best
}

// together tells whether two halves can be of one connection by their times, and how far their starts are apart.
func together(a, b *half) (time.Duration, bool) {
	client, server := a, b
	if a.role == model.RoleServer {
		client, server = b, a
	}
	slack := otherClock
	if a.key.node == b.key.node {
		slack = sameClock
	}
	if client.closed && !server.adopted && server.start.After(client.end.Add(slack)) {
		return 0, false
	}
	if server.closed && !client.adopted && client.start.After(server.end.Add(slack)) {
		return 0, false
	}
	distance := server.start.Sub(client.start)
	if !client.adopted && !server.adopted && (distance < -slack || distance > longestHandshake) {
		return 0, false
	}
	return distance.Abs(), true
}
