// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

const (
	// Stretch is what the figures of edges are added up over.
	Stretch = 10 * time.Second
	// grace is how long after a stretch what belongs to it may still arrive.
	grace = 2 * time.Second
	// minute is how often instances, connections that live, and edges with open connections are written down.
	minute = time.Minute
	// handOver is how often rows are handed to the archive, and enough how many are handed over before that.
	handOver = 250 * time.Millisecond
	enough   = 2048
)

// Sink keeps rows. It does not wait for the disk, and counts what it has no room for.
type Sink interface {
	AddEdges([]archive.Edge)
	AddInstances([]archive.Instance)
	AddFlows([]archive.Flow)
	AddEvents([]archive.Event)
}

// Config is what a recorder needs.
type Config struct {
	// Sink may be given later, by Attach.
	Sink   Sink
	Ledger *loss.Ledger
	// MostRows bounds the rows of each kind that wait; 65536 unless given.
	MostRows int
}

// rows wait to be handed over.
type rows struct {
	edges     []archive.Edge
	instances []archive.Instance
	flows     []archive.Flow
	events    []archive.Event
}

func (r *rows) count() int { return len(r.edges) + len(r.instances) + len(r.flows) + len(r.events) }

// reset empties the rows, and lets go of the room that a rush has taken.
func (r *rows) reset() {
	r.edges, r.instances = emptied(r.edges), emptied(r.instances)
	r.flows, r.events = emptied(r.flows), emptied(r.events)
}

func emptied[T any](list []T) []T {
	if cap(list) > 2*enough {
		return nil
	}
	clear(list)
	return list[:0]
}

// Recorder writes down what the engine sees. Begin, Connection, Gone, Event, Tick and End are called under the engine's
// lock.
type Recorder struct {
	config Config
	stage  *loss.Stage

	// Guarded by the engine's lock.
	changes  graph.Changes
	boundary int64
	minutes  int64
	noted    map[*graph.Instance]struct{}

	// handing is held while rows go to the archive, so that they go in order; it guards spare.
	handing sync.Mutex
	spare   *rows
	// mu guards what follows.
	mu      sync.Mutex
	waiting *rows
	wake    chan struct{}
}

// New makes a recorder that has seen nothing.
func New(config Config) *Recorder {
	if config.MostRows <= 0 {
		config.MostRows = 65536
	}
	return &Recorder{
		config: config, stage: config.Ledger.Stage("archive.queue"), noted: map[*graph.Instance]struct{}{},
		waiting: &rows{}, spare: &rows{}, wake: make(chan struct{}, 1),
	}
}

// Attach says where rows go. It is to be called once, before anything is flushed.
func (r *Recorder) Attach(sink Sink) {
	r.handing.Lock()
	defer r.handing.Unlock()
	r.config.Sink = sink
}

// Begin makes the graph give what happens from now on.
func (r *Recorder) Begin(g *graph.Graph, now time.Time) {
	g.Take(now.Unix(), false, func(*graph.Edge, *graph.Bucket) {})
	r.boundary = aligned(now.Add(-grace).Unix(), Stretch)
}

// aligned is the last multiple of a length that is not after a second.
func aligned(second int64, length time.Duration) int64 {
	whole := int64(length / time.Second)
	return second - ((second%whole)+whole)%whole
}

// Tick writes down what is due.
func (r *Recorder) Tick(g *graph.Graph, now time.Time) {
	r.flowsDue(now)
	boundary := aligned(now.Add(-grace).Unix(), Stretch)
	if boundary == r.boundary {
		return
	}
	r.boundary = boundary
	whole := aligned(boundary, minute) == boundary
	// Each stretch by itself, also where time has made a leap, unless it was a long one.
	for until := g.Taken() + 1; until < boundary && boundary-until < 60; until++ {
		if aligned(until, Stretch) == until {
			r.edges(g, until, false)
		}
	}
	r.edges(g, boundary, whole)
	r.instances(g, boundary)
}

// End writes down everything that has not been yet, because nothing more will come.
func (r *Recorder) End(g *graph.Graph, now time.Time) {
	// Clocks that are ahead may have made seconds to come.
	r.edges(g, now.Unix()+2, true)
	for c := r.changes.Oldest(); c != nil; c = r.changes.Oldest() {
		r.flow(c, now)
	}
}

// Run hands rows over until the context ends.
func (r *Recorder) Run(ctx context.Context) error {
	ticker := time.NewTicker(handOver)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			r.Flush()
			return nil
		case <-ticker.C:
		case <-r.wake:
		}
		r.Flush()
	}
}

// Flush hands over everything that waits.
func (r *Recorder) Flush() {
	r.handing.Lock()
	defer r.handing.Unlock()
	r.mu.Lock()
	full := r.waiting
	if full.count() == 0 || r.config.Sink == nil {
		r.mu.Unlock()
		return
	}
	r.waiting, r.spare = r.spare, nil
	r.mu.Unlock()
	sink := r.config.Sink
	if len(full.edges) > 0 {
		sink.AddEdges(full.edges)
	}
	if len(full.instances) > 0 {
		sink.AddInstances(full.instances)
	}
	if len(full.flows) > 0 {
		sink.AddFlows(full.flows)
	}
	if len(full.events) > 0 {
		sink.AddEvents(full.events)
	}
	r.stage.Out(uint64(full.count()))
	full.reset()
	r.spare = full
}

// add has a row filled in among those that wait, if there is room. Rows are large: they are made where they stay.
func add[T any](r *Recorder, list func(*rows) *[]T, fill func(*T)) {
	r.stage.In(1)
	r.mu.Lock()
	waiting := list(r.waiting)
	count := len(*waiting)
	if count >= r.config.MostRows {
		r.mu.Unlock()
		r.stage.Drop("queue-full", 1)
		return
	}
	*waiting = slices.Grow(*waiting, 1)[:count+1]
	fill(&(*waiting)[count])
	count++
	r.mu.Unlock()
	if count == enough {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}
