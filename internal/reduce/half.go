// SPDX-License-Identifier: Apache-2.0

package reduce

import (
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

type halfKey struct {
	node   string
	cookie uint64
}

// half is one side's view of a connection.
type half struct {
	key           halfKey
	agent         string
	who           *graph.Node
	netns         uint32
	role          model.Role
	local, remote netip.AddrPort
	start, end    time.Time
	failure       model.Failure

	opened, established, closed, adopted, own bool
	// certain: the role is known, and not guessed.
	certain bool

	pid     uint32
	process string

	total                        model.Counters
	smoothed, minimum, handshake time.Duration

	joined *joined
	// Place in the order in which halves came.
	older, newer *half
}

// ephemeral is where the ports begin that Linux gives to clients.
const ephemeral = 32768

// clientAddress is the client's end, from whichever side it is seen.
func (h *half) clientAddress() netip.AddrPort {
	if h.role == model.RoleServer {
		return h.remote
	}
	return h.local
}

func (h *half) serverAddress() netip.AddrPort {
	if h.role == model.RoleServer {
		return h.local
	}
	return h.remote
}

// take adds a row's news to the half.
func (h *half) take(flow *model.Flow, who *graph.Node) {
	h.who = who
	h.netns = flow.Endpoint.NetNS
	h.pid, h.process = flow.Endpoint.PID, flow.Endpoint.Process
	h.opened = h.opened || flow.Opened
	h.established = h.established || flow.Established
	h.closed = h.closed || flow.Closed
	h.adopted = h.adopted || flow.Adopted
	h.own = h.own || flow.Own || flow.Endpoint.Own
	if flow.Failure != model.FailureNone {
		h.failure = flow.Failure
	}
	if flow.Closed {
		h.end = flow.End
	}
	h.total = h.total.Add(flow.Delta)
	if flow.SmoothedRTT > 0 {
		h.smoothed = flow.SmoothedRTT
	}
	if flow.MinRTT > 0 {
		h.minimum = flow.MinRTT
	}
	if flow.Handshake > 0 {
		h.handshake = flow.Handshake
	}
}

// live tells whether a connection has been established, as far as this half knows. Segments do not tell: a SYN that is
// never answered is one too.
func (h *half) live() bool {
	return h.established || h.adopted || h.total.SentBytes+h.total.ReceivedBytes > 0
}

// joinKey finds the halves that may belong together: the client's address and port.
type joinKey struct {
	scope  scope
	client netip.AddrPort
}

func (h *half) joinKey() joinKey {
	client := h.clientAddress()
	return joinKey{scopeOf(client.Addr(), h.key.node, h.netns), client}
}

// unmapped strips what says that an IPv4 address was used through an IPv6 socket, and the zone.
func unmapped(a netip.AddrPort) netip.AddrPort {
	if a.Addr().Is4() {
		return a
	}
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
