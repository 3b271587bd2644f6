// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/clock"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/iter"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/load"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/meter"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/ring"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// The passes of adoption, as tcp.bpf.c numbers them.
const (
	adoptListeners uint32 = iota
	adoptSockets
	adoptOwners
)

// run is the sensor between attaching and detaching.
type run struct {
	sensor *tcpSensor
	set    *load.Set
	sink   sensor.Sink

	urgent, bulk   *ring.Reader
	walker, adopts *iter.Walker
	urgentAccount  *account
	bulkAccount    *account
	runAccount     *account
	runs           uint64
	books          *books

	routes  *routes
	decoder *decoder
	batch   batch
	// inherited is set while a walk has shown connections that still have their listener's process.
	inherited bool
	corrected time.Time
}

func newRun(s *tcpSensor, set *load.Set, sink sensor.Sink) (r *run, err error) {
	r = &run{
		sensor: s, set: set, sink: sink, decoder: newDecoder(), routes: newRoutes(s.settings.Routes, s.logger),
		urgentAccount: newAccount(s.settings.Ledger, "tcp.urgent"),
		bulkAccount:   newAccount(s.settings.Ledger, "tcp.bulk"),
		runAccount:    newAccount(s.settings.Ledger, "tcp.runs"),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.urgent, err = ring.New(set.Maps[objectMapUrgent]); err != nil {
		return nil, err
	}
	if r.bulk, err = ring.New(set.Maps[objectMapBulk]); err != nil {
		return nil, err
	}
	walk, err := set.Iterator(objectProgTcpWalk, objectMapKept)
	if err != nil {
		return nil, err
	}
	r.walker = iter.New(walk, snapshotSize)
	adopt, err := set.Iterator(objectProgTcpAdopt, "")
	if err != nil {
		return nil, err
	}
	r.adopts = iter.New(adopt, snapshotSize)
	if r.books, err = newBooks(set); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *run) close() error {
	var errs []error
	for _, reader := range []*ring.Reader{r.urgent, r.bulk} {
		if reader != nil {
			errs = append(errs, reader.Close())
		}
	}
	for _, walker := range []*iter.Walker{r.walker, r.adopts} {
		if walker != nil {
			errs = append(errs, walker.Close())
		}
	}
	if r.books != nil {
		errs = append(errs, r.books.close())
	}
	return errors.Join(errs...)
}

// pass runs one pass over the files of all processes.
func (r *run) pass(number uint32) error {
	if err := r.set.Variables["adopt_pass"].Set(number); err != nil {
		return fmt.Errorf("choosing a pass of adoption: %w", err)
	}
	return r.adopts.Walk(func([]byte) {})
}

// adopt takes over what is older than the sensor. Everything is attached by now, so that nothing falls between.
func (r *run) adopt() error {
	if err := r.pass(adoptListeners); err != nil {
		return err
	}
	return r.pass(adoptSockets)
}

func (r *run) serve(ctx context.Context, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wait sync.WaitGroup
	var urgentErr error
	wait.Go(func() {
		defer cancel()
		urgentErr = r.readUrgent()
	})
	err := r.walk(true)
	if err == nil {
		ready()
		err = r.readBulk(ctx)
	}
	// The books are closed while every end is still seen: a first turn for what began before it, a second for what has
	// begun since the last walk. Then the programs are stopped: what the rings hold is all there is.
	err = errors.Join(err, r.books.turn(), r.books.turn(), r.set.Detach(), r.urgent.Stop())
	wait.Wait()
	err = errors.Join(err, urgentErr, r.bulk.Drain(r.collect))
	r.deliver()
	return errors.Join(err, r.settle())
}

func (r *run) readUrgent() error {
	d := newDecoder()
	var event sensor.Event
	for {
		raw, ok, err := r.urgent.Next()
		if err != nil || !ok {
			return err
		}
		event.Read = clock.Monotonic()
		h, err := d.identity(raw, &event.Conn)
		if err != nil {
			r.urgentAccount.dropped(lostMalformed, 1)
			continue
		}
		r.routes.refine(&event.Conn)
		event.Kind, event.ByPeer = eventOf(h, event.Conn.Failure), h.byPeer()
		r.sink.Event(event)
		r.urgentAccount.delivered(1)
	}
}

// eventOf names what an urgent record tells. However an established connection broke, it was not a connect that failed.
func eventOf(h head, failure model.Failure) model.EventKind {
	switch {
	case h.kind == recordRetrying:
		return model.EventRetrying
	case h.wasEstablished():
		return model.EventReset
	}
	return model.EventOf(failure)
}

func (r *run) readBulk(ctx context.Context) error {
	p := r.sensor.parameters
	began := time.Now()
	nextWalk, nextFull := began.Add(p.walk), began.Add(p.fullWalk)
	for ctx.Err() == nil {
		if err := r.bulk.Batch(earlier(time.Now().Add(p.poll), nextWalk.Add(leastWait)), r.collect); err != nil {
			return err
		}
		r.deliver()
		now := time.Now()
		if now.Before(nextWalk) {
			continue
		}
		full := !now.Before(nextFull)
		if full {
			nextFull = now.Add(p.fullWalk)
		}
		// Before the walk, so that a turn of the books is long over.
		if err := r.settle(); err != nil {
			return err
		}
		if err := r.walk(full); err != nil {
			return err
		}
		nextWalk = now.Add(p.walk)
		if err := r.correctOwners(now); err != nil {
			return err
		}
	}
	return nil
}

// leastWait is the least that the ring's reader can wait: it would turn round and round for the rest of a millisecond.
const leastWait = time.Millisecond

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// collect decodes a bulk record into the batch.
func (r *run) collect(raw []byte) {
	if err := r.batch.add(r.decoder, r.routes, raw); err != nil {
		r.bulkAccount.dropped(lostMalformed, 1)
		return
	}
	if r.batch.size() >= maxBatch {
		r.deliver()
	}
}

// deliver hands the batch to the sink.
func (r *run) deliver() {
	size := r.batch.size()
	if size == 0 {
		return
	}
	if len(r.batch.connections) > 0 {
		r.sink.Connections(r.batch.connections)
	}
	if len(r.batch.listeners) > 0 {
		r.sink.Listeners(r.batch.listeners)
	}
	r.bulkAccount.delivered(uint64(size))
	r.batch.clear()
}

// walk reports what moved since the last one, or every socket.
func (r *run) walk(full bool) error {
	everything := uint32(0)
	if full {
		everything = 1
	}
	if err := r.set.Variables["walk_everything"].Set(everything); err != nil {
		return fmt.Errorf("choosing what to walk over: %w", err)
	}
	began := clock.Monotonic()
	records := uint64(0)
	err := r.walker.Walk(func(raw []byte) {
		records++
		r.inherited = r.inherited || raw[4]&flagInherited != 0
		r.collect(raw)
	})
	r.bulkAccount.entered(records)
	if err != nil {
		return err
	}
	// What closed during the walk is in the ring, and goes out after it: a connection that was shown as closed is never
	// shown open again.
	if err := r.bulk.Batch(time.Now(), r.collect); err != nil {
		return err
	}
	r.deliver()
	if full {
		r.sink.Walked(began)
		return r.books.turn()
	}
	return nil
}

// correctEvery bounds how often the files of all processes are looked through.
const correctEvery = 5 * time.Second

// correctOwners finds out which processes hold connections that still have their listener's.
func (r *run) correctOwners(now time.Time) error {
	if !r.inherited || now.Sub(r.corrected) < correctEvery {
		return nil
	}
	r.inherited = false
	r.corrected = now
	return r.pass(adoptOwners)
}

// settle brings the books up to what the kernel has counted.
func (r *run) settle() error {
	counts, err := readAccounts(r.set.Maps[objectMapAccounts])
	if err != nil {
		return err
	}
	unseen, err := r.books.lost()
	if err != nil {
		return err
	}
	r.urgentAccount.observe(counts.UrgentAttempts, map[string]uint64{
		lostRingFull:    counts.UrgentFull,
		lostOwnerBucket: counts.UrgentOwnerBucket,
		lostCPUBucket:   counts.UrgentCpuBucket,
	})
	// What never came to an attempt to write is counted as one, so that what went in stays the sum of the rest.
	r.bulkAccount.observe(counts.BulkAttempts+counts.StorageFull+counts.TableFull+unseen, map[string]uint64{
		lostRingFull:    counts.BulkFull,
		lostStorageFull: counts.StorageFull,
		lostTableFull:   counts.TableFull,
		lostUnseenEnd:   unseen,
	})
	return r.settleRuns()
}

// settleRuns keeps the books of the programs' runs: those that the kernel skipped because they would have run inside
// themselves. A skipped run loses a record only if the run at the socket's end, which makes up for it, is skipped too.
func (r *run) settleRuns() error {
	readings, err := meter.Read(r.set.Maps[objectMapMeters], programs)
	if err != nil {
		return err
	}
	var runs uint64
	for _, reading := range readings {
		runs += reading.Runs
	}
	skipped := r.set.Skipped()
	r.runAccount.observe(runs+skipped, map[string]uint64{lostNestedRun: skipped})
	r.runAccount.delivered(runs - r.runs)
	r.runs = runs
	return nil
}
