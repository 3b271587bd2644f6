// SPDX-License-Identifier: Apache-2.0

// Package crowd bounds what many who come at once may use together: a body that is small enough by itself is not if a
// thousand of them are held in memory.
package crowd

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Pause is how long those who are refused are told to wait.
const Pause = time.Second

// ErrCrowded is the cause where somebody else has to be done first.
var ErrCrowded = errors.New("too many requests at once: send it again")

// Slots bound how many requests are worked on at once, and how many bytes they have together.
type Slots struct {
	mu           sync.Mutex
	most, used   int
	bytes, spent int64
}

// NewSlots makes room for so many requests with so many bytes.
func NewSlots(most int, bytes int64) *Slots { return &Slots{most: most, bytes: bytes} }

// Take takes a place for a request of so many bytes, if there is one.
func (s *Slots) Take(bytes int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used >= s.most || s.spent+bytes > s.bytes {
		return false
	}
	s.used++
	s.spent += bytes
	return true
}

// Grow takes more bytes for a request that has a place.
func (s *Slots) Grow(bytes int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spent+bytes > s.bytes {
		return false
	}
	s.spent += bytes
	return true
}

// Give gives a place back, with all of its bytes.
func (s *Slots) Give(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.spent -= bytes
}

// Bodies lets requests through for as long as what all of them have sent, and hold, has room: what a request says that it
// will send counts from the beginning, and what it does not say as it comes.
func Bodies(slots *Slots, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 || r.Body == nil {
			next.ServeHTTP(w, r)
			return
		}
		known := max(r.ContentLength, 0)
		if !slots.Take(known) {
			w.Header().Set("Retry-After", strconv.Itoa(int(Pause.Seconds())))
			http.Error(w, ErrCrowded.Error(), http.StatusServiceUnavailable)
			return
		}
		body := &body{ReadCloser: r.Body, slots: slots, counted: r.ContentLength < 0}
		body.held.Store(known)
		defer func() { slots.Give(body.held.Load()) }()
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

// body counts what comes. Whoever reads it has ended when the handler has.
type body struct {
	io.ReadCloser
	slots   *Slots
	held    atomic.Int64
	counted bool
}

// Read reads for as long as there is room.
func (b *body) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if b.counted && n > 0 {
		if !b.slots.Grow(int64(n)) {
			return 0, fmt.Errorf("reading the body: %w", ErrCrowded)
		}
		b.held.Add(int64(n))
	}
	return n, err
}
