// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
)

// server is a role that others need: it ends after them, so that it hears what they say at their end.
type server struct {
	name  string
	stop  context.CancelFunc
	ended chan struct{}
	// err is what it ended with; it may be read once ended is closed.
	err error
}

// serve runs a role until it is told to end, whatever becomes of the context.
func serve(ctx context.Context, name string, run func(context.Context) error) *server {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &server{name: name, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.err = guarded(name, func() error { return run(inner) })
	}()
	return s
}

// needed waits until the context ends. It is an error if the server ends before.
func (s *server) needed(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.ended:
		return errors.Join(fmt.Errorf("the %s has ended", s.name), s.err)
	}
}

// end tells it to end and waits for it. What it ended with is no news where it was needed until then.
func (s *server) end() error {
	select {
	case <-s.ended:
		return nil
	default:
	}
	s.stop()
	<-s.ended
	if errors.Is(s.err, context.Canceled) {
		return nil
	}
	return s.err
}
