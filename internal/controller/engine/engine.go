// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/broadcast"
	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/history"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/reduce"
	"github.com/aeolus-ebpf/aeolus/internal/sequence"
)

const (
	maxEvents    = 16384
	maxAnomalies = 2048
	// tick is how often what waits is settled and the statistical detectors judge.
	tick = 250 * time.Millisecond
	// patience is how long an event waits for the first batch of its node, which says who owns which address.
	patience = 1500 * time.Millisecond
	maxHeld  = 4096
)

// Config is what an engine needs.
type Config struct {
	Graph  graph.Config
	Reduce reduce.Config
	Detect detect.Config
	Logger *slog.Logger
	Ledger *loss.Ledger
	// Now is the clock; time.Now unless given.
	Now func() time.Time
	// Recorder writes down what is seen; nil for nobody.
	Recorder *history.Recorder
}

// Engine is the controller's state.
type Engine struct {
	config  Config
	now     func() time.Time
	started time.Time

	mu         sync.RWMutex
	graph      *graph.Graph
	reducer    *reduce.Reducer
	detector   *detect.Detector
	events     latest[*Event]
	open       map[string]*Anomaly
	ended      latest[*Anomaly]
	byEdge     map[string]map[string]*Anomaly
	earlier    earlierRun
	keep       func(*Anomaly)
	findings   map[string]map[string]string
	held       []heldEvent
	known      *sequence.Recent
	newEdges   []*graph.Edge
	edgeNumber uint64
	// logNumber counts the log records of other programs.
	logNumber  uint64
	nextExpiry time.Time
	// The time of the call that is under way.
	clock time.Time

	detectStage *loss.Stage
	eventStage  *loss.Stage

	// Events, Anomalies and Connections tell those who watch.
	Events      *broadcast.Hub[*Event]
	Anomalies   *broadcast.Hub[*Anomaly]
	Connections *broadcast.Hub[*graph.Connection]
}

// New makes an engine that knows nothing yet.
func New(config Config) *Engine {
	if config.Now == nil {
		config.Now = time.Now
	}
	watch := config.Ledger.Stage("watch")
	e := &Engine{
		config: config, now: config.Now, started: config.Now(),
		detector: detect.New(config.Detect, config.Now()),
		events:   latest[*Event]{max: maxEvents}, ended: latest[*Anomaly]{max: maxAnomalies},
		open: map[string]*Anomaly{}, byEdge: map[string]map[string]*Anomaly{}, findings: map[string]map[string]string{},
		known:       sequence.NewRecent(65536),
		detectStage: config.Ledger.Stage("detect"), eventStage: config.Ledger.Stage("events"),
		Events:      broadcast.NewHub[*Event](watch),
		Anomalies:   broadcast.NewHub[*Anomaly](watch),
		Connections: broadcast.NewHub[*graph.Connection](watch),
	}
	e.graph = graph.New(config.Graph, func(edge *graph.Edge) { e.newEdges = append(e.newEdges, edge) })
	config.Reduce.Changed, config.Reduce.Dropped = e.connectionChanged, e.connectionDropped
	config.Reduce.Run = strconv.FormatInt(e.started.UnixMilli(), 36) + "-"
	if config.Recorder != nil {
		config.Recorder.Begin(e.graph, e.started)
	}
	e.reducer = reduce.New(e.graph, config.Ledger.Stage("reduce"), config.Reduce)
	return e
}

// connectionChanged tells those who watch of a connection; a copy, because the reducer goes on with its own.
func (e *Engine) connectionChanged(c *graph.Connection) {
	if e.config.Recorder != nil {
		e.config.Recorder.Connection(c, e.clock)
	}
	if !e.Connections.Watched() {
		return
	}
	snapshot := *c
	snapshot.Noted = graph.Noted{}
	e.Connections.Publish(&snapshot)
}

// connectionDropped has the rest of a connection written down that will not be heard of again.
func (e *Engine) connectionDropped(c *graph.Connection) {
	if e.config.Recorder != nil {
		e.config.Recorder.Gone(c, e.clock)
	}
}

// Run settles, judges and forgets until the context ends.
func (e *Engine) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			e.Tick()
		}
	}
}

// Tick does what is due now. Run calls it; tests may.
func (e *Engine) Tick() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	e.clock = now
	e.reducer.Settle(now)
	e.releaseHeld(now)
	e.announceEdges(now)
	e.judge(now)
	e.endUnconfirmed(now)
	if e.config.Recorder != nil {
		e.config.Recorder.Tick(e.graph, now)
	}
	if now.Before(e.nextExpiry) {
		return
	}
	e.nextExpiry = now.Add(5 * time.Second)
	e.graph.Expire(now, func(edge *graph.Edge) bool { return len(e.byEdge[edge.ID]) > 0 })
	e.detector.Forget(func(id string) bool { return e.graph.Edges()[id] == nil })
}

// End has everything written down that has not been yet. It is to be called when nothing more comes.
func (e *Engine) End() {
	if e.config.Recorder == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.config.Recorder.End(e.graph, e.now())
}

// ApplyBatch takes in a batch of flows.
func (e *Engine) ApplyBatch(batch *model.Batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	e.clock = now
	e.reducer.Apply(batch, now)
	e.releaseHeld(now)
	e.announceEdges(now)
}

// judge feeds the detectors with what the edges did since they were last fed.
func (e *Engine) judge(now time.Time) {
	samples := make([]detect.Sample, 0, 64)
	for _, edge := range e.graph.Edges() {
		fresh := edge.TakeFresh()
		if fresh.IsZero() || edge.Own || edge.Client.Other {
			continue
		}
		samples = append(samples, sampleOf(edge, &fresh))
	}
	e.detectStage.In(uint64(len(samples)))
	e.decide(e.detector.Tick(now, samples, e.muted(now)))
	e.detectStage.Out(uint64(len(samples)))
}

func sampleOf(edge *graph.Edge, b *graph.Bucket) detect.Sample {
	s := detect.Sample{
		Edge: edge.ID, Client: edge.Client.ID, Server: edge.Server.ID,
		Opens: b.Opens, Established: b.Established, Closes: b.Closes, Failures: b.Failures,
		Segments: b.Segments, SentSegments: b.SentSegments, Retransmits: b.Retransmits,
		ConnectRetransmits: b.ConnectRetransmits,
		LeastSmoothed:      b.LeastSmoothed, LeastRoundTrip: b.LeastRTT,
		Handshakes: b.HandshakeCount, LeastHandshake: b.LeastHandshake, Open: edge.Open,
	}
	if b.RTTWeight > 0 {
		s.RoundTrip = time.Duration(b.RTTSum / b.RTTWeight * float64(time.Second))
	}
	if b.HandshakeCount > 0 {
		s.Handshake = b.HandshakeSum / time.Duration(b.HandshakeCount)
	}
	return s
}

// unheard is after how long without a batch the edges of an agent's node say nothing by their silence.
const unheard = 2500 * time.Millisecond

// muted gives the edges that are not reported just now, because an agent at one of their ends is not heard.
func (e *Engine) muted(now time.Time) []string {
	silent := e.reducer.Unheard(now, unheard)
	if len(silent) == 0 {
		return nil
	}
	var edges []string
	for id, edge := range e.graph.Edges() {
		if edge.Client.RunsOn(silent) || edge.Server.RunsOn(silent) {
			edges = append(edges, id)
		}
	}
	return edges
}
