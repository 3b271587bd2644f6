// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// foreignKind is the kind of log records that are not of Aeolus.
const foreignKind = "log"

func eventFamily() *family {
	var b familyBuilder
	b.number(names.Events, "", "", true)
	return &b.family
}

// happenings are the series of events: one for each edge and kind.
type happenings struct{ *table }

func (h *happenings) add(event *model.Event, edge *graph.Edge, now time.Time) {
	kind := string(event.Kind)
	p := &place{key: tuple(edge.ID, kind), other: tuple(names.OtherEdge, kind)}
	if beyond(edge) {
		p.key = p.other
	}
	p.describe = func(to pcommon.Map, beyond bool) {
		describeEdge(to, edge, beyond)
		to.PutStr(names.Kind, kind)
	}
	g := h.at(p, now)
	g.numbers[0].add(1)
	// A clock that is ahead must not keep away what comes after.
	at := event.Time
	if at.After(now) {
		at = now
	}
	g.remember(exemplar{event.ID, at})
	h.mark(g)
}

// foreign counts log records that are not of Aeolus.
func (h *happenings) foreign(count int, now time.Time) {
	key := tuple("", foreignKind)
	g := h.at(&place{key: key, other: key, describe: func(to pcommon.Map, _ bool) {
		to.PutStr(names.Kind, foreignKind)
	}}, now)
	g.numbers[0].add(uint64(count))
	h.mark(g)
}
