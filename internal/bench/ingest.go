// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// ingest measures what it costs a controller to take what is sent to it, all the way to the disk.
type ingest struct{}

// Name is ingest.
func (ingest) Name() string { return "ingest" }

// About says what is measured.
func (ingest) About() string {
	return "what a controller on one CPU takes in, from the wire to the disk, and when it can be asked for"
}

const (
	goalPerRow       = 0.6e-6
	goalRepresented  = 150e3
	goalTwoCores     = 300e3
	goalQueryable    = 1.0
	sustainedRows    = 80_000
	sustainedSmall   = 20_000
	eventsAreRows    = "an event represented is a change of a connection's state (opened, established, closed) or one reading of its counters, as a row sums them up"
	wholePath        = "the controller's whole process: TLS, decoding, joining, map, detectors, archive on disk"
	bodiesOfASecond  = "half of the rows are of connections that stay, half of short ones; 320 workloads on 8 nodes"
	beforeBlocksNote = "the write-ahead log, before it becomes blocks"
)

// ingestBed is where the processes are.
type ingestBed struct {
	run                *Run
	sender, controller int
	directory          string
	number             int
}

// Run measures each kind with a controller of its own.
func (ingest) Run(ctx context.Context, run *Run) ([]Row, error) {
	directory, err := workDirectory()
	if err != nil {
		return nil, err
	}
	bed := &ingestBed{run: run, directory: directory}
	bed.sender, bed.controller = pinnable()
	rows, err := bed.measure(ctx)
	return rows, errors.Join(interrupted(ctx, err), os.RemoveAll(directory))
}

func (b *ingestBed) measure(ctx context.Context) ([]Row, error) {
	rounds, each := 3, 5*time.Second
	if !b.run.Full {
		rounds, each = 1, time.Second
	}
	rows, err := b.sustained(ctx)
	if err != nil {
		return nil, err
	}
	for _, kind := range ingestKinds() {
		var found []replayed
		for round := range rounds {
			b.run.Progress(fmt.Sprintf("%s, round %d of %d", kind.what, round+1, rounds))
			got, err := b.replay(ctx, order{Kind: kind.kind, Rows: 40_000, Short: kind.short, Duration: each}, nil)
			if err != nil {
				return nil, err
			}
			found = append(found, got)
		}
		rows = append(rows, kind.rows(found)...)
	}
	return rows, nil
}

// ingestKind is one of the things that are sent as fast as they are answered.
type ingestKind struct {
	kind, what, record string
	// short is which share of rows is of short connections.
	short float64
}

func ingestKinds() []ingestKind {
	return []ingestKind{
		{kind: sendFlows, what: "flow batches", record: "row", short: 0.5},
		{kind: sendFlows, what: "flow batches of connections that stay", record: "row"},
		{kind: sendFlows, what: "flow batches of short connections", record: "row", short: 1},
		{kind: sendEvents, what: "OTLP events", record: "event"},
		{kind: sendWrite1, what: "remote write 1.0", record: "sample"},
		{kind: sendWrite2, what: "remote write 2.0", record: "sample"},
	}
}

// replayed is what came of one replay.
type replayed struct {
	sent
	cpu         time.Duration
	allocations uint64
	// wall is the time between the two readings of the controller's figures.
	wall time.Duration
	// waited is how long its threads waited for a CPU meanwhile.
	waited   time.Duration
	disk     float64
	resident float64
	lost     map[string]uint64
	load     string
}

func (r *replayed) perRecord(value float64) float64 { return value / float64(r.Records) }

// replay starts a controller and a sender, and runs something beside them if there is something.
func (b *ingestBed) replay(ctx context.Context, o order, beside func(context.Context, *subject) error) (_ replayed, err error) {
	b.number++
	directory := filepath.Join(b.directory, fmt.Sprint(b.number))
	if err := os.Mkdir(directory, 0o700); err != nil {
		return replayed{}, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	s, err := startSubject(b.controller, directory)
	if err != nil {
		return replayed{}, err
	}
	found, err := b.drive(ctx, s, o, beside)
	if err := errors.Join(err, s.close()); err != nil {
		return replayed{}, err
	}
	for _, place := range kept(o.Kind) {
		size, err := directoryBytes(filepath.Join(directory, place))
		if err != nil {
			return replayed{}, err
		}
		found.disk += size
	}
	return found, nil
}

// kept are the directories in which what is sent is kept.
func kept(kind string) []string {
	if kind == sendWrite1 || kind == sendWrite2 {
		return []string{metricsDirectory}
	}
	return []string{archiveDirectory}
}

func (b *ingestBed) drive(ctx context.Context, s *subject, o order, beside func(context.Context, *subject) error) (replayed, error) {
	o.GRPC, o.HTTP, o.Token, o.Trust = s.at.GRPC, s.at.HTTP, benchToken, filepath.Join(s.directory, trustDirectory)
	sending, err := startChild(b.sender, nil, SenderCommand)
	if err != nil {
		return replayed{}, err
	}
	defer sending.stop()
	defer context.AfterFunc(ctx, sending.stop)()
	text, err := json.Marshal(o)
	if err != nil {
		return replayed{}, err
	}
	if err := sending.ask(string(text), nil); err != nil {
		return replayed{}, err
	}
	found := replayed{load: loadNote()}
	cpu, allocations, err := s.cost()
	if err != nil {
		return replayed{}, err
	}
	began, waited := time.Now(), s.waited()
	other := make(chan error, 1)
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if beside == nil {
			other <- nil
			return
		}
		other <- beside(inner, s)
	}()
	err = sending.ask("go", &found.sent)
	cancel()
	err = errors.Join(err, <-other)
	if err != nil {
		return replayed{}, err
	}
	// What is still being worked on is the work of what was sent.
	if err := pause(ctx, 500*time.Millisecond); err != nil {
		return replayed{}, err
	}
	found.wall, found.waited = time.Since(began), s.waited()-waited
	after, allocated, err := s.cost()
	if err != nil {
		return replayed{}, err
	}
	found.cpu, found.allocations = after-cpu, allocated-allocations
	if found.resident, err = s.resident(); err != nil {
		return replayed{}, err
	}
	found.lost, err = s.lost(ctx)
	return found, err
}

// rows makes rows of replays that were as fast as the controller answered.
func (k ingestKind) rows(found []replayed) []Row {
	what, record, kind := k.what, k.record, k.kind
	figure := func(of func(*replayed) float64) []float64 {
		var values []float64
		for i := range found {
			values = append(values, of(&found[i]))
		}
		return values
	}
	row := func(name, unit string, of func(*replayed) float64) Row {
		return Measured(what+", "+name, unit, figure(of))
	}
	cpu := row("CPU per "+record, Seconds, func(r *replayed) float64 { return r.perRecord(r.cpu.Seconds()) }).WithNote("%s; %s", wholePath, found[0].load)
	if kind == sendFlows {
		cpu = cpu.WithGoal(goalPerRow)
	}
	disk := row("on disk per "+record, Bytes, func(r *replayed) float64 { return r.perRecord(r.disk) })
	if kind == sendWrite1 || kind == sendWrite2 {
		disk = disk.WithNote("%s", beforeBlocksNote)
	}
	rows := []Row{
		cpu,
		row("allocations per "+record, Count, func(r *replayed) float64 { return r.perRecord(float64(r.allocations)) }),
		row(record+"s a second, at most", PerSecond, func(r *replayed) float64 { return float64(r.Records) / r.Took.Seconds() }).
			WithNote("as fast as it answers; its CPU was busy for %s of the time", units.Percent(Median(figure(busy)))),
		row("on the wire per "+record, Bytes, func(r *replayed) float64 { return r.perRecord(float64(r.Bytes)) }).WithNote("before compression and TLS"),
		disk,
		row("controller's memory at the end", Bytes, func(r *replayed) float64 { return r.resident }).WithNote("resident"),
		row("lost", Count, func(r *replayed) float64 { return lossOf(r.lost) }).WithNote("%s", lossWords(found)),
	}
	if kind == sendFlows {
		rows = append(rows, row("events represented a second, at most", PerSecond, func(r *replayed) float64 { return float64(r.Events) / r.Took.Seconds() }))
	}
	return rows
}

func busy(r *replayed) float64 { return r.cpu.Seconds() / r.wall.Seconds() }

func lossOf(lost map[string]uint64) float64 {
	var sum uint64
	for _, n := range lost {
		sum += n
	}
	return float64(sum)
}

func lossWords(found []replayed) string {
	var words []string
	for i := range found {
		for what, n := range found[i].lost {
			words = append(words, fmt.Sprintf("%s %d", what, n))
		}
	}
	slices.Sort(words)
	return strings.Join(words, "; ")
}
