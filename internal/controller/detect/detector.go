// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"crypto/sha256"
	"encoding/base32"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Detector holds what has been learned of every edge. It is to be used by one goroutine at a time.
type Detector struct {
	config  Config
	started time.Time
	edges   map[string]*state
	// When any edge was heard of last: with silence everywhere it is the reports that are missing.
	heard time.Time
	// When reports came again after they had been missing.
	resumed time.Time
	// The second in which rates were judged last.
	rated int64
	out   []Decision
}

// New makes a detector that has learned nothing yet.
func New(config Config, started time.Time) *Detector {
	return &Detector{config: config.withDefaults(), started: started, edges: map[string]*state{}}
}

// Learning is how long it takes until what is usual is known.
func (d *Detector) Learning() time.Duration { return d.config.Learning }

// state is what is known of one edge.
type state struct {
	id             string
	client, server string
	first          time.Time
	window         window
	anomalies      [len(kinds)]*Anomaly

	failures run
	resets   run
	// Connections that ended, and by a reset, while nothing was wrong.
	usualCloses, usualResets float64
	// Share of segments that are usually sent again.
	usualAgain float64
	// When connects failed last, so that what they sent again is still among the counts.
	unanswered time.Time
	judged     time.Time

	handshake, leastRTT, smoothed, confirmed *shift
	rate                                     rateState
}

// run is a row of failures without a long pause.
type run struct {
	first, last time.Time
	arrived     time.Time
	count       uint64
	// moments counts what falls within a moment once; moment is when the last one began.
	moments uint64
	moment  time.Time
	// How often each kind was seen; what is older counts less.
	causes map[model.EventKind]float64
}

const (
	// pause ends a run of failures.
	pause = 3 * time.Second
	// halfLife is after how long what was seen counts half when it is told what fails now.
	halfLife = 3 * time.Second
	// atOnce is what counts as one moment.
	atOnce = 100 * time.Millisecond
)

func (r *run) add(kind model.EventKind, n uint64, at, arrived time.Time) {
	if r.count == 0 || arrived.Sub(r.arrived) > pause {
		*r = run{first: at, arrived: arrived, causes: map[model.EventKind]float64{}}
	}
	if passed := arrived.Sub(r.arrived); passed > 0 {
		fade := math.Exp2(-passed.Seconds() / halfLife.Seconds())
		for cause := range r.causes {
			r.causes[cause] *= fade
		}
	}
	r.count += n
	if r.moments == 0 || at.Sub(r.moment) > atOnce {
		r.moments++
		r.moment = at
	}
	r.last, r.arrived = at, arrived
	r.causes[kind] += float64(n)
}

// cause is the kind of event seen most of late.
func (r *run) cause() model.EventKind {
	var best model.EventKind
	for kind, n := range r.causes {
		if n > r.causes[best] || (n == r.causes[best] && kind < best) {
			best = kind
		}
	}
	return best
}

func (d *Detector) state(id string, now time.Time) *state {
	s := d.edges[id]
	if s == nil {
		s = &state{
			id: id, first: now,
			handshake: newShift(d.config.LatencyRise, d.config.LatencyFactor),
			leastRTT:  newShift(d.config.LatencyRise, d.config.LatencyFactor),
			smoothed:  newShift(d.config.SmoothedRise, d.config.LatencyFactor),
			confirmed: newShift(d.config.LatencyRise, d.config.LatencyFactor),
		}
		d.edges[id] = s
	}
	return s
}

// Forget drops what is known of edges that are gone.
func (d *Detector) Forget(gone func(edge string) bool) {
	for id := range d.edges {
		if gone(id) {
			delete(d.edges, id)
		}
	}
}

// Event judges an occurrence at once.
func (d *Detector) Event(o Occurrence) []Decision {
	d.out = nil
	s := d.state(o.Edge, o.Arrived)
	switch o.Kind {
	case model.EventNewEdge:
		d.newEdge(s, o)
	case model.EventReset:
		s.window.at(o.Arrived).resetEvents++
		s.resets.add(o.Kind, 1, o.Time, o.Arrived)
		d.judgeResets(s, o.Arrived)
	default:
		s.window.at(o.Arrived).failedEvents++
		s.failures.add(o.Kind, 1, o.Time, o.Arrived)
		d.judgeFailures(s, o.Arrived)
	}
	return d.out
}

// Tick takes what the edges did since the tick before, and judges all of them. Muted edges are those whose agents are
// not heard: that they seem silent means nothing.
func (d *Detector) Tick(now time.Time, samples []Sample, muted []string) []Decision {
	d.out = nil
	for i := range samples {
		sample := &samples[i]
		s := d.state(sample.Edge, now)
		s.client, s.server = sample.Client, sample.Server
		s.window.take(now, sample)
		s.learnShifts(sample, now)
		d.noteRows(s, sample, now)
	}
	d.listen(now, samples, muted)
	for _, s := range d.edges {
		if !s.judged.IsZero() && now.Sub(s.judged) < 200*time.Millisecond {
			continue
		}
		s.judged = now
		d.followFailures(s, now)
		d.followResets(s, now)
		d.judgeRetransmits(s, now)
		d.judgeLatency(s, now)
	}
	d.judgeRates(now)
	d.order()
	return d.out
}

// listen notes when anything was reported at all, and which edges are not reported.
func (d *Detector) listen(now time.Time, samples []Sample, muted []string) {
	for _, id := range muted {
		if s := d.edges[id]; s != nil {
			s.rate.disturbed = now
		}
	}
	if len(samples) == 0 {
		return
	}
	if !d.heard.IsZero() && now.Sub(d.heard) > outage {
		d.resumed = now
	}
	d.heard = now
}

// order makes the decisions of one tick independent of the order in which edges lie in memory.
func (d *Detector) order() {
	slices.SortStableFunc(d.out, func(a, b Decision) int {
		if c := strings.Compare(a.Anomaly.Edge, b.Anomaly.Edge); c != 0 {
			return c
		}
		return strings.Compare(string(a.Anomaly.Kind), string(b.Anomaly.Kind))
	})
}

func index(kind Kind) int { return slices.Index(kinds[:], kind) }

func (s *state) anomaly(kind Kind) *Anomaly { return s.anomalies[index(kind)] }

func (d *Detector) open(s *state, a Anomaly) {
	a.Edge = s.id
	a.ID = identify(s.id, string(a.Kind), strconv.FormatInt(a.Opened.UnixNano(), 36))
	a.Changed = a.Opened
	s.anomalies[index(a.Kind)] = &a
	d.emit(Open, &a)
}

func (d *Detector) change(a *Anomaly, now time.Time) {
	a.Changed = now
	d.emit(Change, a)
}

func (d *Detector) close(s *state, a *Anomaly, now time.Time) {
	a.Changed, a.Closed = now, now
	s.anomalies[index(a.Kind)] = nil
	d.emit(Close, a)
}

// maxEvidence bounds what is kept with one anomaly.
const maxEvidence = 16

func (d *Detector) emit(operation Operation, a *Anomaly) {
	if len(a.Evidence) > maxEvidence {
		// The first ones tell how it began, the last ones how it is.
		a.Evidence = slices.Delete(a.Evidence, maxEvidence/2, maxEvidence/2+len(a.Evidence)-maxEvidence)
	}
	snapshot := *a
	snapshot.Evidence = slices.Clone(a.Evidence)
	d.out = append(d.out, Decision{operation, snapshot})
}

func (d *Detector) newEdge(s *state, o Occurrence) {
	if !d.config.NewEdges || s.anomaly(NewEdge) != nil {
		return
	}
	d.open(s, Anomaly{
		Kind: NewEdge, Severity: Degraded, Opened: o.Arrived, Since: o.Time, Cause: o.Kind, Events: 1,
		Evidence:  []Evidence{{Time: o.Time, Text: "the edge was never seen before"}},
		Detection: o.Arrived.Sub(o.Time),
	})
	d.close(s, s.anomaly(NewEdge), o.Arrived)
}

func identify(parts ...string) string {
	digest := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(digest[:10]))
}
