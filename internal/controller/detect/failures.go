// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const (
	// few is how many attempts in ten seconds an edge may have for a single failure to matter.
	few = 20
	// shareWindow is over how many seconds shares are taken.
	shareWindow = 10
	// burstLeast failures in a row, with hardly an attempt between them that succeeds, are no noise on any edge.
	burstLeast = 3
	burstShare = 0.6
	// lag is by how many seconds flow rows may be behind events.
	lag = 2
)

// noteRows takes failures of flow rows for which no event came, because they were held back or lost.
func (d *Detector) noteRows(s *state, sample *Sample, now time.Time) {
	recent := s.window.last(now, shareWindow)
	for kind, n := range sample.Failures {
		failure := model.Failure(kind)
		switch {
		case n == 0 || failure == model.FailureNone:
		case failure == model.FailureReset:
			if recent.resets > recent.resetEvents {
				s.resets.add(model.EventReset, uint64(n), now, now)
				d.judgeResets(s, now)
			}
		case recent.failed > recent.failedEvents:
			s.failures.add(model.EventOf(failure), uint64(n), now, now)
			d.judgeFailures(s, now)
		}
	}
}

// attempts estimates how many connects there were in the last seconds: rows come up to two seconds after events, so
// that what is usual for the edge stands in for those that are not known yet.
func (s *state) attempts(now time.Time, seconds float64) float64 {
	recent := s.window.last(now, int64(seconds))
	long := s.window.last(now, remembered-2)
	return max(float64(recent.opens), s.perSecond(long.opens, now)*seconds, float64(recent.failures()))
}

// estimate is the share of what happened since a run of failures began that failed, where flow rows do not tell yet:
// what is usual in a second stands in for them.
func (s *state) estimate(r *run, perSecond float64, now time.Time) float64 {
	return min(1, float64(r.count)/(1+perSecond*max(now.Sub(r.first).Seconds(), 0)))
}

// perSecond turns a count over the remembered seconds into a rate.
func (s *state) perSecond(count uint64, now time.Time) float64 {
	return float64(count) / min(now.Sub(s.first).Seconds()+1, remembered-2)
}

// failureShare is the share of connects that fail, since the run of failures began but over ten seconds at most. It is
// taken from rows alone, because these tell of successes and failures together.
func (s *state) failureShare(now time.Time) float64 {
	rows := s.window.between(max(s.failures.first.Unix()+lag, now.Unix()-shareWindow), now.Unix())
	if now.Sub(s.failures.first) < (lag+1)*time.Second || rows.opens == 0 {
		long := s.window.last(now, remembered-2)
		return s.estimate(&s.failures, s.perSecond(long.opens, now), now)
	}
	if rows.failed == 0 {
		// Events tell of failures whose rows are late or lost: what has failed is at least a share of all attempts.
		recent := s.window.last(now, shareWindow)
		return min(1, max(float64(recent.failures()), 1)/max(s.attempts(now, shareWindow), 1))
	}
	return min(1, float64(rows.failed)/float64(rows.opens))
}

func (d *Detector) judgeFailures(s *state, now time.Time) {
	if a := s.anomaly(ConnectFailures); a != nil {
		a.Events++
		return
	}
	recent := s.window.last(now, shareWindow)
	failed := float64(recent.failures())
	attempts := s.attempts(now, shareWindow)
	share := s.failureShare(now)
	burst := s.failures.count >= burstLeast && share >= burstShare
	if attempts > few && failed < d.config.Share*attempts && !burst {
		return
	}
	cause := s.failures.cause()
	d.open(s, Anomaly{
		Kind: ConnectFailures, Severity: severity(share), Opened: now, Since: s.failures.first, Cause: cause,
		Events: s.failures.count, Value: share, Detection: now.Sub(s.failures.first),
		Evidence: []Evidence{{
			Time: s.failures.first, Text: fmt.Sprintf("first %s", cause), Value: failed, Unit: "1",
		}, {
			Time: now, Text: fmt.Sprintf("%.0f of %.0f connects in the last %d s failed", failed, attempts, shareWindow),
			Value: share, HasUsual: true, Unit: "ratio",
		}},
	})
}

func severity(share float64) Severity {
	if share >= 0.5 {
		return Failing
	}
	return Degraded
}

// followFailures brings an open anomaly up to date, or closes it.
func (d *Detector) followFailures(s *state, now time.Time) {
	a := s.anomaly(ConnectFailures)
	if a == nil {
		return
	}
	quiet := now.Sub(s.failures.arrived)
	after := s.window.between(s.failures.arrived.Unix()+lag, now.Unix())
	idle := after.opens == 0 && after.established == 0
	recent := s.window.last(now, shareWindow)
	noise := float64(recent.failures()) < d.config.Share/2*float64(recent.opens) && recent.opens > few &&
		now.Sub(a.Opened) > shareWindow*time.Second
	switch {
	case quiet >= d.config.Quiet && after.established > 0, quiet >= d.config.Idle && idle, noise:
		a.Evidence = append(a.Evidence, Evidence{
			Time: now, Text: closing(after.established, quiet), Value: float64(after.established), Unit: "1",
		})
		d.close(s, a, now)
		return
	case now.Sub(a.Changed) < time.Second || quiet > time.Second:
		return
	}
	share, cause := s.failureShare(now), s.failures.cause()
	if cause == a.Cause && severity(share) == a.Severity && near(share, a.Value) && now.Sub(a.Changed) < 5*time.Second {
		return
	}
	a.Value, a.Cause, a.Severity = share, cause, max(a.Severity, severity(share))
	if share < 0.4 {
		a.Severity = Degraded
	}
	a.Evidence = append(a.Evidence, Evidence{
		Time: now, Text: fmt.Sprintf("%d of %d connects failed", recent.failures(), max(recent.opens, recent.failures())),
		Value: share, HasUsual: true, Unit: "ratio",
	})
	d.change(a, now)
}

func closing(successes uint64, quiet time.Duration) string {
	if successes > 0 {
		return fmt.Sprintf("no failure for %s, %d connects succeeded", quiet.Round(time.Second), successes)
	}
	return fmt.Sprintf("nothing was tried for %s", quiet.Round(time.Second))
}

// near tells whether two shares would be told with the same words.
func near(a, b float64) bool { return a-b < 0.05 && b-a < 0.05 }
