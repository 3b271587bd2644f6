// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// checker answers for one address, and counts.
type checker struct {
	nowhere netip.Addr
	broken  error
	asked   int
}

func (c *checker) NoRoute(_ uint32, remote netip.Addr) (bool, error) {
	c.asked++
	return remote == c.nowhere, c.broken
}

func unsent(remote string, closed uint64) *model.Connection {
	return &model.Connection{
		Remote: netip.AddrPortFrom(netip.MustParseAddr(remote), 80), Closed: closed, Failure: model.FailureNeverSent,
	}
}

func TestRoutes(t *testing.T) {
	const second = 1_000_000_000
	c := &checker{nowhere: netip.MustParseAddr("192.0.2.1")}
	r := newRoutes(c, slog.New(slog.DiscardHandler))
	refine := func(conn *model.Connection) model.Failure {
		r.refine(conn)
		return conn.Failure
	}
	for range 3 {
		assert.Equal(t, model.FailureNoRoute, refine(unsent("192.0.2.1", 7*second)))
		assert.Equal(t, model.FailureNeverSent, refine(unsent("192.0.2.2", 7*second+1)))
	}
	assert.Equal(t, 2, c.asked, "once a way and second")
	assert.Equal(t, model.FailureRefused, refine(&model.Connection{Failure: model.FailureRefused}))
	c.broken = errors.New("the namespace has gone")
	assert.Equal(t, model.FailureNeverSent, refine(unsent("192.0.2.1", 8*second)))
	c.broken = nil

	asked := c.asked
	address := netip.MustParseAddr("198.51.100.0")
	for range 3 * maxLookups {
		address = address.Next()
		refine(unsent(address.String(), 9*second))
	}
	assert.Equal(t, maxLookups, c.asked-asked)
	for later := range uint64(20) {
		for range maxLookups {
			address = address.Next()
			refine(unsent(address.String(), (10+later)*second))
		}
	}
	assert.LessOrEqual(t, len(r.missing), maxWays)
	assert.Equal(t, model.FailureNeverSent, refine(unsent("192.0.2.1", 0)), "without budget it stays as it is")

	none := unsent("192.0.2.1", second)
	newRoutes(nil, slog.New(slog.DiscardHandler)).refine(none)
	assert.Equal(t, model.FailureNeverSent, none.Failure)
}
