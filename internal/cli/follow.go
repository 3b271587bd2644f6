// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"time"

	"connectrpc.com/connect"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
)

// The pause before a lost controller is tried again, first and at most.
const (
	firstPause = 200 * time.Millisecond
	longPause  = 2 * time.Second
)

// opener asks for a stream of answers.
type opener[M any] func(ctx context.Context) (*connect.ServerStreamForClient[M], error)

// follow hands over each message of a stream until ctx ends, and outlives restarts of the controller. It fails at once
// only if the controller was never there, or says that it will not answer.
func follow[M any](ctx context.Context, a *app, s *session, open opener[M], take func(*M) error) error {
	// A stream may have nothing to say for long, so that something else must tell whether anybody is there.
	if _, err := s.GetStatus(ctx, &queryv1.GetStatusRequest{}); err != nil && ctx.Err() == nil {
		return s.explain(err)
	}
	pause, lost := firstPause, false
	for {
		taken, err := followOnce(ctx, open, func(message *M) error {
			if lost {
				a.note("the controller at %s is back", s.where)
			}
			lost, pause = false, firstPause
			return take(message)
		})
		if ctx.Err() != nil {
			return nil
		}
		if taken != nil {
			return taken
		}
		if final(err) {
			return s.explain(err)
		}
		if !lost {
			a.note("lost the controller at %s, trying again until it is back", s.where)
			lost = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

// followOnce reads one stream to its end. The first error is the taker's, the second the stream's.
func followOnce[M any](ctx context.Context, open opener[M], take func(*M) error) (taken, err error) {
	stream, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	for stream.Receive() {
		if err := take(stream.Msg()); err != nil {
			return err, nil
		}
	}
	return nil, stream.Err()
}

// final tells whether asking again would be answered the same.
func final(err error) bool {
	switch connect.CodeOf(err) {
	case connect.CodeUnauthenticated, connect.CodePermissionDenied, connect.CodeInvalidArgument, connect.CodeUnimplemented:
		return err != nil
	}
	return false
}

// recent remembers the last keys it was given, so that what a controller repeats after a reconnect is shown once.
type recent struct {
	seen  map[string]bool
	order []string
	next  int
}

func newRecent(capacity int) *recent {
	return &recent{seen: make(map[string]bool, capacity), order: make([]string, capacity)}
}

// first tells whether a key is new, and remembers it in place of the oldest.
func (r *recent) first(key string) bool {
	if r.seen[key] {
		return false
	}
	delete(r.seen, r.order[r.next])
	r.order[r.next], r.seen[key] = key, true
	r.next = (r.next + 1) % len(r.order)
	return true
}
