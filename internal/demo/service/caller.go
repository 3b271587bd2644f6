// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// A call that failed sooner than this is tried once more: a service that is slow to fail must not be asked twice, or the
// waits add up from hop to hop.
const retryWithin = 500 * time.Millisecond

const retryPause = 50 * time.Millisecond

// client speaks one protocol to one service.
type client interface {
	// call makes one request, by a connection of its own if fresh.
	call(ctx context.Context, fresh bool) error
	close()
}

// caller is one edge from its client's side.
type caller struct {
	edge   Call
	meter  *meter
	client client
}

// dialer connects to one of a service's instances.
type dialer func(ctx context.Context) (net.Conn, error)

func newCaller(edge Call, names *directory) (*caller, error) {
	c := &caller{edge: edge, meter: &meter{}}
	toAny := func(ctx context.Context) (net.Conn, error) {
		address, err := names.pickPort(ctx, edge)
		if err != nil {
			return nil, err
		}
		return dial(ctx, address, c.meter)
	}
	var err error
	switch edge.Protocol {
	case HTTP:
		c.client = newHTTPClient(edge, names, c.meter)
	case GRPC:
		c.client, err = newGRPCClient(edge, toAny)
	case Redis:
		c.client = newRedisClient(edge, toAny)
	case Store:
		c.client = newStoreClient(toAny)
	default:
		err = fmt.Errorf("calling %s: no client speaks %q", edge.To, edge.Protocol)
	}
	return c, err
}

// run makes the call, twice if the first attempt failed quickly. The second goes by a fresh connection.
func (c *caller) run(ctx context.Context) error {
	fresh := rand.Float64() < c.edge.Fresh
	started := time.Now()
	err := c.attempt(ctx, fresh)
	if err == nil || errors.Is(err, errUpstream) || time.Since(started) > retryWithin {
		return err
	}
	select {
	case <-time.After(retryPause):
	case <-ctx.Done():
		return err
	}
	return c.attempt(ctx, true)
}

func (c *caller) attempt(ctx context.Context, fresh bool) error {
	ctx, cancel := context.WithTimeout(ctx, c.edge.Timeout)
	defer cancel()
	started := time.Now()
	err := c.client.call(ctx, fresh)
	c.meter.finish(err, time.Since(started))
	return err
}
