// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// maxHealth bounds the series about agents. What is beyond it is left out: a sum over these says nothing.
const maxHealth = 20_000

// health are the series about agents and about the connector itself. Their counters are somebody else's.
type health struct {
	stages, dropped       *table
	ownStages, ownDropped *table
	heard                 *table
	edges, limits, build  *table
	agents                map[string]string
}

func newHealth() *health {
	one := func(name string) *table {
		var b familyBuilder
		b.number(name, "", "", true)
		return newTable(&b.family, maxHealth)
	}
	two := func(first, second string) *table {
		var b familyBuilder
		b.number(first, "", "", true)
		b.number(second, "", "", true)
		return newTable(&b.family, maxHealth)
	}
	return &health{
		stages: two(names.AgentIn, names.AgentOut), dropped: one(names.AgentDropped), heard: one(names.AgentHeard),
		ownStages: two(names.CollectorIn, names.CollectorOut), ownDropped: one(names.CollectorDropped),
		edges: one(names.CollectorEdges), limits: one(names.CollectorEdgesLimit), build: one(names.CollectorBuild),
		agents: map[string]string{},
	}
}

func (h *health) tables() []*table {
	return []*table{h.stages, h.dropped, h.heard, h.ownStages, h.ownDropped, h.edges, h.limits, h.build}
}

// put gives the group with these attributes (names and values in turn), or nil where there is no room.
func put(t *table, now time.Time, attributes ...string) *group {
	key := tuple(attributes...)
	if g := t.groups[key]; g != nil {
		g.touched = now
		return g
	}
	if len(t.groups) >= t.max {
		return nil
	}
	return t.at(&place{key: key, describe: func(to pcommon.Map, _ bool) {
		for i := 0; i+1 < len(attributes); i += 2 {
			to.PutStr(attributes[i], attributes[i+1])
		}
	}}, now)
}

// set takes over the counters of a group.
func set(t *table, g *group, values ...uint64) {
	if g == nil {
		return
	}
	for i, value := range values {
		if value < g.numbers[i].value {
			// It has begun again while it was watched, so that its start is known.
			g.late = false
		}
		if g.numbers[i].set(value) {
			t.mark(g)
		}
	}
}

// hear takes what an agent says of itself.
func (h *health) hear(batch *model.Batch, now time.Time) {
	known, watched := h.agents[batch.Node]
	late := !watched
	if watched && known != batch.AgentID {
		h.begin(batch.Node)
	}
	if watched || len(h.agents) < maxHealth {
		h.agents[batch.Node] = batch.AgentID
	}
	if g := put(h.heard, now, names.Node, batch.Node); g != nil {
		set(h.heard, g, uint64(max(batch.Taken.Unix(), 0)))
	}
	for i := range batch.Stages {
		stage := &batch.Stages[i]
		h.take(h.stages, now, late, []string{names.Node, batch.Node, names.Stage, stage.Stage}, stage.In, stage.Out)
		for reason, count := range stage.Dropped {
			h.take(h.dropped, now, late, []string{names.Node, batch.Node, names.Stage, stage.Stage, names.Reason, reason}, count)
		}
	}
}

func (h *health) take(t *table, now time.Time, late bool, attributes []string, values ...uint64) {
	known := len(t.groups)
	g := put(t, now, attributes...)
	if g == nil {
		return
	}
	if len(t.groups) > known {
		g.late = late
		t.mark(g)
	}
	set(t, g, values...)
}

// begin lets the counters of a node's agent start again: another agent counts now.
func (h *health) begin(node string) {
	for _, t := range []*table{h.stages, h.dropped} {
		for _, g := range t.groups {
			if of, _ := g.attributes.Get(names.Node); of.Str() != node {
				continue
			}
			g.late = false
			for i := range g.numbers {
				g.numbers[i] = number{}
			}
		}
	}
}

// own takes over what the connector says of itself.
func (h *health) own(counts []loss.Count, edges, limit int, version string, now time.Time) {
	for _, count := range counts {
		h.take(h.ownStages, now, false, []string{names.Stage, count.Stage}, count.In, count.Out)
		for reason, n := range count.Dropped {
			h.take(h.ownDropped, now, false, []string{names.Stage, count.Stage, names.Reason, reason}, n)
		}
	}
	h.take(h.edges, now, false, nil, uint64(edges))
	h.take(h.limits, now, false, nil, uint64(limit))
	h.take(h.build, now, false, []string{names.Version, version}, 1)
}

// expire ends the series of agents that are not heard any more.
func (h *health) expire(since time.Time) {
	for _, t := range h.tables() {
		t.expire(since)
	}
	for node := range h.agents {
		if h.heard.groups[tuple(names.Node, node)] == nil {
			delete(h.agents, node)
		}
	}
}
