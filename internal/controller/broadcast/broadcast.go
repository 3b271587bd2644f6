// SPDX-License-Identifier: Apache-2.0

// Package broadcast hands what happens to those who watch, without ever waiting for one of them: each has a bounded
// queue, and what does not fit is dropped and counted.
package broadcast

import (
	"sync"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// Hub hands values to its subscriptions.
type Hub[T any] struct {
	stage *loss.Stage
	mu    sync.Mutex
	subs  map[*Subscription[T]]struct{}
}

// NewHub makes a hub that counts what it drops in a stage, by the reason "slow-client".
func NewHub[T any](stage *loss.Stage) *Hub[T] {
	return &Hub[T]{stage: stage, subs: map[*Subscription[T]]struct{}{}}
}

// Subscription is one watcher's queue.
type Subscription[T any] struct {
	hub *Hub[T]
	out chan T
}

// Subscribe makes a queue of a bounded length. It must be closed.
func (h *Hub[T]) Subscribe(length int) *Subscription[T] {
	s := &Subscription[T]{hub: h, out: make(chan T, length)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subs[s] = struct{}{}
	return s
}

// C gives what has been published since the subscription was made.
func (s *Subscription[T]) C() <-chan T { return s.out }

// Close ends the subscription.
func (s *Subscription[T]) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	delete(s.hub.subs, s)
}

// Watched tells whether anybody is subscribed.
func (h *Hub[T]) Watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs) > 0
}

// Publish hands a value to every subscription that has room for it.
func (h *Hub[T]) Publish(value T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		h.stage.In(1)
		select {
		case s.out <- value:
			h.stage.Out(1)
		default:
			h.stage.Drop("slow-client", 1)
		}
	}
}
