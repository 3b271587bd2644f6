// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"net/http"
	"sync"
)

// visits keeps the database open until whoever uses it has left: what it maps into memory is gone once it is closed.
type visits struct {
	mu     sync.RWMutex
	closed bool
	inside sync.WaitGroup
}

// enter comes in, unless it is closed.
func (v *visits) enter() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.closed {
		return false
	}
	v.inside.Add(1)
	return true
}

func (v *visits) leave() { v.inside.Done() }

// close lets nobody in any more, and waits for those inside.
func (v *visits) close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.inside.Wait()
}

// guard lets requests in.
func (v *visits) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !v.enter() {
			http.Error(w, "the controller is ending", http.StatusServiceUnavailable)
			return
		}
		defer v.leave()
		next.ServeHTTP(w, r)
	})
}
