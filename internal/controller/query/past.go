// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"

	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/history"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// Past is where what is no longer in memory is kept.
type Past struct {
	// Archive is set before the first question is asked.
	Archive *archive.Archive
	// Recorder holds what the archive has not been handed yet.
	Recorder *history.Recorder
	// MaxRows bounds the rows that one question may read, MaxTime how long that may take. Zero stands for the default.
	MaxRows int
	MaxTime time.Duration
	// MaxAge and MaxBytes are the archive's bounds.
	MaxAge   time.Duration
	MaxBytes int64
	// Absences are when no controller was running, oldest first.
	Absences []archive.Gap
}

const (
	defaultPastRows = 20_000_000
	defaultPastTime = 15 * time.Second
	// lingering is how long an edge that did nothing stays on the map, as it does in memory.
	lingering = 10 * time.Minute
	// described is how long before a moment its instances are looked for.
	described = 3 * time.Minute
)

// hours is a stretch of time, its end not in it.
type hours struct{ from, to time.Time }

func (h hours) length() time.Duration { return h.to.Sub(h.from) }

func (h hours) archive() archive.Range { return archive.Range{From: h.from, To: h.to} }

// overlap is how much of another stretch lies within.
func (h hours) overlap(from, to time.Time) time.Duration {
	return max(min(h.to.Sub(from), to.Sub(h.from), h.length(), to.Sub(from)), 0)
}

// budget is what a question may cost.
type budget struct {
	rows int
	ctx  context.Context
	most int
}

var errTooMuch = errors.New("too much")

// spend counts a row, and says when it was one too many.
func (b *budget) spend() error {
	b.rows++
	if b.rows > b.most {
		return errTooMuch
	}
	if b.rows&4095 == 0 {
		return b.ctx.Err()
	}
	return nil
}

// budget bounds a question about the past.
func (s *Service) budget(ctx context.Context) (*budget, context.CancelFunc) {
	most, patience := s.config.Past.MaxRows, s.config.Past.MaxTime
	if most <= 0 {
		most = defaultPastRows
	}
	if patience <= 0 {
		patience = defaultPastTime
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	return &budget{ctx: ctx, most: most}, cancel
}

// explain says what to do about a question that costs too much.
func (b *budget) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooMuch):
		return connect.NewError(connect.CodeResourceExhausted, fmt.Errorf(
			"the range holds more than %d rows: ask for a shorter time, or for one edge", b.most))
	case errors.Is(err, context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, fmt.Errorf(
			"reading the range took too long, after %d rows: ask for a shorter time, or for one edge", b.rows))
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, err)
	}
	var known *connect.Error
	if errors.As(err, &known) {
		return err
	}
	return connect.NewError(connect.CodeInternal, fmt.Errorf("reading what is kept: %w", err))
}

// inMemory tells whether memory alone holds a stretch of time.
func (s *Service) inMemory(v engine.View, from time.Time) bool {
	if s.config.Past == nil {
		return true
	}
	oldest := max(v.Started.Unix(), v.Graph.Oldest(), v.Now.Add(-v.Graph.History()).Unix())
	return from.Unix() >= oldest
}

// recalled is what was within a stretch of time, as a graph of its own: each edge has one second, the last, with the sums
// over the whole.
type recalled struct {
	// asked is the stretch that was asked for, known what the rows that tell of it stand for: at least that.
	asked, known hours
	graph        *graph.Graph
	edges        map[string]*recalledEdge
	gaps         []archive.Gap
}

// recalledEdge is an edge in the making.
type recalledEdge struct {
	edge *graph.Edge
	sum  graph.Bucket
	open int32
	// openAt is when open was so.
	openAt time.Time
}

// covered is how many seconds of what is known are no gap, at least one.
func (r *recalled) covered() int64 { return max(int64(r.seconds()), 1) }

// seconds is how many seconds of what is known are no gap.
func (r *recalled) seconds() float64 {
	seconds := r.known.length()
	end := r.known.from
	for _, gap := range r.gaps {
		if gap.Table != "" && gap.Table != "edges" {
			continue
		}
		// Gaps come oldest first, and may overlap.
		from := gap.From
		if from.Before(end) {
			from = end
		}
		seconds -= r.known.overlap(from, gap.To)
		if gap.To.After(end) {
			end = gap.To
		}
	}
	return max(seconds.Seconds(), 0)
}

// note adds what an edge did in a part of the time.
func (r *recalled) note(edge *graph.Edge, sum *graph.Bucket, part hours) *recalledEdge {
	found := r.edges[edge.ID]
	if found == nil {
		found = &recalledEdge{edge: edge}
		r.edges[edge.ID] = found
	}
	// What only says that the edge was there is not within what was asked for.
	if part.to.After(r.asked.from) && part.from.Before(r.asked.to) {
		found.sum.Add(sum)
		if part.from.Before(r.known.from) {
			r.known.from = part.from
		}
		if part.to.After(r.known.to) {
			r.known.to = part.to
		}
	}
	if !part.to.Before(found.openAt) {
		found.open, found.openAt = sum.Open, part.to
	}
	if part.from.Before(edge.FirstSeen) {
		edge.FirstSeen = part.from
	}
	if part.to.After(edge.LastSeen) {
		edge.LastSeen = part.to
	}
	return found
}

// finish puts the sums into the graph, at the second that ends the time.
func (r *recalled) finish() {
	last := r.asked.to.Add(-time.Second)
	for _, found := range r.edges {
		first, seen := found.edge.FirstSeen, found.edge.LastSeen
		r.graph.Add(found.edge, last, &graph.Delta{Bucket: found.sum, OpenBy: int64(found.open)})
		found.edge.FirstSeen, found.edge.LastSeen = first, seen
	}
}

// whole widens a stretch to whole seconds.
func (h hours) whole() hours {
	to := h.to.Truncate(time.Second)
	if to.Before(h.to) {
		to = to.Add(time.Second)
	}
	return hours{h.from.Truncate(time.Second), to}
}
