// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const (
	madeWorkloads = 320
	madeNodes     = 8
)

// made is a crowd of made-up workloads on several nodes, with connections that stay and connections that are short.
type made struct {
	random   *rand.Rand
	ends     []madeEnd
	calls    []madeCall
	streams  []madeStream
	cookie   uint64
	port     uint16
	interval time.Duration
}

type madeEnd struct {
	node     int
	address  netip.Addr
	endpoint *model.Endpoint
}

// madeCall is an edge: one workload that calls another, always in new connections or never.
type madeCall struct{ client, server int }

type madeStream struct {
	call   madeCall
	cookie uint64
	port   uint16
}

func madeNode(i int) string { return fmt.Sprintf("bench-%d", i) }

// newMade makes the crowd; streams is how many connections stay.
func newMade(streams int) *made {
	m := &made{random: rand.New(rand.NewPCG(3, 1)), port: 20000, interval: time.Second}
	spaces := []string{"orders", "search", "media", "billing", "identity", "platform"}
	for i := range madeWorkloads {
		node := i % madeNodes
		name := fmt.Sprintf("%s-%03d", spaces[i%len(spaces)], i)
		m.ends = append(m.ends, madeEnd{node: node, address: netip.AddrFrom4([4]byte{10, 77, byte(i >> 8), byte(i)}), endpoint: &model.Endpoint{
			Workload: name, Namespace: spaces[i%len(spaces)], Kind: model.KindContainer, Instance: name + "-1", Version: "v1",
			Zone: "zone-a", Node: madeNode(node), PID: uint32(1000 + i), Process: name, NetNS: uint32(10 + i), NetNSName: name,
			Container: model.Container{ID: fmt.Sprintf("%064x", i), Name: name, Image: name + ":v1", Runtime: "containerd"},
			Evidence:  map[string]model.Evidence{"workload": model.EvidenceRuntime, "process": model.EvidenceProc},
		}})
	}
	for client := range madeWorkloads {
		for range 1 + m.random.IntN(4) {
			if server := m.random.IntN(madeWorkloads); server != client {
				m.calls = append(m.calls, madeCall{client, server})
			}
		}
	}
	for i := range streams {
		m.streams = append(m.streams, madeStream{call: m.calls[2*(i%(len(m.calls)/2))], cookie: m.next(), port: m.nextPort()})
	}
	return m
}

func (m *made) next() uint64 { m.cookie += 2; return m.cookie }

func (m *made) nextPort() uint16 {
	if m.port++; m.port < 20000 {
		m.port = 20000
	}
	return m.port
}

// second gives what each node's agent reports of one second.
func (m *made) second(taken time.Time, brief int) []*model.Batch {
	batches := make([]*model.Batch, madeNodes)
	for node := range batches {
		batches[node] = &model.Batch{Node: madeNode(node), AgentID: fmt.Sprintf("%016x", node+1), Taken: taken, Interval: m.interval}
	}
	for _, end := range m.ends {
		b := batches[end.node]
		b.Listeners = append(b.Listeners, model.BoundListener{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), 8080), Endpoint: end.endpoint})
		b.Addresses = append(b.Addresses, model.AddressOwner{Address: end.address, NetNS: end.endpoint.NetNS, Endpoint: end.endpoint})
	}
	for _, s := range m.streams {
		m.report(batches, s, taken.Add(-time.Hour), time.Time{})
	}
	for range brief {
		call := m.calls[1+2*m.random.IntN(len(m.calls)/2)]
		start := taken.Add(-time.Duration(50+m.random.IntN(900)) * time.Millisecond)
		m.report(batches, madeStream{call, m.next(), m.nextPort()}, start, start.Add(time.Duration(1+m.random.IntN(30))*time.Millisecond))
	}
	return batches
}

// report adds both rows of a connection; one that ends was opened in the same second.
func (m *made) report(batches []*model.Batch, s madeStream, start, end time.Time) {
	from, to := m.ends[s.call.client], m.ends[s.call.server]
	requests := uint64(1)
	if end.IsZero() {
		requests += m.random.Uint64N(20)
	}
	client := model.Flow{
		Cookie: s.cookie, Endpoint: from.endpoint, Local: netip.AddrPortFrom(from.address, s.port),
		Remote: netip.AddrPortFrom(to.address, 8080), Role: model.RoleClient, Start: start, End: end,
		Opened: !end.IsZero(), Established: !end.IsZero(), Closed: !end.IsZero(),
		SmoothedRTT: time.Duration(60+m.random.IntN(60)) * time.Microsecond, MinRTT: 25 * time.Microsecond,
		Delta: model.Counters{
			SentBytes: 320 * requests, ReceivedBytes: 1900 * requests, SentSegments: 2*requests + 1, ReceivedSegments: 2*requests + 1,
		},
	}
	server := client
	server.Cookie, server.Endpoint, server.Role, server.Opened = s.cookie+1, to.endpoint, model.RoleServer, false
	server.Local, server.Remote = client.Remote, client.Local
	server.Delta.SentBytes, server.Delta.ReceivedBytes = client.Delta.ReceivedBytes, client.Delta.SentBytes
	if client.Opened {
		client.Handshake = 45 * time.Microsecond
	}
	batches[from.node].Flows = append(batches[from.node].Flows, client)
	batches[to.node].Flows = append(batches[to.node].Flows, server)
}

// represented is how many events of the kernel a row stands for: each change of the connection's state, and one reading of
// its counters.
func represented(f *model.Flow) int {
	n := 1
	for _, happened := range [...]bool{f.Opened, f.Established, f.Closed} {
		if happened {
			n++
		}
	}
	return n
}
