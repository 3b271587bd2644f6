// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

const (
	// block is the length in seconds over which rates are counted.
	block = 5
	// blocks is how many are remembered: five minutes.
	blocks = 60
	// busyOpens and busySegments are the counts in a block from which an edge is busy enough for its rate to be judged.
	busyOpens    = 25
	busySegments = 250
	// settled is how long after an anomaly in the neighbourhood rates may still be a consequence of it.
	settled = 30 * time.Second
	// outage is how long nothing may be reported of any edge before the reports, and not the edges, are missing.
	outage = 3 * time.Second
)

// usualRate is what is usual of one count.
type usualRate struct {
	counts      [blocks]float64
	next, known int

	middle, spread, least float64
}

func (u *usualRate) learn(count float64) {
	u.counts[u.next] = count
	u.next = (u.next + 1) % blocks
	u.known = min(u.known+1, blocks)
	sorted := slices.Clone(u.counts[:u.known])
	slices.Sort(sorted)
	u.middle, u.least = sorted[len(sorted)/2], sorted[len(sorted)/20]
	for i, value := range sorted {
		sorted[i] = math.Abs(value - u.middle)
	}
	slices.Sort(sorted)
	u.spread = 1.48 * sorted[len(sorted)/2]
}

// steady tells whether the rate hardly ever falls to a third, so that a fall means something.
func (u *usualRate) steady() bool { return u.least > u.middle/3 }

// fallen and risen tell whether a count is far from what is usual: by a factor, and by more than chance explains.
func (u *usualRate) fallen(count, factor float64) bool {
	return count < u.middle/factor && u.middle-count > u.noise()
}

func (u *usualRate) risen(count, factor float64) bool {
	return count > u.middle*factor && count-u.middle > u.noise()
}

func (u *usualRate) noise() float64 { return max(8*u.spread, 4*math.Sqrt(u.middle+1)) }

// rateState is what is known of an edge's rates.
type rateState struct {
	opens, segments usualRate
	learned         int64
	closesLearned   int64
	disturbed       time.Time
}

// judgeRates looks at all edges together, because a rate that changes is often the consequence of something upstream.
func (d *Detector) judgeRates(now time.Time) {
	for _, s := range d.edges {
		s.noteDisturbance(now)
	}
	if d.rated == now.Unix() || now.Sub(d.heard) > outage || now.Sub(d.resumed) < (block+2)*time.Second {
		return
	}
	d.rated = now.Unix()
	incoming := map[string][]*state{}
	outgoing := map[string][]*state{}
	// In an order that does not depend on memory: what is found first may explain what is found later.
	for _, id := range slices.Sorted(maps.Keys(d.edges)) {
		s := d.edges[id]
		incoming[s.server] = append(incoming[s.server], s)
		outgoing[s.client] = append(outgoing[s.client], s)
	}
	for _, id := range slices.Sorted(maps.Keys(d.edges)) {
		s := d.edges[id]
		if a := s.rateAnomaly(); a != nil {
			d.followRate(s, a, now)
			continue
		}
		d.judgeRate(s, incoming, outgoing, now)
	}
}

func (s *state) rateAnomaly() *Anomaly {
	if a := s.anomaly(Silence); a != nil {
		return a
	}
	return s.anomaly(Rate)
}

// noteDisturbance remembers when anything else was wrong with the edge.
func (s *state) noteDisturbance(now time.Time) {
	for i, a := range s.anomalies {
		if a != nil && kinds[i] != Rate && kinds[i] != Silence && kinds[i] != NewEdge {
			s.rate.disturbed = now
		}
	}
	if s.failures.count > 0 && now.Sub(s.failures.arrived) < pause {
		s.rate.disturbed = now
	}
}

// reading is a rate that is to be judged: connections where there are enough of them, else segments.
type reading struct {
	usual           *usualRate
	current, before float64
	unit            string
}

func (s *state) reading(now time.Time) (reading, bool) {
	current := s.window.between(now.Unix()-block, now.Unix()-1)
	before := s.window.between(now.Unix()-2*block, now.Unix()-block-1)
	switch {
	case s.rate.opens.middle >= busyOpens:
		return reading{&s.rate.opens, float64(current.opens), float64(before.opens), "1/s"}, true
	case s.rate.segments.middle >= busySegments:
		return reading{&s.rate.segments, float64(current.segments), float64(before.segments), "segments/s"}, true
	}
	return reading{}, false
}

func (d *Detector) judgeRate(s *state, incoming, outgoing map[string][]*state, now time.Time) {
	r, busy := s.reading(now)
	least := int(max(d.config.Learning/(block*time.Second), 3))
	if busy && r.usual.known >= least && r.usual.steady() {
		fallen := r.usual.fallen(r.current, d.config.RateFactor)
		risen := r.usual.risen(r.current, d.config.RateFactor) && r.usual.risen(r.before, d.config.RateFactor)
		if (fallen || risen) && !explained(s, incoming, outgoing, now, d.config.RateFactor) {
			d.openRate(s, r, now)
			return
		}
		if fallen || risen {
			return
		}
	}
	s.rate.learned = min(s.rate.learned, now.Unix()) // the clock may have been set back
	if second := now.Unix(); second-s.rate.learned >= block && now.Sub(s.rate.disturbed) > settled/2 {
		s.rate.learned = second
		current := s.window.between(second-block, second-1)
		if now.Sub(s.first) > block*time.Second {
			s.rate.opens.learn(float64(current.opens))
			s.rate.segments.learn(float64(current.segments))
		}
	}
}

func (d *Detector) openRate(s *state, r reading, now time.Time) {
	kind, level := Rate, Degraded
	value, usual := r.current/block, r.usual.middle/block
	if latest := s.window.between(now.Unix()-3, now.Unix()); latest.opens+latest.segments == 0 {
		kind, value = Silence, 0
	}
	d.open(s, Anomaly{
		Kind: kind, Severity: level, Opened: now, Since: now.Add(-block * time.Second), Value: value, Usual: usual,
		Evidence: []Evidence{{
			Time: now, Text: fmt.Sprintf("%s a second over %d s, usually %s", figure(value), block, figure(usual)),
			Value: value, Usual: usual, HasUsual: true, Unit: r.unit,
		}},
	})
}

func (d *Detector) followRate(s *state, a *Anomaly, now time.Time) {
	r, busy := s.reading(now)
	back := busy && r.current >= r.usual.middle/2 && r.current <= r.usual.middle*2
	adapted := now.Sub(a.Opened) >= d.config.Adapt
	if !back && !adapted {
		return
	}
	text := "back to what is usual"
	if adapted {
		text = "it counts as usual from now on"
		s.rate.opens, s.rate.segments = usualRate{}, usualRate{}
	}
	e := Evidence{Time: now, Text: text, Value: r.current / block, Unit: a.Evidence[0].Unit}
	a.Evidence = append(a.Evidence, e)
	d.close(s, a, now)
}

// explained tells whether something upstream, or beside it at the same client, is the reason of a changed rate.
func explained(s *state, incoming, outgoing map[string][]*state, now time.Time, factor float64) bool {
	visited := map[string]bool{}
	level := []string{s.client}
	for depth := 0; depth < 4 && len(level) > 0; depth++ {
		var above []string
		for _, node := range level {
			if visited[node] {
				continue
			}
			visited[node] = true
			for _, beside := range outgoing[node] {
				if disturbed(beside, now) {
					return true
				}
			}
			for _, into := range incoming[node] {
				if into != s && (disturbed(into, now) || into.rateAnomaly() != nil || into.changing(now, factor)) {
					return true
				}
				above = append(above, into.client)
			}
		}
		level = above
	}
	return false
}

func disturbed(other *state, now time.Time) bool {
	return !other.rate.disturbed.IsZero() && now.Sub(other.rate.disturbed) < settled
}

// changing tells whether a rate has begun to change, by less than what would be an anomaly of its own.
func (s *state) changing(now time.Time, factor float64) bool {
	usual, count := &s.rate.opens, 0.0
	current := s.window.between(now.Unix()-block, now.Unix()-1)
	count = float64(current.opens)
	if usual.middle < 5 {
		usual, count = &s.rate.segments, float64(current.segments)
	}
	if usual.known < 3 || usual.middle < 5 {
		return false
	}
	half := 1 + (factor-1)/2
	return count < usual.middle/half || count > usual.middle*half
}
