// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// remembered is how many seconds of counts are held for an edge.
const remembered = 32

// counts is what an edge did within a second, as it became known in that second.
type counts struct {
	opens, established, closes uint64
	// Failed connects and resets by flow rows, and by events, which are earlier but may be held back.
	failed, failedEvents uint64
	resets, resetEvents  uint64
	segments             uint64
	// again are the segments of established connections that were sent again.
	sent, again uint64
}

func (c *counts) add(o *counts) {
	c.opens += o.opens
	c.established += o.established
	c.closes += o.closes
	c.failed += o.failed
	c.failedEvents += o.failedEvents
	c.resets += o.resets
	c.resetEvents += o.resetEvents
	c.segments += o.segments
	c.sent += o.sent
	c.again += o.again
}

// failures is the number of failed connects: rows and events tell of the same ones.
func (c *counts) failures() uint64 { return max(c.failed, c.failedEvents) }

func (c *counts) broken() uint64 { return max(c.resets, c.resetEvents) }

// window holds the last seconds of counts.
type window struct {
	seconds [remembered]int64
	slots   [remembered]counts
}

func (w *window) at(now time.Time) *counts {
	second := now.Unix()
	i := int(uint64(second) % remembered)
	if w.seconds[i] != second {
		w.seconds[i], w.slots[i] = second, counts{}
	}
	return &w.slots[i]
}

// last adds up the last so many seconds before now, and the one under way.
func (w *window) last(now time.Time, seconds int64) counts {
	end := now.Unix()
	return w.between(end-seconds, end)
}

// between adds up the seconds from one up to and with another.
func (w *window) between(from, to int64) counts {
	var sum counts
	for second := max(from, to-remembered+1); second <= to; second++ {
		i := int(uint64(second) % remembered)
		if w.seconds[i] == second {
			sum.add(&w.slots[i])
		}
	}
	return sum
}

func (w *window) take(now time.Time, s *Sample) {
	c := w.at(now)
	c.opens += uint64(s.Opens)
	for kind, n := range s.Failures {
		switch model.Failure(kind) {
		case model.FailureNone:
		case model.FailureReset:
			c.resets += uint64(n)
		case model.FailureNoRoute, model.FailureNeverSent:
			// No SYN was sent, so that they are not in the opens; but they were tried.
			c.opens += uint64(n)
			c.failed += uint64(n)
		default:
			c.failed += uint64(n)
		}
	}
	c.established += uint64(s.Established)
	c.closes += uint64(s.Closes)
	c.segments += s.Segments
	c.sent += s.SentSegments
	c.again += s.Retransmits - min(uint64(s.ConnectRetransmits), s.Retransmits)
}
