// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Config bounds a graph. The zero value of a field stands for its default.
type Config struct {
	// MaxNodes and MaxEdges: what is beyond them is counted in "other". At most half of the nodes are addresses.
	MaxNodes, MaxEdges int
	// History is how far back the seconds are kept, as long as MaxBuckets allows it.
	History    time.Duration
	MaxBuckets int
	// MaxOpen and MaxClosed bound the connections that can be listed.
	MaxOpen, MaxClosed int
	// Added is told of everything that is added to an edge; it may be nil. The delta is good until it
	// returns.
	Added func(*Edge, *Delta)
	// WithoutSeconds keeps no history second by second: for who counts for himself what Added tells.
	WithoutSeconds bool
}

func (c Config) withDefaults() Config {
	orDefault := func(value *int, otherwise int) {
		if *value <= 0 {
			*value = otherwise
		}
	}
	orDefault(&c.MaxNodes, 5000)
	orDefault(&c.MaxEdges, 20000)
	orDefault(&c.MaxBuckets, 1_000_000)
	orDefault(&c.MaxOpen, 65536)
	orDefault(&c.MaxClosed, 16384)
	if c.History <= 0 {
		c.History = 10 * time.Minute
	}
	return c
}

type edgeKey struct {
	client, server *Node
	own            bool
}

type nodeKey struct {
	external        bool
	namespace, name string
}

// Graph is the whole: nodes, edges and connections.
type Graph struct {
	Connections *Table

	config   Config
	nodes    map[nodeKey]*Node
	byID     map[string]*Node
	edges    map[edgeKey]*Edge
	edgeByID map[string]*Edge
	external int
	buckets  int
	changes  uint64
	// The first second that has not been taken yet, see Take; and the first that has not been forgotten.
	taken, oldest int64
	told          Delta
	onNew         func(*Edge)
}

// New makes an empty graph. onNew is told of every edge when it is first seen; it may be nil.
func New(config Config, onNew func(*Edge)) *Graph {
	config = config.withDefaults()
	return &Graph{
		Connections: newTable(config.MaxOpen, config.MaxClosed),
		config:      config,
		nodes:       map[nodeKey]*Node{},
		byID:        map[string]*Node{},
		edges:       map[edgeKey]*Edge{},
		edgeByID:    map[string]*Edge{},
		onNew:       onNew,
	}
}

// History is how far back the graph can be asked.
func (g *Graph) History() time.Duration { return g.config.History }

// Oldest is the first second that has not been forgotten; 0 while none has.
func (g *Graph) Oldest() int64 { return g.oldest }

// Changes grows whenever something in the graph changes.
func (g *Graph) Changes() uint64 { return g.changes }

// Nodes gives every node by its id. It is the graph's own map: read it only.
func (g *Graph) Nodes() map[string]*Node { return g.byID }

// Edges gives every edge by its id. It is the graph's own map: read it only.
func (g *Graph) Edges() map[string]*Edge { return g.edgeByID }

// Workload gives the node of an endpoint, and notes the instance and, where it is valid, the address.
func (g *Graph) Workload(endpoint *model.Endpoint, address netip.Addr, at time.Time) *Node {
	name := endpoint.Workload
	if name == "" {
		name = endpoint.Process
	}
	if name == "" {
		name = "unknown"
	}
	node := g.node(nodeKey{namespace: endpoint.Namespace, name: name}, endpoint.Kind, at)
	if !node.Other {
		node.observe(endpoint, at)
		node.setAddress(endpoint, address)
	}
	return node
}

// Address gives the node of an address that no agent reports from.
func (g *Graph) Address(address netip.Addr, at time.Time) *Node {
	return g.node(nodeKey{external: true, name: address.String()}, model.KindAddress, at)
}

func (g *Graph) node(key nodeKey, kind model.WorkloadKind, at time.Time) *Node {
	if node, ok := g.nodes[key]; ok {
		if at.After(node.LastSeen) {
			node.LastSeen = at
		}
		return node
	}
	if len(g.nodes) >= g.config.MaxNodes || (key.external && g.external >= g.config.MaxNodes/2) {
		return g.other(key.external, at)
	}
	return g.addNode(key, kind, at)
}

func (g *Graph) other(external bool, at time.Time) *Node {
	// A name that no workload can have, because their namespaces do not hold a zero byte.
	key := nodeKey{external: external, namespace: "\x00", name: "other"}
	if node, ok := g.nodes[key]; ok {
		return node
	}
	node := g.addNode(key, "group", at)
	node.Namespace, node.Other = "", true
	return node
}

func (g *Graph) addNode(key nodeKey, kind model.WorkloadKind, at time.Time) *Node {
	class := "workload"
	if key.external {
		class = "address"
		g.external++
	}
	node := &Node{
		ID: Identify(class, key.namespace, key.name), Name: key.name, Namespace: key.namespace, Kind: kind,
		External: key.external, FirstSeen: at, LastSeen: at, key: key,
		Instances: map[string]*Instance{}, Evidence: map[string]string{},
		out: map[*Edge]struct{}{}, in: map[*Edge]struct{}{},
	}
	g.nodes[key] = node
	g.byID[node.ID] = node
	g.changes++
	return node
}

// revive gives the node that stands for one that may have been forgotten since somebody noted it.
func (g *Graph) revive(node *Node) *Node {
	if current, ok := g.nodes[node.key]; ok {
		return current
	}
	if node.External {
		g.external++
	}
	g.nodes[node.key], g.byID[node.ID] = node, node
	return node
}

// Edge gives the edge between two nodes, made if it is new. Aeolus' own traffic has edges of its own.
func (g *Graph) Edge(client, server *Node, own bool, at time.Time) *Edge {
	key := edgeKey{client, server, own}
	if edge, ok := g.edges[key]; ok {
		return edge
	}
	key.client, key.server = g.revive(client), g.revive(server)
	if edge, ok := g.edges[key]; ok {
		return edge
	}
	if len(g.edges) >= g.config.MaxEdges {
		key = edgeKey{g.other(false, at), g.other(false, at), own}
		if edge, ok := g.edges[key]; ok {
			return edge
		}
	}
	class := "edge"
	if own {
		class = "own"
	}
	edge := &Edge{
		ID: Identify(class, key.client.ID, key.server.ID), Client: key.client, Server: key.server, Own: key.own,
		FirstSeen: at, LastSeen: at,
	}
	g.edges[key] = edge
	g.edgeByID[edge.ID] = edge
	key.client.out[edge] = struct{}{}
	key.server.in[edge] = struct{}{}
	g.changes++
	if g.onNew != nil {
		g.onNew(edge)
	}
	return edge
}

// Delta is something to add to an edge.
type Delta struct {
	Bucket
	// OpenBy is by how much the number of open connections changes.
	OpenBy int64
	Port   uint16
	// Which sides reported it.
	ByClient, ByServer bool

	roundTrips [2]time.Duration
	readings   int
}

// AddRoundTrip adds a reading of one side's round trips, which stands for so many segments.
func (d *Delta) AddRoundTrip(smoothed, lowest time.Duration, segments uint64) {
	d.Bucket.AddRoundTrip(smoothed, lowest, segments)
	if smoothed > 0 && d.readings < len(d.roundTrips) {
		d.roundTrips[d.readings] = smoothed
		d.readings++
	}
}

// RoundTrips gives the readings one by one: at most one of each side.
func (d *Delta) RoundTrips() []time.Duration { return d.roundTrips[:d.readings] }

// Add adds to an edge what happened at a time.
func (g *Graph) Add(edge *Edge, at time.Time, delta *Delta) {
	if g.config.Added != nil {
		// A copy, so that the caller's need not be on the heap.
		g.told = *delta
		g.config.Added(edge, &g.told)
	}
	if !g.config.WithoutSeconds {
		g.addSecond(edge, at.Unix(), delta)
	}
	edge.Open += delta.OpenBy
	if at.After(edge.LastSeen) {
		edge.LastSeen = at
	}
	if at.Before(edge.FirstSeen) {
		edge.FirstSeen = at
	}
	edge.AddPort(delta.Port)
	edge.ClientReports = edge.ClientReports || delta.ByClient
	edge.ServerReports = edge.ServerReports || delta.ByServer
	g.changes++
}

func (g *Graph) addSecond(edge *Edge, second int64, delta *Delta) {
	bucket, made := edge.ring.at(second)
	if made {
		g.buckets++
	}
	bucket.Add(&delta.Bucket)
	edge.fresh.Add(&delta.Bucket)
	if second < g.taken {
		edge.late.Add(&delta.Bucket)
	}
	bucket.Open = int32(edge.Open + delta.OpenBy)
}
