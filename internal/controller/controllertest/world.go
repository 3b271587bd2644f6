// SPDX-License-Identifier: Apache-2.0

package controllertest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Sink takes what agents send.
type Sink interface {
	ApplyBatch(*model.Batch)
	ApplyEvents([]model.Event)
}

// Fault is something that can be wrong with an edge.
type Fault string

// The faults.
const (
	FaultRefuse  Fault = "refuse"
	FaultReset   Fault = "reset"
	FaultDrop    Fault = "drop"
	FaultDelay   Fault = "delay"
	FaultIgnore  Fault = "ignore"
	FaultSilence Fault = "silence"
)

// Faults lists them all.
var faults = []Fault{FaultRefuse, FaultReset, FaultDrop, FaultDelay, FaultIgnore, FaultSilence}

// Faults lists all faults.
func Faults() []Fault { return append([]Fault(nil), faults...) }

// call is an edge of the made-up world.
type call struct {
	client, server *workload
	perSecond      float64
	keepAlive      bool
	external       netip.AddrPort
	open           []*stream
	fault          Fault
}

// stream is a connection that stays open.
type stream struct {
	cookie uint64
	local  netip.AddrPort
	start  time.Time
	fresh  bool
}

type workload struct {
	endpoints []*model.Endpoint
	addresses []netip.Addr
	port      uint16
}

// World is a set of workloads with steady traffic between them, and faults that can be switched.
type World struct {
	mu       sync.Mutex
	node     string
	agent    string
	sequence uint64
	number   uint64
	cookie   uint64
	port     uint16
	random   *rand.Rand
	works    []*workload
	calls    []*call
}

var shopNames = []string{"frontend", "catalogue", "cart", "checkout", "payment", "shipping", "cache", "store"}

// NewShop makes the eight services of a small shop.
func NewShop(seed uint64) *World {
	w := newWorld(seed)
	for i, name := range shopNames {
		w.add(name, "shop", i, 1+i%3)
	}
	link := func(from, to int, rate float64, keepAlive bool) {
		w.calls = append(w.calls, &call{client: w.works[from], server: w.works[to], perSecond: rate, keepAlive: keepAlive})
	}
	link(0, 1, 20, false)
	link(0, 2, 12, true)
	link(0, 3, 8, false)
	link(1, 7, 15, true)
	link(1, 6, 40, true)
	link(2, 6, 12, true)
	link(3, 4, 8, false)
	link(3, 5, 8, false)
	link(4, 7, 8, true)
	link(5, 7, 4, false)
	w.calls = append(w.calls, &call{
		client: w.works[4], external: netip.MustParseAddrPort("203.0.113.7:443"), perSecond: 2,
	})
	return w
}

// NewCrowd makes so many workloads in several namespaces, with one to three calls each.
func NewCrowd(seed uint64, workloads int) *World {
	w := newWorld(seed)
	spaces := []string{"orders", "search", "media", "billing", "identity", "platform"}
	for i := range workloads {
		w.add(fmt.Sprintf("%s-%03d", spaces[i%len(spaces)], i), spaces[i%len(spaces)], i, 1+i%4)
	}
	for i, from := range w.works {
		for range 1 + w.random.IntN(3) {
			to := w.works[w.random.IntN(len(w.works))]
			if to == w.works[i] {
				continue
			}
			w.calls = append(w.calls, &call{
				client: from, server: to, perSecond: 1 + 9*w.random.Float64(), keepAlive: w.random.IntN(2) == 0,
			})
		}
	}
	return w
}

func newWorld(seed uint64) *World {
	return &World{
		node: "made-up", agent: fmt.Sprintf("%016x", seed), port: 32768, random: rand.New(rand.NewPCG(seed, 1)),
	}
}

func (w *World) add(name, namespace string, i, instances int) {
	work := &workload{port: uint16(8000 + i%1000)}
	for n := range instances {
		address := netip.AddrFrom4([4]byte{10, byte(n), byte(i / 250), byte(1 + i%250)})
		version := "v1"
		if n == 2 {
			version = "v2"
		}
		work.addresses = append(work.addresses, address)
		work.endpoints = append(work.endpoints, &model.Endpoint{
			Workload: name, Namespace: namespace, Kind: model.KindContainer, Instance: fmt.Sprintf("%s-%d", name, n+1),
			Version: version, Zone: []string{"zone-a", "zone-b"}[n%2], Node: w.node, PID: uint32(1000 + 10*i + n),
			Process: name, NetNS: uint32(1 + 10*i + n), NetNSName: name,
			Container: model.Container{ID: fmt.Sprintf("%064x", 10*i+n), Name: name, Image: name + ":" + version, Runtime: "containerd"},
			Evidence:  map[string]model.Evidence{"workload": model.EvidenceRuntime, "process": model.EvidenceProc},
		})
	}
	w.works = append(w.works, work)
}

// Switch puts a fault on the edge between two workloads, or ends it with an empty one. It tells whether there is such
// an edge.
func (w *World) Switch(client, server string, fault Fault) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.calls {
		if c.server != nil && c.client.endpoints[0].Workload == client && c.server.endpoints[0].Workload == server {
			c.fault = fault
			return true
		}
	}
	return false
}

// Edges gives the names of both ends of every edge inside the world.
func (w *World) Edges() [][2]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var edges [][2]string
	for _, c := range w.calls {
		if c.server != nil {
			edges = append(edges, [2]string{c.client.endpoints[0].Workload, c.server.endpoints[0].Workload})
		}
	}
	return edges
}
