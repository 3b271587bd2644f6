// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

func obiFamily() *family {
	var b familyBuilder
	b.number(names.OBIFlowBytes, "", "", true)
	b.histogram(names.OBIRoundTrip)
	return &b.family
}

// obi are the series of the preset obi: one for each direction of an edge. Its names tell edges apart by workload alone,
// so that what A sends to B is one series, whoever of them opened the connection.
type obi struct {
	*table
	// known are the groups of edges that were added to lately.
	known map[*graph.Edge]*directions
}

// directions are the groups of an edge: from client to server, and back once there was something.
type directions struct{ there, back *group }

func newOBI(limit int) *obi {
	return &obi{table: newTable(obiFamily(), limit), known: map[*graph.Edge]*directions{}}
}

func (o *obi) add(edge *graph.Edge, d *graph.Delta, now time.Time) {
	of := o.known[edge]
	if of == nil {
		of = &directions{there: o.at(obiPlace(edge.Client, edge.Server), now)}
		o.known[edge] = of
	}
	of.there.touched = now
	of.there.numbers[0].add(d.Sent)
	for _, reading := range d.RoundTrips() {
		of.there.histograms[0].observe(reading)
	}
	o.mark(of.there)
	if d.Received == 0 {
		return
	}
	if of.back == nil {
		of.back = o.at(obiPlace(edge.Server, edge.Client), now)
	}
	of.back.touched = now
	of.back.numbers[0].add(d.Received)
	o.mark(of.back)
}

// forget drops what was kept at hand, because its group may have ended.
func (o *obi) forget() { clear(o.known) }

// tuple makes one text of several such that different ones stay different.
func tuple(parts ...string) string {
	var key []byte
	for _, part := range parts {
		key = append(strconv.AppendInt(key, int64(len(part)), 10), ':')
		key = append(key, part...)
	}
	return string(key)
}

func obiPlace(from, to *graph.Node) *place {
	p := &place{
		key:   tuple(from.Namespace, from.Name, to.Namespace, to.Name),
		other: tuple("", names.OtherEdge, "", names.OtherEdge),
	}
	p.describe = func(attributes pcommon.Map, beyond bool) {
		fromName, fromNamespace, toName, toNamespace := from.Name, from.Namespace, to.Name, to.Namespace
		if beyond {
			fromName, fromNamespace, toName, toNamespace = names.OtherEdge, "", names.OtherEdge, ""
		}
		attributes.EnsureCapacity(4)
		attributes.PutStr(names.OBISourceName, fromName)
		attributes.PutStr(names.OBISourceNamespace, fromNamespace)
		attributes.PutStr(names.OBIDestName, toName)
		attributes.PutStr(names.OBIDestNamespace, toNamespace)
	}
	return p
}

// The slots of an instance, as the preset dolphin has them.
const (
	slotReceivePackets = iota
	slotReceiveBytes
	slotSendPackets
	slotSendBytes
)

func dolphinFamily() *family {
	var b familyBuilder
	b.number(names.DolphinReceivePkt, "", "", true)
	b.number(names.DolphinReceiveByte, "", "", true)
	b.number(names.DolphinSendPkt, "", "", true)
	b.number(names.DolphinSendByte, "", "", true)
	return &b.family
}

// dolphin are the series of the preset dolphin: what each instance has sent and received, as it counted itself.
type dolphin struct {
	*table
	// known are the groups of the endpoints of a batch.
	known map[dolphinKey]*group
}

type dolphinKey struct {
	endpoint *model.Endpoint
	version4 bool
}

func newDolphin(limit int) *dolphin {
	return &dolphin{table: newTable(dolphinFamily(), limit), known: map[dolphinKey]*group{}}
}

// take adds the rows of a batch.
func (d *dolphin) take(flows []model.Flow, now time.Time) {
	for i := range flows {
		if flow := &flows[i]; flow.Endpoint != nil && !flow.Own && !flow.Endpoint.Own && !flow.Delta.IsZero() {
			d.add(flow, now)
		}
	}
	clear(d.known)
}

func (d *dolphin) add(flow *model.Flow, now time.Time) {
	key := dolphinKey{flow.Endpoint, flow.Remote.Addr().Unmap().Is4()}
	g := d.known[key]
	if g == nil {
		g = d.at(dolphinPlace(flow), now)
		d.known[key] = g
	}
	g.numbers[slotReceivePackets].add(flow.Delta.ReceivedSegments)
	g.numbers[slotReceiveBytes].add(flow.Delta.ReceivedBytes)
	g.numbers[slotSendPackets].add(flow.Delta.SentSegments)
	g.numbers[slotSendBytes].add(flow.Delta.SentBytes)
	d.mark(g)
}

func dolphinPlace(flow *model.Flow) *place {
	family := "ipv6"
	if flow.Remote.Addr().Unmap().Is4() {
		family = "ipv4"
	}
	name := flow.Endpoint.Instance
	if name == "" {
		name = flow.Endpoint.Workload
	}
	pod := flow.Endpoint.Namespace + "/" + name
	p := &place{key: tuple(pod, family), other: tuple("/"+names.OtherEdge, family)}
	p.describe = func(to pcommon.Map, beyond bool) {
		if beyond {
			pod = "/" + names.OtherEdge
		}
		to.PutStr(names.DolphinPod, pod)
		to.PutStr(names.DolphinFamily, family)
	}
	return p
}
