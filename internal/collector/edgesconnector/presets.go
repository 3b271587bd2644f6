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
type obi struct{ *table }

func (o *obi) add(edge *graph.Edge, d *graph.Delta, now time.Time) {
	if d.Sent > 0 || d.Received == 0 {
		g := o.at(obiPlace(edge.Client, edge.Server), now)
		g.numbers[0].add(d.Sent)
		o.mark(g)
	}
	if d.Received > 0 {
		g := o.at(obiPlace(edge.Server, edge.Client), now)
		g.numbers[0].add(d.Received)
		o.mark(g)
	}
	for _, reading := range d.RoundTrips() {
		g := o.at(obiPlace(edge.Client, edge.Server), now)
		g.histograms[0].observe(reading)
		o.mark(g)
	}
}

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
type dolphin struct{ *table }

func (d *dolphin) add(flow *model.Flow, now time.Time) {
	if flow.Delta.IsZero() || flow.Own || flow.Endpoint.Own {
		return
	}
	g := d.at(dolphinPlace(flow), now)
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
