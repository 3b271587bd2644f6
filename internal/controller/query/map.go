// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"context"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

const (
	defaultNodes = 300
	mostNodes    = 2000
	mostFocus    = 64
)

// GetGraph draws the map.
func (s *Service) GetGraph(ctx context.Context, request *queryv1.GetGraphRequest) (*queryv1.Graph, error) {
	if err := s.checkGraphRequest(request); err != nil {
		return nil, err
	}
	var drawn *queryv1.Graph
	var d *drawing
	s.config.Engine.Read(func(v engine.View) {
		d = s.newDrawing(v, request)
		if d.live && d.window <= maxWindow || s.inMemory(v, d.from()) {
			drawn = d.draw()
			drawn.Revision = v.Graph.Changes()
		}
	})
	if drawn != nil {
		return drawn, nil
	}
	to := d.at.Truncate(time.Second)
	past, err := s.recall(ctx, hours{to.Add(-d.window), to}, "")
	if err != nil {
		return nil, err
	}
	kept, err := s.keptAnomalies(ctx, past.asked)
	if err != nil {
		return nil, err
	}
	s.config.Engine.Read(func(v engine.View) {
		d = s.newDrawing(v, request)
		d.kept = kept
		d.end = to.Unix() - 1
		d.recalled, d.graph = past, past.graph
		drawn = d.draw()
		drawn.Revision = v.Graph.Changes()
	})
	return drawn, nil
}

func (s *Service) checkGraphRequest(request *queryv1.GetGraphRequest) error {
	switch request.GetGroupBy() {
	case "", "workload", "namespace", "zone", "version", "node":
	default:
		return invalid("group_by is %q, but must be workload, namespace, zone, version or node", request.GetGroupBy())
	}
	if len(request.GetFocus()) > mostFocus {
		return invalid("focus names %d nodes, but may name %d", len(request.GetFocus()), mostFocus)
	}
	if err := sensible("at", request.GetAt()); err != nil {
		return err
	}
	if request.GetWindow().AsDuration() < 0 {
		return invalid("window is %s, but cannot be negative", request.GetWindow().AsDuration())
	}
	if most := s.longest(); request.GetWindow().AsDuration() > most && s.config.Past != nil {
		return invalid("window is %s, but what is kept reaches back %s", request.GetWindow().AsDuration(), most)
	}
	return nil
}

// drawing is a map in the making.
type drawing struct {
	view    engine.View
	graph   *graph.Graph
	request *queryv1.GetGraphRequest
	at      time.Time
	live    bool
	window  time.Duration
	end     int64

	edges []*graph.Edge
	nodes map[*graph.Node]struct{}
	group func(*graph.Node) string
	past  map[string]map[string]*engine.Anomaly
	// recalled is set where memory does not hold what is drawn.
	recalled *recalled
	// kept are anomalies of then that the engine may have forgotten.
	kept []*engine.Anomaly
}

func (s *Service) newDrawing(v engine.View, request *queryv1.GetGraphRequest) *drawing {
	d := &drawing{view: v, graph: v.Graph, request: request, at: v.Now, live: true, window: defaultWindow}
	if request.GetAt() != nil {
		d.at, d.live = request.GetAt().AsTime(), false
	}
	if given := request.GetWindow().AsDuration(); given > 0 {
		d.window = min(max(given.Truncate(time.Second), time.Second), s.longest())
	}
	d.end = d.at.Unix() - 1
	return d
}

// longest is the longest window that can be asked for.
func (s *Service) longest() time.Duration {
	if s.config.Past == nil {
		return maxWindow
	}
	return s.config.Past.retention()
}

// from is when the window begins.
func (d *drawing) from() time.Time { return d.at.Add(-d.window) }

// over adds up what an edge did in the window, and says how many seconds of it are known.
func (d *drawing) over(e *graph.Edge) (graph.Bucket, int64) {
	if d.recalled == nil {
		return e.Over(d.end, int64(d.window.Seconds()))
	}
	sum, _ := e.Over(d.end, 1)
	return sum, d.recalled.covered()
}

func (d *drawing) draw() *queryv1.Graph {
	d.lookBack()
	d.selectEdges()
	d.focus()
	out := &queryv1.Graph{At: stamp(d.at), Window: durationpb.New(d.window)}
	if d.recalled != nil {
		out.Window = durationpb.New(d.recalled.known.length())
		out.Gaps = gaps(d.recalled.gaps)
	}
	d.chooseGroups(out)
	d.emit(out)
	return out
}

// selectEdges takes what the filter selects, and what was there at the time that is looked at.
func (d *drawing) selectEdges() {
	m := newMatcher(d.request.GetFilter(), d.view)
	if !d.live {
		m.unhealthy = d.wasUnhealthy
	}
	d.nodes = map[*graph.Node]struct{}{}
	for _, e := range d.graph.Edges() {
		if e.FirstSeen.After(d.at) || !m.edge(e) {
			continue
		}
		d.edges = append(d.edges, e)
		d.nodes[e.Client] = struct{}{}
		d.nodes[e.Server] = struct{}{}
	}
	if d.request.GetFilter() != nil {
		return
	}
	for _, n := range d.graph.Nodes() {
		// Workloads that only listen are on the map too.
		if !n.External && !n.Own && !n.FirstSeen.After(d.at) {
			d.nodes[n] = struct{}{}
		}
	}
}

// focus keeps what is within so many hops of the nodes asked for.
func (d *drawing) focus() {
	if len(d.request.GetFocus()) == 0 {
		return
	}
	reached := map[*graph.Node]struct{}{}
	level := []*graph.Node{}
	for _, name := range d.request.GetFocus() {
		for n := range d.nodes {
			if named(n, name) {
				reached[n] = struct{}{}
				level = append(level, n)
			}
		}
	}
	neighbours := map[*graph.Node][]*graph.Node{}
	for _, e := range d.edges {
		neighbours[e.Client] = append(neighbours[e.Client], e.Server)
		neighbours[e.Server] = append(neighbours[e.Server], e.Client)
	}
	hops := int(d.request.GetHops())
	for depth := 0; len(level) > 0 && (hops == 0 || depth < hops); depth++ {
		var next []*graph.Node
		for _, n := range level {
			for _, other := range neighbours[n] {
				if _, ok := reached[other]; !ok {
					reached[other] = struct{}{}
					next = append(next, other)
				}
			}
		}
		level = next
	}
	d.nodes = reached
	d.edges = slices.DeleteFunc(d.edges, func(e *graph.Edge) bool {
		_, client := reached[e.Client]
		_, server := reached[e.Server]
		return !client || !server
	})
}

// WatchGraph sends the map at once, and again whenever it has changed, at most once a second. A client that is slow
// gets the latest map when it can take one: nothing is queued for it.
func (s *Service) WatchGraph(ctx context.Context, request *queryv1.GetGraphRequest, stream *connect.ServerStream[queryv1.Graph]) error {
	if err := s.checkGraphRequest(request); err != nil {
		return err
	}
	// A window of hours changes little within a second, and costs more.
	ticker := time.NewTicker(max(time.Second, request.GetWindow().AsDuration()/360))
	defer ticker.Stop()
	var sent uint64
	var revision uint64
	for {
		drawn, err := s.GetGraph(ctx, request)
		if err != nil {
			return err
		}
		if mark := fingerprint(drawn); mark != sent {
			sent = mark
			revision++
			drawn.Revision = revision
			if err := stream.Send(drawn); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// byWeight puts what is ill first, then what is busy.
func byWeight(a, b *queryv1.Edge) int {
	if c := cmp.Compare(b.Health, a.Health); c != 0 {
		return c
	}
	if c := cmp.Compare(b.Figures.GetSegmentsPerSecond(), a.Figures.GetSegmentsPerSecond()); c != 0 {
		return c
	}
	return cmp.Compare(a.Id, b.Id)
}
