// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"slices"
	"time"
)

const (
	// baselineSize is how many readings what is usual is taken from, baselineLeast how many it takes at least.
	baselineSize  = 96
	baselineLeast = 8
	// relearn is after how many readings the middle is taken anew.
	relearn = 8
	// confirmations is how many readings in a row must agree.
	confirmations = 2
)

// shift learns one measure of latency and notices when it rises.
type shift struct {
	rise, factor float64

	readings     [baselineSize]float64
	next, known  int
	middle, high float64

	value       float64
	over, under int
	last        time.Time
}

func newShift(rise time.Duration, factor float64) *shift {
	return &shift{rise: rise.Seconds(), factor: factor}
}

// limit is what a reading must exceed. It is beyond the usual middle by a factor and by an absolute rise, and beyond
// what is seldom reached when all is well.
func (s *shift) limit() float64 {
	return max(s.middle*s.factor, s.middle+s.rise, s.high*1.5)
}

// take takes a reading; one beyond the limit is not learned from.
func (s *shift) take(reading time.Duration, now time.Time) {
	if reading <= 0 {
		return
	}
	s.value, s.last = reading.Seconds(), now
	if s.ready() && s.value > s.limit() {
		s.over++
		s.under = 0
		return
	}
	if s.ready() && s.value > (s.middle+s.limit())/2 {
		// Neither well nor ill: it ends a row of readings beyond the limit, but is not yet back to what is usual.
		s.over = 0
		s.learn()
		return
	}
	s.over = 0
	s.under++
	s.learn()
}

func (s *shift) learn() {
	s.readings[s.next] = s.value
	s.next = (s.next + 1) % baselineSize
	s.known = min(s.known+1, baselineSize)
	if s.known > baselineLeast && s.next%relearn != 0 {
		return
	}
	sorted := slices.Clone(s.readings[:s.known])
	slices.Sort(sorted)
	s.middle = sorted[len(sorted)/2]
	s.high = sorted[(len(sorted)-1)*95/100]
}

func (s *shift) ready() bool { return s.known >= baselineLeast }

func (s *state) learnShifts(sample *Sample, now time.Time) {
	s.handshake.take(sample.LeastHandshake, now)
	s.leastRTT.take(sample.LeastRoundTrip, now)
	s.smoothed.take(sample.RoundTrip, now)
	if sample.Handshakes > 0 {
		// A queue delays some handshakes and not others, so that their least says nothing; but neither delayed
		// acknowledgements nor busy programs touch them, so that they confirm what the smoothed round trip alone does not.
		s.confirmed.take(min(sample.RoundTrip, 2*sample.Handshake), now)
	}
}

// measures in the order in which they are believed.
func (s *state) measures() [4]*shift {
	return [4]*shift{s.handshake, s.leastRTT, s.smoothed, s.confirmed}
}

var measureNames = [4]string{"handshake", "minimum round trip", "smoothed round trip", "round trip confirmed by handshakes"}

func (d *Detector) judgeLatency(s *state, now time.Time) {
	a := s.anomaly(Latency)
	if a != nil {
		d.followLatency(s, a, now)
		return
	}
	if now.Sub(s.first) < d.config.Learning {
		return
	}
	for i, m := range s.measures() {
		if !m.ready() || m.over < confirmations || now.Sub(m.last) > 3*time.Second {
			continue
		}
		d.open(s, Anomaly{
			Kind: Latency, Severity: Degraded, Opened: now, Since: m.last, Events: 0, Value: m.value, Usual: m.middle,
			Evidence: s.latencyEvidence(i, now),
		})
		return
	}
}

func (s *state) latencyEvidence(first int, now time.Time) []Evidence {
	var found []Evidence
	for offset := range measureNames {
		i := (first + offset) % len(measureNames)
		m := s.measures()[i]
		if !m.ready() || now.Sub(m.last) > 3*time.Second {
			continue
		}
		found = append(found, Evidence{
			Time: m.last, Text: fmt.Sprintf("%s %s, usually %s", measureNames[i], seconds(m.value), seconds(m.middle)),
			Value: m.value, Usual: m.middle, HasUsual: true, Unit: "s",
		})
	}
	return found
}

func (d *Detector) followLatency(s *state, a *Anomaly, now time.Time) {
	back, heard, over := true, false, 0
	for i, m := range s.measures() {
		if !m.ready() || now.Sub(m.last) > 10*time.Second {
			continue
		}
		heard = true
		// The minimum is the kernel's over five minutes: an old connection keeps it low, but a new one may keep it
		// high for no longer than it lives. It opens an anomaly, it does not hold one open.
		if i == 1 && s.measures()[2].ready() {
			continue
		}
		if m.over > 0 {
			over = i + 1
		}
		back = back && m.under >= 3
	}
	switch {
	case heard && back, !heard && now.Sub(a.Changed) > d.config.Idle:
		a.Evidence = append(a.Evidence, s.latencyEvidence(0, now)...)
		d.close(s, a, now)
	case over > 0 && now.Sub(a.Changed) >= 5*time.Second:
		m := s.measures()[over-1]
		changed := m.value > a.Value*1.2 || m.value < a.Value/1.2
		a.Value, a.Usual = m.value, m.middle
		if changed {
			a.Evidence = append(a.Evidence, s.latencyEvidence(over-1, now)...)
			d.change(a, now)
		}
	}
}
