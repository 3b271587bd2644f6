// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"maps"
	"slices"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// mostInstances is how many instances of a workload are sent.
const mostInstances = 64

// emit turns what was chosen into the message.
func (d *drawing) emit(out *queryv1.Graph) {
	drawn := map[string]*queryv1.Node{}
	place := map[*graph.Node]string{}
	for n := range d.nodes {
		node := d.node(n)
		if existing, ok := drawn[node.Id]; ok {
			existing.Members += node.Members
			existing.Own = existing.Own && node.Own
		} else {
			drawn[node.Id] = node
		}
		place[n] = node.Id
	}
	d.emitEdges(out, drawn, place)
	for _, node := range drawn {
		out.Nodes = append(out.Nodes, node)
	}
	slices.SortFunc(out.Nodes, func(a, b *queryv1.Node) int { return cmp.Compare(a.Id, b.Id) })
}

// bundle is the edges that are drawn as one.
type bundle struct {
	message *queryv1.Edge
	sum     graph.Bucket
	seconds int64
	open    int64
	client  bool
}

func (d *drawing) emitEdges(out *queryv1.Graph, drawn map[string]*queryv1.Node, place map[*graph.Node]string) {
	bundles := map[[2]string]*bundle{}
	slices.SortFunc(d.edges, func(a, b *graph.Edge) int { return cmp.Compare(a.ID, b.ID) })
	for _, e := range d.edges {
		message := d.edge(e)
		from, to := place[e.Client], place[e.Server]
		raise(drawn[from], message.Health, false)
		raise(drawn[to], message.Health, true)
		if from == e.Client.ID && to == e.Server.ID {
			out.Edges = append(out.Edges, message)
			continue
		}
		d.bundle(bundles, message, e, drawn[from], drawn[to])
	}
	for _, b := range bundles {
		b.message.Figures = figuresOf(&b.sum, float64(max(b.seconds, 1)), b.client)
		open := uint64(max(b.open, 0))
		b.message.Figures.OpenConnections = &open
		out.Edges = append(out.Edges, b.message)
	}
	slices.SortFunc(out.Edges, byWeight)
}

func (d *drawing) bundle(bundles map[[2]string]*bundle, message *queryv1.Edge, e *graph.Edge, from, to *queryv1.Node) {
	key := [2]string{from.Id, to.Id}
	b := bundles[key]
	if b == nil {
		b = &bundle{message: message}
		b.message.Id = graph.Identify("bundle", from.Id, to.Id)
		b.message.Client, b.message.Server = from.Id, to.Id
		b.message.ClientName, b.message.ServerName = from.Name, to.Name
		bundles[key] = b
	} else {
		merge(b.message, message)
	}
	sum, seconds := d.over(e)
	b.sum.Add(&sum)
	b.seconds = max(b.seconds, seconds)
	open, _ := e.OpenAt(d.end)
	b.open += open
	b.client = b.client || e.ClientReports
}

// merge adds an edge to a bundle's message.
func merge(into, e *queryv1.Edge) {
	if e.Health > into.Health || into.Summary == "" {
		into.Summary = e.Summary
	}
	into.Health = max(into.Health, e.Health)
	into.AnomalyIds = append(into.AnomalyIds, e.AnomalyIds...)
	if e.Reporter != into.Reporter {
		into.Reporter = "both"
	}
	into.Own = into.Own && e.Own
	if e.FirstSeen.AsTime().Before(into.FirstSeen.AsTime()) {
		into.FirstSeen = e.FirstSeen
	}
	if e.LastSeen.AsTime().After(into.LastSeen.AsTime()) {
		into.LastSeen = e.LastSeen
	}
	into.Ports = append(into.Ports, e.Ports...)
	slices.Sort(into.Ports)
	into.Ports = slices.Compact(into.Ports)
	into.Ports = into.Ports[:min(len(into.Ports), 8)]
}

// raise makes a node as ill as an edge at it: the server of a failing edge is what fails, its client suffers.
func raise(n *queryv1.Node, health queryv1.Health, server bool) {
	if health == queryv1.Health_HEALTH_QUIET {
		return
	}
	if !server && health == queryv1.Health_HEALTH_FAILING {
		health = queryv1.Health_HEALTH_DEGRADED
	}
	if n.Health == queryv1.Health_HEALTH_QUIET || health > n.Health {
		n.Health = health
	}
}

func (d *drawing) edge(e *graph.Edge) *queryv1.Edge {
	sum, known := d.over(e)
	f := figures(e, d.end, &sum, known)
	message := &queryv1.Edge{
		Id: e.ID, Client: e.Client.ID, Server: e.Server.ID, ClientName: e.Client.Name, ServerName: e.Server.Name,
		Reporter: e.Reporter(), Figures: f, FirstSeen: stamp(e.FirstSeen), LastSeen: stamp(e.LastSeen), Own: e.Own,
	}
	for _, port := range e.Ports {
		message.Ports = append(message.Ports, uint32(port))
	}
	if d.live {
		message.Health = edgeHealth(d.view, e, f)
		worst := d.view.OnEdge(e.ID)
		message.Summary, message.AnomalyIds = summarise(worst)
		return message
	}
	past := d.past[e.ID]
	message.Summary, message.AnomalyIds = summarise(past)
	message.Health = pastHealth(past, f)
	return message
}

// lookBack finds the anomalies that there were at the time that is looked at, by edge.
func (d *drawing) lookBack() {
	d.past = map[string]map[string]*engine.Anomaly{}
	if d.live {
		return
	}
	from := d.at
	if d.recalled != nil && d.window > maxWindow {
		// Who looks at hours at once wants to know what was wrong within them.
		from = d.from()
	}
	note := func(a *engine.Anomaly) bool {
		if a.Opened.After(d.at) || (!a.Closed.IsZero() && !a.Closed.After(from)) {
			return true
		}
		if d.past[a.Edge] == nil {
			d.past[a.Edge] = map[string]*engine.Anomaly{}
		}
		d.past[a.Edge][a.ID] = a
		return true
	}
	for _, a := range d.kept {
		note(a)
	}
	for _, a := range d.view.Open() {
		note(a)
	}
	d.view.Ended(note)
}

// summarise gives the sentence of the worst anomaly, and the ids of all, worst first.
func summarise(anomalies map[string]*engine.Anomaly) (string, []string) {
	list := make([]*engine.Anomaly, 0, len(anomalies))
	for _, a := range anomalies {
		list = append(list, a)
	}
	if len(list) == 0 {
		return "", nil
	}
	slices.SortFunc(list, worstFirst)
	ids := make([]string, 0, len(list))
	for _, a := range list {
		ids = append(ids, a.ID)
	}
	return list[0].Summary, ids
}

func worstFirst(a, b *engine.Anomaly) int {
	return cmp.Or(
		order2(a.Closed.IsZero(), b.Closed.IsZero()), cmp.Compare(b.Severity, a.Severity), b.Opened.Compare(a.Opened),
		cmp.Compare(a.ID, b.ID))
}

// order2 puts what is set first.
func order2(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func (d *drawing) node(n *graph.Node) *queryv1.Node {
	health := queryv1.Health_HEALTH_OK
	if d.live && d.view.Now.Sub(n.LastSeen) > quietAfter {
		health = queryv1.Health_HEALTH_QUIET
	}
	if group := d.group(n); group != "" {
		return &queryv1.Node{
			Id: graph.Identify("group", d.request.GetGroupBy(), group), Name: group, Kind: "group", Members: 1,
			Own: n.Own, Health: health,
		}
	}
	return nodeMessage(n, health)
}

func nodeMessage(n *graph.Node, health queryv1.Health) *queryv1.Node {
	message := &queryv1.Node{
		Id: n.ID, Name: n.Name, Namespace: n.Namespace, Kind: string(n.Kind), External: n.External, Own: n.Own,
		Evidence: maps.Clone(n.Evidence), Health: health,
	}
	if n.External && !n.Other {
		message.Kind = string(model.KindAddress)
	}
	versions, zones, nodes := map[string]struct{}{}, map[string]struct{}{}, map[string]struct{}{}
	for _, i := range n.Instances {
		note(versions, i.Version)
		note(zones, i.Zone)
		note(nodes, i.Node)
		message.Instances = append(message.Instances, instance(i))
	}
	message.Versions, message.Zones, message.Nodes = sorted(versions), sorted(zones), sorted(nodes)
	slices.SortFunc(message.Instances, func(a, b *queryv1.Instance) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Node, b.Node))
	})
	message.Instances = message.Instances[:min(len(message.Instances), mostInstances)]
	return message
}

func note(set map[string]struct{}, value string) {
	if value != "" {
		set[value] = struct{}{}
	}
}

func instance(i *graph.Instance) *queryv1.Instance {
	message := &queryv1.Instance{
		Name: i.Name, Version: i.Version, Zone: i.Zone, Node: i.Node, Pid: i.PID, Process: i.Process,
		ContainerId: i.ContainerID, ContainerImage: i.ContainerImage, CgroupPath: i.CgroupPath, LastSeen: stamp(i.LastSeen),
	}
	if i.Address.IsValid() {
		message.Address = i.Address.String()
	}
	return message
}
