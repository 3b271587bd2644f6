// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/controllertest"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/reduce"
)

// observer makes rows of what a made-up world does, as a controller would.
type observer struct {
	oracle
	graph   *graph.Graph
	reducer *reduce.Reducer
	now     time.Time
}

func newObserver() *observer {
	o := &observer{graph: graph.New(graph.Config{}, nil)}
	o.reducer = reduce.New(o.graph, loss.NewLedger().Stage("test"), reduce.Config{Run: "made", Changed: o.changed})
	return o
}

func (o *observer) ApplyBatch(batch *model.Batch) { o.reducer.Apply(batch, o.now) }

func (o *observer) ApplyEvents(events []model.Event) {
	for i := range events {
		e := &events[i]
		at := o.reducer.Locate(e, o.now)
		row := Event{
			ID: e.ID, Time: e.Time, Kind: e.Kind, Client: e.Local, Server: e.Remote, Reporter: "client", Node: e.Node,
			PID: e.Endpoint.PID, Process: e.Endpoint.Process, Latency: 900 * time.Microsecond,
		}
		if at.Edge != nil {
			row.Edge, row.ClientWorkload, row.ServerWorkload = at.Edge.ID, workloadOf(at.Edge.Client), workloadOf(at.Edge.Server)
		}
		o.events = append(o.events, row)
	}
}

func workloadOf(n *graph.Node) Workload {
	return Workload{ID: n.ID, Namespace: n.Namespace, Name: n.Name, Kind: n.Kind, External: n.External}
}

func (o *observer) changed(c *graph.Connection) {
	if c.State != model.PhaseClosed {
		return
	}
	o.flows = append(o.flows, Flow{
		Connection: c.ID, Edge: c.Edge.ID, From: c.Opened, To: c.Closed, Client: workloadOf(c.Edge.Client), Server: workloadOf(c.Edge.Server),
		ClientSide: c.Client, ServerSide: c.Server, State: c.State, Failure: c.Failure, Opened: c.Opened, Closed: c.Closed,
		Sent: c.Sent, Received: c.Received, Segments: c.Segments, Retransmits: c.Retransmits,
		SmoothedRTT: c.SmoothedRTT, MinRTT: c.MinRTT, Handshake: c.Handshake,
	})
}

// watch runs a world for some seconds.
func (o *observer) watch(world *controllertest.World, from time.Time, seconds int) {
	for i := range seconds {
		o.now = from.Add(time.Duration(i) * time.Second)
		world.Step(o, o.now)
		o.reducer.Settle(o.now)
		if i%10 != 9 {
			continue
		}
		for _, edge := range o.graph.Edges() {
			bucket := edge.TakeFresh()
			if bucket.IsZero() {
				continue
			}
			o.edges = append(o.edges, Edge{
				ID: edge.ID, From: o.now.Add(-9 * time.Second), Length: 10 * time.Second, Client: workloadOf(edge.Client),
				Server: workloadOf(edge.Server), Ports: append([]uint16(nil), edge.Ports...), ByClient: edge.ClientReports,
				ByServer: edge.ServerReports, Bucket: bucket,
			})
		}
	}
	for _, node := range o.graph.Nodes() {
		for _, instance := range node.Instances {
			o.instances = append(o.instances, Instance{From: from, Length: time.Minute, Workload: workloadOf(node), Instance: *instance})
		}
	}
}

// crowd is a minute of a world with several hundred edges, and some of them fail.
var crowd = sync.OnceValue(func() *observer {
	world := controllertest.NewCrowd(1, 150)
	o := newObserver()
	o.watch(world, begin, 60)
	return o
})

// laterEdges gives rows as they would be some time later, with other counters.
func laterEdges(rows []Edge, by time.Duration, random *rand.Rand) []Edge {
	moved := append([]Edge(nil), rows...)
	for i := range moved {
		e := &moved[i]
		e.From = e.From.Add(by)
		scale := 0.5 + random.Float64()
		e.Sent, e.Received = uint64(float64(e.Sent)*scale), uint64(float64(e.Received)*scale)
		e.Segments, e.SentSegments = uint64(float64(e.Segments)*scale), uint64(float64(e.SentSegments)*scale)
		e.Opens, e.Established, e.Closes = uint32(float64(e.Opens)*scale), uint32(float64(e.Established)*scale), uint32(float64(e.Closes)*scale)
		e.RTTSum *= scale
		e.RTTWeight *= scale
	}
	return moved
}

// processor is the time that the process has had of the processors: other than the clock's, it does not depend on who
// else is busy.
func processor() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func perRow(b *testing.B, begun time.Duration, rows int) {
	b.ReportMetric(float64((processor()-begun).Nanoseconds())/float64(rows), "cpu-ns/row")
}
