// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"

	"connectrpc.com/connect"
)

// defaultWatchers is how many streams may be watched at once.
const defaultWatchers = 256

// places bounds how many watch at once: each stream costs a drawing of the map a second, or a queue.
type places chan struct{}

// WrapUnary leaves single questions as they are.
func (p places) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return next }

// WrapStreamingClient leaves clients as they are.
func (p places) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler gives each stream a place, or an error.
func (p places) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, stream connect.StreamingHandlerConn) error {
		select {
		case p <- struct{}{}:
			defer func() { <-p }()
			return next(ctx, stream)
		default:
			return connect.NewError(connect.CodeResourceExhausted, fmt.Errorf("%d are watching already, and there is room for no more", cap(p)))
		}
	}
}
