// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// bounds are the upper ends of the histograms' buckets, in seconds: three a decade would be twice as many series.
var bounds = []float64{0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3}

// maxExemplars bounds the exemplars that one series brings along.
const maxExemplars = 4

// begun says since when a series counts. A series is first given as 0 at its start, and again so until that has arrived.
type begun struct {
	start     pcommon.Timestamp
	confirmed bool
}

// number is one series of a group.
type number struct {
	begun
	value uint64
}

// add counts. A counter that would leave the range of OTLP's numbers begins again.
func (n *number) add(by uint64) {
	if n.value > math.MaxInt64-min(by, math.MaxInt64) {
		n.value, n.begun = 0, begun{}
	}
	n.value += by
}

// set takes over what somebody else counts; a counter that went back has begun again.
func (n *number) set(value uint64) bool {
	value = min(value, math.MaxInt64)
	if value == n.value {
		return false
	}
	if value < n.value {
		n.begun = begun{}
	}
	n.value = value
	return true
}

// histogram is one series of a group with a distribution.
type histogram struct {
	begun
	counts []uint64
	count  uint64
	sum    float64
}

func (h *histogram) observe(value time.Duration) {
	seconds := value.Seconds()
	if h.counts == nil {
		h.counts = make([]uint64, len(bounds)+1)
	}
	// A bound belongs to the bucket below it.
	place, _ := slices.BinarySearch(bounds, seconds)
	h.counts[place]++
	h.count++
	h.sum += seconds
}

// exemplar is one event that a counter counted.
type exemplar struct {
	id string
	at time.Time
}

// group holds series that have their attributes in common, and that come and go together.
type group struct {
	key        string
	attributes pcommon.Map
	numbers    []number
	histograms []histogram
	exemplars  []exemplar
	// exemplified is when the last exemplar that was given happened.
	exemplified time.Time
	// open keeps a group that is quiet.
	open    int64
	touched time.Time
	dirty   bool
	// forever marks what never ends, since it stands for all that is beyond the bound.
	forever bool
	// late marks counters that had counted before they were first heard of: they are not given as 0 first.
	late bool
}

// remember keeps an exemplar if it is among the newest. Prometheus knows milliseconds, and refuses what is not newer than
// the exemplar before: of what several nodes tell at once, by clocks of their own, only what moves on is given.
func (g *group) remember(e exemplar) {
	e.at = e.at.Truncate(time.Millisecond)
	if !e.at.After(g.exemplified) {
		return
	}
	place, taken := slices.BinarySearchFunc(g.exemplars, e.at, func(known exemplar, at time.Time) int { return known.at.Compare(at) })
	if taken {
		return
	}
	g.exemplars = slices.Insert(g.exemplars, place, e)
	if extra := len(g.exemplars) - maxExemplars; extra > 0 {
		g.exemplars = slices.Delete(g.exemplars, 0, extra)
	}
}

// table holds the groups of one family.
type table struct {
	family *family
	max    int
	groups map[string]*group
	// others counts the groups that are not bounded by max because they stand for those that are.
	others int
	dirty  []*group
	ended  []*group
}

func newTable(family *family, limit int) *table {
	return &table{family: family, max: limit, groups: map[string]*group{}}
}

// place tells a table which group is meant, and which one stands for it beyond the bound.
type place struct {
	key, other string
	// describe writes the attributes; beyond is set for those of the other.
	describe func(to pcommon.Map, beyond bool)
}

// at gives the group of a place, made if it is new.
func (t *table) at(p *place, now time.Time) *group {
	if g := t.groups[p.key]; g != nil {
		g.touched = now
		return g
	}
	if p.key != p.other && len(t.groups)-t.others < t.max {
		return t.add(p, p.key, now)
	}
	if g := t.groups[p.other]; g != nil {
		g.touched = now
		return g
	}
	g := t.add(p, p.other, now)
	g.forever = true
	t.others++
	return g
}

func (t *table) add(p *place, key string, now time.Time) *group {
	g := &group{
		key: key, attributes: pcommon.NewMap(), touched: now,
		numbers: make([]number, len(t.family.slots)), histograms: make([]histogram, len(t.family.histograms)),
	}
	p.describe(g.attributes, key == p.other)
	t.groups[key] = g
	return g
}

// mark notes that a group has changed.
func (t *table) mark(g *group) {
	if !g.dirty {
		g.dirty = true
		t.dirty = append(t.dirty, g)
	}
}

// expire ends the groups that have been quiet since a time; what has not been given yet is given first.
func (t *table) expire(since time.Time) {
	for key, g := range t.groups {
		if g.forever || g.dirty || g.open > 0 || g.touched.After(since) {
			continue
		}
		delete(t.groups, key)
		t.ended = append(t.ended, g)
	}
}
