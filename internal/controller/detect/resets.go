// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"time"
)

const (
	// normalCloses is how many connections must have ended in order for a reset to matter while an edge is learned.
	normalCloses = 3
	resetQuiet   = 2
)

// usualResetShare is the share of connections that end by a reset when nothing is wrong. Two orderly ones are assumed,
// so that an edge that is hardly known is not taken for one that resets everything.
func (s *state) usualResetShare() float64 { return s.usualResets / (s.usualCloses + 2) }

func (d *Detector) judgeResets(s *state, now time.Time) {
	if a := s.anomaly(Resets); a != nil {
		a.Events++
		return
	}
	learning := now.Sub(s.first) < d.config.Learning
	if learning && s.usualCloses-s.usualResets < normalCloses {
		return
	}
	recent := s.window.last(now, shareWindow)
	broken := float64(recent.broken())
	closes := max(float64(recent.closes), broken)
	share, usual := broken/closes, s.usualResetShare()
	limit := max(d.config.Share, 3*usual, usual+0.2)
	if share < limit {
		// Rows are late: a row of resets is judged by what usually ends in that time.
		long := s.window.last(now, remembered-2)
		share = s.estimate(&s.resets, s.perSecond(long.closes, now), now)
		// A client that was held up for a moment throws away the connections of its whole pool at once: that is one mishap.
		if s.resets.moments < burstLeast || share < max(burstShare, limit) {
			return
		}
	}
	d.open(s, Anomaly{
		Kind: Resets, Severity: severity(share), Opened: now, Since: s.resets.first, Cause: s.resets.cause(),
		Events: s.resets.count, Value: share, Usual: usual, Detection: now.Sub(s.resets.first),
		Evidence: []Evidence{{
			Time: now, Text: fmt.Sprintf("%.0f of %.0f connections that ended in the last %d s were reset", broken, closes, shareWindow),
			Value: share, Usual: usual, HasUsual: true, Unit: "ratio",
		}},
	})
}

// followResets closes an open anomaly, or learns from what is usual.
func (d *Detector) followResets(s *state, now time.Time) {
	a := s.anomaly(Resets)
	if a == nil {
		s.learnCloses(now)
		return
	}
	quiet := now.Sub(s.resets.arrived)
	after := s.window.between(s.resets.arrived.Unix()+lag, now.Unix())
	alive := after.established > 0 || after.segments > 0
	if (quiet >= resetQuiet*d.config.Quiet && alive) || quiet >= d.config.Idle {
		a.Evidence = append(a.Evidence, Evidence{
			Time: now, Text: fmt.Sprintf("no reset for %s", quiet.Round(time.Second)), Unit: "1",
		})
		d.close(s, a, now)
		return
	}
	if now.Sub(a.Changed) < 5*time.Second || quiet > lag*time.Second {
		return
	}
	recent := s.window.last(now, shareWindow)
	share := float64(recent.broken()) / max(float64(recent.closes), float64(recent.broken()), 1)
	a.Value, a.Severity = share, severity(share)
	a.Evidence = append(a.Evidence, Evidence{
		Time: now, Text: fmt.Sprintf("%d connections were reset in the last %d s", recent.broken(), shareWindow),
		Value: share, Usual: a.Usual, HasUsual: true, Unit: "ratio",
	})
	d.change(a, now)
}

// learnCloses takes the second that is just complete into what is usual.
func (s *state) learnCloses(now time.Time) {
	second := now.Unix() - lag - 1
	if s.rate.closesLearned > second+block {
		// The clock was set back.
		s.rate.closesLearned = second - 1
	}
	if s.rate.closesLearned >= second {
		return
	}
	from := max(s.rate.closesLearned+1, second-remembered/2)
	s.rate.closesLearned = second
	done := s.window.between(from, second)
	const memory = 500
	s.usualCloses += float64(max(done.closes, done.broken()))
	s.usualResets += float64(done.broken())
	if s.usualCloses > memory {
		s.usualResets *= memory / s.usualCloses
		s.usualCloses = memory
	}
}
