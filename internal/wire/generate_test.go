// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// generator draws values that the wire can carry without loss.
type generator struct {
	*rand.Rand
	taken time.Time
}

func newGenerator(seed uint64) *generator {
	return &generator{rand.New(rand.NewPCG(seed, 1)), time.Unix(1_790_000_000, 123_456_789)}
}

func (g *generator) word() string {
	const letters = "abcdefghijklmnopqrstuvwxyz-é"
	runes := []rune(letters)
	word := make([]rune, g.IntN(12))
	for i := range word {
		word[i] = runes[g.IntN(len(runes))]
	}
	return string(word)
}

func (g *generator) address() netip.AddrPort {
	if g.IntN(2) == 0 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(g.IntN(4)), 0, byte(g.IntN(50))}), uint16(g.IntN(65_536)))
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(g.IntN(50))}), uint16(g.IntN(65_536)))
}

func (g *generator) endpoint() *model.Endpoint {
	kinds := []model.WorkloadKind{model.KindContainer, model.KindUnit, model.KindNetNS, model.KindProcess, model.KindService, model.KindAddress}
	endpoint := &model.Endpoint{
		Workload: g.word(), Namespace: g.word(), Kind: kinds[g.IntN(len(kinds))], Instance: g.word(), Version: g.word(),
		Zone: g.word(), Node: "node-1", PID: g.Uint32(), Process: g.word(), Executable: g.word(),
		Container: model.Container{ID: g.word(), Name: g.word(), Image: g.word(), Runtime: g.word()},
		Unit:      g.word(), CgroupID: g.Uint64(), CgroupPath: g.word(), NetNS: g.Uint32(), NetNSName: g.word(),
		Own: g.IntN(8) == 0,
	}
	if g.IntN(3) > 0 {
		endpoint.Evidence = map[string]model.Evidence{"workload": model.EvidenceRuntime, "process": model.EvidenceProc}
	}
	return endpoint
}

func (g *generator) counters() model.Counters {
	return model.Counters{
		SentBytes: uint64(g.Int64N(1 << 40)), ReceivedBytes: uint64(g.Int64N(1 << 30)), SentSegments: uint64(g.IntN(1000)),
		ReceivedSegments: uint64(g.IntN(1000)), Retransmits: uint64(g.IntN(3)), ResetsSent: uint32(g.IntN(2)), ResetsReceived: uint32(g.IntN(2)),
	}
}

func (g *generator) micros() time.Duration {
	return time.Duration(g.IntN(1_000_000)) * time.Microsecond
}

func (g *generator) flow(endpoints []*model.Endpoint) model.Flow {
	flow := model.Flow{
		Cookie: 1 + g.Uint64N(1<<40), Endpoint: endpoints[g.IntN(len(endpoints))], Local: g.address(), Remote: g.address(),
		Role: model.Role(g.IntN(3)), Failure: model.Failure(g.IntN(8)), Opened: g.IntN(2) == 0, Established: g.IntN(2) == 0,
		Closed: g.IntN(2) == 0, Adopted: g.IntN(2) == 0, Own: g.IntN(2) == 0,
		Start: g.taken.Add(-time.Duration(g.Int64N(int64(time.Hour)))), Delta: g.counters(),
		SmoothedRTT: g.micros(), MinRTT: g.micros(), Handshake: g.micros(),
	}
	if flow.Closed {
		flow.End = g.taken.Add(-time.Duration(1 + g.Int64N(int64(time.Second))))
	}
	return flow
}

func (g *generator) batch(rows int) *model.Batch { return g.batchOf(rows, 1+rows/10) }

func (g *generator) batchOf(rows, distinct int) *model.Batch {
	endpoints := make([]*model.Endpoint, distinct)
	for i := range endpoints {
		endpoints[i] = g.endpoint()
	}
	batch := &model.Batch{
		Node: "node-1", AgentID: "0123456789abcdef", Sequence: 1 + g.Uint64N(1000), Taken: g.taken, Mono: g.Uint64(),
		Interval: time.Second, Listeners: []model.BoundListener{}, Addresses: []model.AddressOwner{},
		Stages: []model.StageCount{{Stage: "ring", In: 10, Out: 7, Dropped: map[string]uint64{"full": 3}}},
	}
	for range rows {
		batch.Flows = append(batch.Flows, g.flow(endpoints))
	}
	for range rows / 20 {
		batch.Listeners = append(batch.Listeners, model.BoundListener{Local: g.address(), Endpoint: endpoints[g.IntN(len(endpoints))]})
		batch.Addresses = append(batch.Addresses, model.AddressOwner{Address: g.address().Addr(), NetNS: g.Uint32()})
	}
	if len(batch.Addresses) > 0 {
		batch.Addresses[0].Endpoint = endpoints[0]
	}
	return batch
}

func (g *generator) event(n int) model.Event {
	kinds := []model.EventKind{model.EventRefused, model.EventTimedOut, model.EventGivenUp, model.EventUnreachable,
		model.EventNoRoute, model.EventNeverSent, model.EventRetrying, model.EventReset, model.EventNewEdge}
	return model.Event{
		ID: fmt.Sprintf("0123456789abcdef-%d", n), Kind: kinds[g.IntN(len(kinds))], Node: "node-1",
		Time: g.taken.Add(time.Duration(g.IntN(1000))), Received: g.taken.Add(time.Microsecond), Cookie: g.Uint64(),
		Local: g.address(), Remote: g.address(), Role: model.Role(g.IntN(3)), Endpoint: g.endpoint(),
		Errno: uint16(g.IntN(200)), Attempt: uint8(g.IntN(7)), ByPeer: g.IntN(2) == 0, Own: g.IntN(2) == 0,
	}
}
