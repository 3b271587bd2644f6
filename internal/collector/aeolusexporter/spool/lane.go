// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// Config is what a lane needs.
type Config struct {
	Client storage.Client
	// Name tells the lanes of one client apart.
	Name string
	// Most bounds the bytes of a lane.
	Most int64
	// MaxAge is how old a record may be when it is sent; 0 for any age.
	MaxAge time.Duration
	// Stage counts what is dropped.
	Stage *loss.Stage
	Now   func() time.Time
}

// Lane is a queue of messages on disk. It may be used by several goroutines at once; one alone takes messages out.
type Lane struct {
	config Config

	mu sync.Mutex
	state
	// loaded are the records under way.
	loaded []Record
	// garbage is what may still be on disk though it is needed no more.
	garbage []span
}

// Open reads which records are there from an earlier run.
func Open(ctx context.Context, config Config) (*Lane, error) {
	l := &Lane{config: config}
	value, err := config.Client.Get(ctx, l.indexKey())
	if err != nil {
		return nil, fmt.Errorf("opening the spool of %s: %w", config.Name, err)
	}
	if value == nil {
		l.under, l.wait = span{1, 1}, span{1, 1}
		return l, nil
	}
	if l.state, err = decodeState(value); err != nil {
		return nil, fmt.Errorf("opening the spool of %s: %w", config.Name, err)
	}
	return l, nil
}

func (l *Lane) indexKey() string { return l.config.Name + "/index" }

func (l *Lane) key(number uint64) string { return fmt.Sprintf("%s/%016x", l.config.Name, number) }

// Holding tells whether the lane holds anything: what comes then must go behind it.
func (l *Lane) Holding() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holding()
}

func (l *Lane) holding() bool { return l.under.len()+l.wait.len() > 0 }

// Held is how many records the lane's messages hold, and their bytes.
func (l *Lane) Held() (records uint64, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records, l.bytes
}

// Push puts a message at the end, and returns when the storage has it. Where it would not fit, the oldest go; what is
// under way does not.
func (l *Lane) Push(ctx context.Context, payload []byte, count uint64) error {
	record := Record{Payload: payload, Count: count, At: l.config.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.state
	var dropped uint64
	var gone span
	gone.from = next.wait.from
	for next.bytes+record.size() > l.config.Most && next.wait.len() > 0 {
		oldest, err := l.config.Client.Get(ctx, l.key(next.wait.from))
		if err != nil {
			return fmt.Errorf("spooling %s: %w", l.config.Name, err)
		}
		// One that cannot be read counts as one: how many it held is not known.
		lost := Record{Count: 1}
		if old, ok := decodeRecord(oldest); ok {
			lost = old
		}
		dropped += lost.Count
		next.forget(lost)
		next.wait.from++
	}
	gone.to = next.wait.from
	added := storage.SetOperation(l.key(next.wait.to), record.encode())
	next.wait.to++
	next.bytes += record.size()
	next.records += count
	if err := l.write(ctx, next, gone, added); err != nil {
		return fmt.Errorf("spooling %s: %w", l.config.Name, err)
	}
	l.state = next
	l.config.Stage.Drop("spool-full", dropped)
	return nil
}

// forget takes a record out of the sums.
func (s *state) forget(r Record) {
	s.bytes -= min(r.size(), s.bytes)
	s.records -= min(r.Count, s.records)
}

// write makes one transaction of a change: the new state, what it adds, and the removal of what is needed no more. Where
// it fails, the state in memory is for the caller to choose, and what was to be removed is removed with a later one.
func (l *Lane) write(ctx context.Context, next state, gone span, added ...*storage.Operation) error {
	operations := append(added, storage.SetOperation(l.indexKey(), next.encode()))
	for _, old := range append(l.garbage[:len(l.garbage):len(l.garbage)], gone) {
		for number := old.from; number < old.to; number++ {
			operations = append(operations, storage.DeleteOperation(l.key(number)))
		}
	}
	if err := l.config.Client.Batch(ctx, operations...); err != nil {
		return err
	}
	l.garbage = nil
	return nil
}

// discard remembers to remove records, without a transaction of its own.
func (l *Lane) discard(gone span) {
	if last := len(l.garbage) - 1; last >= 0 && l.garbage[last].to == gone.from {
		l.garbage[last].to = gone.to
		return
	}
	l.garbage = append(l.garbage, gone)
}
