// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"log/slog"
	"net/netip"
	"sync"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// way is where connects that were never sent wanted to go, within one second of the kernel's clock.
type way struct {
	netns  uint32
	remote netip.Addr
	second uint64
}

// routes tells connects without a route from others that were never sent. What was found holds for the second in which the
// connect failed, so that its event and its snapshot say the same, and a program that tries without pause costs one lookup
// a second.
type routes struct {
	checker sensor.RouteChecker
	logger  *slog.Logger

	mu      sync.Mutex
	missing map[way]bool
	// recent are the keys of missing, oldest first.
	recent []way
	// looked counts the lookups of the latest second.
	second, looked uint64
}

const (
	// maxWays bounds what is remembered, and maxLookups how much is looked up in a second: a program that tries all
	// addresses must not hold up the rest. A connect that is not looked up stays never sent.
	maxWays    = 4096
	maxLookups = 500
)

func newRoutes(checker sensor.RouteChecker, logger *slog.Logger) *routes {
	return &routes{checker: checker, logger: logger, missing: make(map[way]bool)}
}

// refine names a connection's failure more exactly if it can be.
func (r *routes) refine(c *model.Connection) {
	if r.checker == nil || c.Failure != model.FailureNeverSent {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isMissing(way{c.Owner.NetNS, c.Remote.Addr(), c.Closed / 1_000_000_000}) {
		c.Failure = model.FailureNoRoute
	}
}

func (r *routes) isMissing(w way) bool {
	if missing, ok := r.missing[w]; ok {
		return missing
	}
	if w.second > r.second {
		r.second, r.looked = w.second, 0
	}
	if r.looked >= maxLookups {
		return false
	}
	r.looked++
	missing, err := r.checker.NoRoute(w.netns, w.remote)
	if err != nil {
		r.logger.Debug("looking up the route of a connect that was not sent", "remote", w.remote, "error", err)
		missing = false
	}
	if len(r.recent) >= maxWays {
		delete(r.missing, r.recent[0])
		r.recent = r.recent[1:]
	}
	r.missing[w] = missing
	r.recent = append(r.recent, w)
	return missing
}
