// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Report is what an instance counted since it started.
type Report struct {
	Served Served `json:"served"`
	// Calls is by the name of the service called; "dns" are the name lookups.
	Calls map[string]Calls `json:"calls,omitempty"`
}

// Served counts the server's side.
type Served struct {
	// Accepted are connections, those that were reset at once included.
	Accepted uint64 `json:"accepted"`
	Requests uint64 `json:"requests"`
	// Reset are connections that the reset fault ended.
	Reset uint64 `json:"reset"`
	// Shed are connections or requests turned away because there were too many.
	Shed uint64 `json:"shed"`
}

// Calls counts the client's side of one edge.
type Calls struct {
	Attempts  uint64 `json:"attempts"`
	Succeeded uint64 `json:"succeeded"`
	// Failed is by cause: refused, reset, timeout, closed, upstream, name, other.
	Failed map[string]uint64 `json:"failed,omitempty"`
	// Dialled are connects tried, Connected those that succeeded.
	Dialled   uint64 `json:"dialled"`
	Connected uint64 `json:"connected"`
	BytesOut  uint64 `json:"bytesOut"`
	BytesIn   uint64 `json:"bytesIn"`
	// Took is the sum over the attempts that succeeded.
	Took time.Duration `json:"took"`
	// Median and P99 are of the most recent attempts that succeeded.
	Median time.Duration `json:"median"`
	P99    time.Duration `json:"p99"`
}

// served are the live counters behind Served.
type served struct{ accepted, requests, reset, shed atomic.Uint64 }

func (s *served) report() Served {
	return Served{
		Accepted: s.accepted.Load(), Requests: s.requests.Load(), Reset: s.reset.Load(), Shed: s.shed.Load(),
	}
}

// recentCalls is how many durations the quantiles look back on.
const recentCalls = 128

// meter are the live counters behind Calls.
type meter struct {
	dialled, connected, bytesOut, bytesIn atomic.Uint64

	mu        sync.Mutex
	attempts  uint64
	succeeded uint64
	took      time.Duration
	failed    map[string]uint64
	recent    [recentCalls]time.Duration
}

func (m *meter) finish(err error, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempts++
	if err == nil {
		m.recent[m.succeeded%recentCalls] = took
		m.succeeded++
		m.took += took
		return
	}
	if m.failed == nil {
		m.failed = map[string]uint64{}
	}
	m.failed[cause(err)]++
}

func (m *meter) report() Calls {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := Calls{
		Attempts: m.attempts, Succeeded: m.succeeded, Took: m.took, Failed: map[string]uint64{},
		Dialled: m.dialled.Load(), Connected: m.connected.Load(), BytesOut: m.bytesOut.Load(), BytesIn: m.bytesIn.Load(),
	}
	for name, count := range m.failed {
		r.Failed[name] = count
	}
	if known := min(m.succeeded, recentCalls); known > 0 {
		sorted := slices.Clone(m.recent[:known])
		slices.Sort(sorted)
		r.Median, r.P99 = sorted[known/2], sorted[known*99/100]
	}
	return r
}

// errUpstream is an answer in good order that says that the service called could not do its work.
var errUpstream = errors.New("the service called could not do its work")

// cause names why a call failed. gRPC turns errors into text, so the text is looked at too.
func cause(err error) string {
	text := err.Error()
	var lookup *net.DNSError
	switch {
	case errors.Is(err, errUpstream):
		return "upstream"
	case errors.As(err, &lookup) && !lookup.IsTimeout:
		return "name"
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(text, "connection refused"):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), strings.Contains(text, "connection reset"), strings.Contains(text, "broken pipe"):
		return "reset"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err), strings.Contains(text, "DeadlineExceeded"),
		strings.Contains(text, "deadline exceeded"), strings.Contains(text, "i/o timeout"):
		return "timeout"
	case strings.Contains(text, "EOF"), strings.Contains(text, "closing"), strings.Contains(text, "closed"):
		return "closed"
	}
	return "other"
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
