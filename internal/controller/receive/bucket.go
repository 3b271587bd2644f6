// SPDX-License-Identifier: Apache-2.0

package receive

import (
	"sync"
	"time"
)

// burst is how many seconds' worth of records may come at once.
const burst = 10

// bucket bounds how many records are taken over time.
type bucket struct {
	perSecond float64

	mu     sync.Mutex
	tokens float64
	filled time.Time
}

// take takes up to so many records, and says how many.
func (b *bucket) take(wanted int, now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.filled.IsZero() {
		b.tokens, b.filled = burst*b.perSecond, now
	}
	if passed := now.Sub(b.filled).Seconds(); passed > 0 {
		b.tokens = min(burst*b.perSecond, b.tokens+passed*b.perSecond)
	}
	b.filled = now
	taken := min(wanted, int(b.tokens))
	b.tokens -= float64(taken)
	return taken
}
