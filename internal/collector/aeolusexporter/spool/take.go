// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Begin gives the oldest messages, at most so many, and the same ones again until they are settled. None are given if the
// lane is empty. What cannot be read or is too old is dropped.
func (l *Lane) Begin(ctx context.Context, most int) ([]Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expireLoaded()
	for len(l.loaded) == 0 && l.holding() {
		if err := l.load(ctx, most); err != nil {
			return nil, fmt.Errorf("reading the spool of %s: %w", l.config.Name, err)
		}
	}
	return l.loaded, nil
}

// load reads the oldest messages. What was under way when an earlier run ended is read first.
func (l *Lane) load(ctx context.Context, most int) error {
	from := &l.under
	if from.len() == 0 {
		from = &l.wait
	}
	wanted := make([]*storage.Operation, min(most, from.len()))
	for i := range wanted {
		wanted[i] = storage.GetOperation(l.key(from.from + uint64(i)))
	}
	if err := l.config.Client.Batch(ctx, wanted...); err != nil {
		return err
	}
	if from == &l.under {
		// The rest of what was under way, if that was more, stays with it.
		return l.adopt(wanted)
	}
	begin := l.wait.from
	l.under = span{begin, begin}
	for _, operation := range wanted {
		record, reason := l.judge(operation.Value)
		if reason != "" {
			if len(l.loaded) > 0 {
				break
			}
			l.drop(record, reason, span{l.wait.from, l.wait.from + 1})
			l.wait.from++
			l.under = span{l.wait.from, l.wait.from}
			continue
		}
		l.loaded = append(l.loaded, record)
		l.wait.from++
		l.under.to = l.wait.from
	}
	return nil
}

// adopt takes over the first of what an earlier run had under way.
func (l *Lane) adopt(wanted []*storage.Operation) error {
	for _, operation := range wanted {
		record, reason := l.judge(operation.Value)
		if reason == "" {
			l.loaded = append(l.loaded, record)
			continue
		}
		if len(l.loaded) > 0 {
			return nil
		}
		l.drop(record, reason, span{l.under.from, l.under.from + 1})
		l.under.from++
	}
	return nil
}

// judge reads a record; the reason says why it is not to be sent.
func (l *Lane) judge(value []byte) (record Record, reason string) {
	record, ok := decodeRecord(value)
	switch {
	case !ok:
		return Record{Count: 1}, "unreadable"
	case l.tooOld(record):
		return record, "too-old"
	}
	return record, ""
}

func (l *Lane) tooOld(record Record) bool {
	return l.config.MaxAge > 0 && l.config.Now().Sub(record.At) > l.config.MaxAge
}

func (l *Lane) drop(record Record, reason string, gone span) {
	l.config.Stage.Drop(reason, record.Count)
	l.forget(record)
	l.discard(gone)
}

// expireLoaded drops those under way that have become too old.
func (l *Lane) expireLoaded() {
	for len(l.loaded) > 0 && l.tooOld(l.loaded[0]) {
		l.drop(l.loaded[0], "too-old", span{l.under.from, l.under.from + 1})
		l.loaded = l.loaded[1:]
		l.under.from++
	}
}

// Settle forgets the first n messages that Begin gave: they have been answered. Where the storage does not take that,
// they may be sent again after a restart, and not before.
func (l *Lane) Settle(ctx context.Context, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, len(l.loaded))
	if n == 0 {
		return nil
	}
	for _, record := range l.loaded[:n] {
		l.forget(record)
	}
	l.loaded = l.loaded[n:]
	gone := span{l.under.from, l.under.from + uint64(n)}
	l.under.from = gone.to
	if !l.holding() {
		// What could not be read may have left something in the sums.
		l.bytes, l.records = 0, 0
	}
	l.discard(gone)
	if err := l.write(ctx, l.state, span{}); err != nil {
		return fmt.Errorf("emptying the spool of %s: %w", l.config.Name, err)
	}
	return nil
}
