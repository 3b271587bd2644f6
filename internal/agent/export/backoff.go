// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
	// answerWithin is how long a receiver may take; then the same is sent again.
	answerWithin = 5 * time.Second
)

// Backoff gives growing pauses between tries, each drawn between half of it and the whole, so that agents that lost
// their controller together do not come back together. The zero value is ready.
type Backoff struct {
	pause time.Duration
}

// Wait pauses; false if the context ended first.
func (b *Backoff) Wait(ctx context.Context) bool {
	b.pause = min(max(2*b.pause, firstPause), lastPause)
	timer := time.NewTimer(b.pause/2 + rand.N(b.pause/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Reset starts anew with a short pause.
func (b *Backoff) Reset() { b.pause = 0 }

// hopeless tells whether the receiver has said that the same message will never do.
func hopeless(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.OutOfRange:
		return true
	}
	return false
}
