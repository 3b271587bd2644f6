// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"log/slog"
	"sync"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// attempt names one connect that was never sent.
type attempt struct {
	cookie, closed uint64
}

// routes tells connects without a route from others that were never sent. Each attempt is looked up once, though it comes
// as an event and as a snapshot, so that both say the same.
type routes struct {
	checker sensor.RouteChecker
	logger  *slog.Logger

	mu     sync.Mutex
	known  map[attempt]bool
	recent []attempt
}

// maxAttempts bounds how many verdicts are remembered.
const maxAttempts = 1024

func newRoutes(checker sensor.RouteChecker, logger *slog.Logger) *routes {
	return &routes{checker: checker, logger: logger, known: make(map[attempt]bool)}
}

// refine names a connection's failure more exactly if it can be.
func (r *routes) refine(c *model.Connection) {
	if r.checker == nil || c.Failure != model.FailureNeverSent {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	this := attempt{c.Cookie, c.Closed}
	missing, ok := r.known[this]
	if !ok {
		var err error
		if missing, err = r.checker.NoRoute(c.Owner.NetNS, c.Remote.Addr()); err != nil {
			r.logger.Debug("looking up the route of a connect that was not sent", "remote", c.Remote, "error", err)
			missing = false
		}
		r.remember(this, missing)
	}
	if missing {
		c.Failure = model.FailureNoRoute
	}
}

func (r *routes) remember(this attempt, missing bool) {
	if len(r.recent) >= maxAttempts {
		delete(r.known, r.recent[0])
		r.recent = r.recent[1:]
	}
	r.known[this] = missing
	r.recent = append(r.recent, this)
}
