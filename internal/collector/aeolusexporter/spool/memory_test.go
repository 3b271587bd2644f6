// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"errors"
	"maps"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

var errFull = errors.New("no space left on device")

// memory is a storage whose transactions happen whole or not at all.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	// reading and writing fail where these are set.
	readOnly, broken bool
	transactions     int
}

func newMemory() *memory { return &memory{values: map[string][]byte{}} }

func (m *memory) Get(ctx context.Context, key string) ([]byte, error) {
	operation := storage.GetOperation(key)
	err := m.Batch(ctx, operation)
	return operation.Value, err
}

func (m *memory) Set(ctx context.Context, key string, value []byte) error {
	return m.Batch(ctx, storage.SetOperation(key, value))
}

func (m *memory) Delete(ctx context.Context, key string) error {
	return m.Batch(ctx, storage.DeleteOperation(key))
}

func (m *memory) Close(context.Context) error { return nil }

func (m *memory) Batch(_ context.Context, operations ...*storage.Operation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return errFull
	}
	next := maps.Clone(m.values)
	changed := false
	for _, operation := range operations {
		switch operation.Type {
		case storage.Get:
			operation.Value = next[operation.Key]
		case storage.Set:
			next[operation.Key] = append([]byte(nil), operation.Value...)
			changed = true
		case storage.Delete:
			delete(next, operation.Key)
			changed = true
		}
	}
	if changed && m.readOnly {
		return errFull
	}
	m.values = next
	m.transactions++
	return nil
}
