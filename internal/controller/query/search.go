// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

const (
	defaultHits = 20
	mostHits    = 200
	longestText = 200
)

// hit is a finding with how well it fits: 0 is best.
type hit struct {
	rank    int
	message *queryv1.Hit
}

// Search finds names that begin with, or hold, a text, among what is there now or was within a time that is asked for.
func (s *Service) Search(ctx context.Context, request *queryv1.SearchRequest) (*queryv1.SearchResponse, error) {
	text := strings.ToLower(strings.TrimSpace(request.GetText()))
	if len(text) > longestText {
		return nil, invalid("the text has %d bytes, but may have %d", len(text), longestText)
	}
	response := &queryv1.SearchResponse{}
	if text == "" {
		return response, nil
	}
	hits, err := s.search(ctx, request, text)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.message.Title, b.message.Title),
			cmp.Compare(a.message.Kind, b.message.Kind), cmp.Compare(a.message.Id, b.message.Id))
	})
	for _, h := range hits[:min(len(hits), bounded(request.GetLimit(), defaultHits, mostHits))] {
		response.Hits = append(response.Hits, h.message)
	}
	return response, nil
}

// search finds what there is in the present, or in the past.
func (s *Service) search(ctx context.Context, request *queryv1.SearchRequest, text string) ([]hit, error) {
	var hits []hit
	if request.GetFrom() == nil && request.GetTo() == nil {
		s.config.Engine.Read(func(v engine.View) {
			hits = searchGraph(v.Graph, func(e *graph.Edge) queryv1.Health { return edgeHealth(v, e, nil) }, text)
			for _, a := range v.Open() {
				hits = append(hits, searchAnomaly(a, text)...)
			}
		})
		return hits, nil
	}
	if s.config.Past == nil {
		return nil, nothingKept()
	}
	asked, err := s.asked(request.GetFrom(), request.GetTo())
	if err != nil {
		return nil, err
	}
	past, err := s.recall(ctx, asked.whole(), "")
	if err != nil {
		return nil, err
	}
	kept, err := s.keptAnomalies(ctx, past.asked)
	if err != nil {
		return nil, err
	}
	s.config.Engine.Read(func(v engine.View) {
		d := &drawing{kept: kept, view: v, graph: past.graph, recalled: past, at: asked.to, end: past.asked.to.Unix() - 1, window: asked.length()}
		d.lookBack()
		hits = searchGraph(past.graph, func(e *graph.Edge) queryv1.Health {
			sum, known := d.over(e)
			return pastHealth(d.past[e.ID], figuresOf(&sum, float64(known), e.ClientReports))
		}, text)
		for _, anomalies := range d.past {
			for _, a := range anomalies {
				hits = append(hits, searchAnomaly(a, text)...)
			}
		}
	})
	return hits, nil
}

func searchGraph(g *graph.Graph, judge func(*graph.Edge) queryv1.Health, text string) []hit {
	var hits []hit
	for _, n := range g.Nodes() {
		hits = append(hits, searchNode(judge, n, text)...)
	}
	for _, e := range g.Edges() {
		hits = append(hits, searchEdge(judge(e), e, text)...)
	}
	return hits
}

func searchAnomaly(a *engine.Anomaly, text string) []hit {
	if !contains(a.Summary, text) {
		return nil
	}
	return []hit{{4, &queryv1.Hit{
		Kind: "anomaly", Id: a.ID, Title: a.Summary, Subtitle: string(a.Kind), Health: severityHealth(a.Severity),
	}}}
}

func searchNode(judge func(*graph.Edge) queryv1.Health, n *graph.Node, text string) []hit {
	var hits []hit
	health := nodeHealth(judge, n)
	if rank, ok := fits(n.Name, text); ok {
		kind := "node"
		if n.External {
			kind = "address"
		}
		hits = append(hits, hit{rank, &queryv1.Hit{
			Kind: kind, Id: n.ID, Title: n.Name, Health: health,
			Subtitle: strings.TrimSpace(fmt.Sprintf("%s %s", n.Kind, n.Namespace)),
		}})
	}
	seen := map[string]bool{}
	for _, i := range n.Instances {
		if i.Address.IsValid() {
			hits = append(hits, within(n, "address", i.Address.String(), text, health, seen)...)
		}
		hits = append(hits, within(n, "process", i.Process, text, health, seen)...)
	}
	return hits
}

// within gives a hit for something that belongs to a node; its id is the node's.
func within(n *graph.Node, kind, value, text string, health queryv1.Health, seen map[string]bool) []hit {
	rank, ok := fits(value, text)
	if !ok || value == n.Name || seen[kind+value] {
		return nil
	}
	seen[kind+value] = true
	return []hit{{rank + 3, &queryv1.Hit{Kind: kind, Id: n.ID, Title: value, Subtitle: "of " + n.Name, Health: health}}}
}

func searchEdge(health queryv1.Health, e *graph.Edge, text string) []hit {
	title := e.Client.Name + " → " + e.Server.Name
	plain := strings.ToLower(e.Client.Name + " " + e.Server.Name)
	var hits []hit
	for _, form := range [...]string{plain, strings.ToLower(title), strings.Replace(plain, " ", "->", 1)} {
		if strings.Contains(form, text) {
			hits = append(hits, hit{3, &queryv1.Hit{Kind: "edge", Id: e.ID, Title: title, Subtitle: ports(e), Health: health}})
			break
		}
	}
	for _, port := range e.Ports {
		if strconv.Itoa(int(port)) == strings.TrimPrefix(text, ":") {
			hits = append(hits, hit{1, &queryv1.Hit{
				Kind: "port", Id: e.ID, Title: strconv.Itoa(int(port)), Subtitle: title, Health: health,
			}})
		}
	}
	return hits
}

func ports(e *graph.Edge) string {
	names := make([]string, 0, len(e.Ports))
	for _, port := range e.Ports {
		names = append(names, strconv.Itoa(int(port)))
	}
	if len(names) == 1 {
		return "port " + names[0]
	}
	return "ports " + strings.Join(names, ", ")
}

// fits ranks how well a name fits a text: the same, begins with it, holds it.
func fits(name, text string) (int, bool) {
	lower := strings.ToLower(name)
	switch {
	case lower == text:
		return 0, true
	case strings.HasPrefix(lower, text):
		return 1, true
	case strings.Contains(lower, text):
		return 2, true
	}
	return 0, false
}

func nodeHealth(judge func(*graph.Edge) queryv1.Health, n *graph.Node) queryv1.Health {
	health := queryv1.Health_HEALTH_OK
	for e := range n.In() {
		health = max(health, judge(e))
	}
	for e := range n.Out() {
		health = max(health, min(judge(e), queryv1.Health_HEALTH_DEGRADED))
	}
	return health
}
