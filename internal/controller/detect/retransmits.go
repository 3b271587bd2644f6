// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"time"
)

// judgeRetransmits compares the share of segments that were sent again with what is usual: over two seconds for heavy
// loss, over ten for light.
func (d *Detector) judgeRetransmits(s *state, now time.Time) {
	short := s.window.last(now, 2)
	long := s.window.last(now, shareWindow)
	a := s.anomaly(Retransmits)
	if a != nil {
		d.followRetransmits(s, a, &long, now)
		return
	}
	if s.anomaly(ConnectFailures) != nil {
		s.unanswered = now
	}
	if !s.unanswered.IsZero() && now.Sub(s.unanswered) <= (shareWindow+1)*time.Second && long.again <= 2*long.established {
		// While nobody answers, a connect that succeeds in the end has sent its SYN again first: that is the other anomaly.
		return
	}
	heavy := short.again >= 4 && ratio(short.again, short.sent) >= max(2.5*d.config.RetransmitShare, 4*s.usualAgain)
	light := long.again >= 6 && ratio(long.again, long.sent) >= max(d.config.RetransmitShare, 4*s.usualAgain)
	if !heavy && !light {
		if long.sent >= 20 && now.Sub(s.first) > shareWindow*time.Second {
			const memory = 0.005
			s.usualAgain += memory * (ratio(long.again, long.sent) - s.usualAgain)
		}
		return
	}
	worst, over := &long, shareWindow
	if heavy {
		worst, over = &short, 2
	}
	share := ratio(worst.again, worst.sent)
	d.open(s, Anomaly{
		Kind: Retransmits, Severity: lossSeverity(share), Opened: now, Since: now.Add(-time.Duration(over) * time.Second),
		Events: long.again, Value: share, Usual: s.usualAgain,
		Evidence: []Evidence{{
			Time: now, Text: fmt.Sprintf("%d of %d segments sent again in %d s", worst.again, worst.sent, over),
			Value: share, Usual: s.usualAgain, HasUsual: true, Unit: "ratio",
		}},
	})
}

func (d *Detector) followRetransmits(s *state, a *Anomaly, long *counts, now time.Time) {
	share := ratio(long.again, long.sent)
	limit := max(d.config.RetransmitShare, 4*s.usualAgain) / 2
	back := long.sent >= 10 && share < limit && now.Sub(a.Opened) >= shareWindow*time.Second
	idle := s.window.last(now, remembered-2).sent == 0
	switch {
	case back, idle:
		a.Evidence = append(a.Evidence, Evidence{
			Time: now, Text: fmt.Sprintf("%d of %d segments sent again in %d s", long.again, long.sent, shareWindow),
			Value: share, Usual: s.usualAgain, HasUsual: true, Unit: "ratio",
		})
		d.close(s, a, now)
	case now.Sub(a.Changed) >= 5*time.Second && (share > a.Value*1.5 || share < a.Value/1.5) && share >= limit:
		a.Value, a.Severity = share, lossSeverity(share)
		a.Evidence = append(a.Evidence, Evidence{
			Time: now, Text: fmt.Sprintf("%d of %d segments sent again in %d s", long.again, long.sent, shareWindow),
			Value: share, Usual: s.usualAgain, HasUsual: true, Unit: "ratio",
		})
		d.change(a, now)
	}
}

func lossSeverity(share float64) Severity { return severity(share * 2) }

func ratio(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return min(1, float64(part)/float64(whole))
}
