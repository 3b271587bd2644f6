// SPDX-License-Identifier: Apache-2.0

package track

import (
	"cmp"
	"slices"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// listeners are the listening sockets by cookie.
type listeners struct {
	most     int
	stage    *loss.Stage
	byCookie map[uint64]*listening
	byPort   map[port]*listening
}

// port is where somebody listens, whatever the address.
type port struct {
	netns  uint32
	number uint16
}

func (l *listening) port() port { return port{l.Owner.NetNS, l.Local.Port()} }

type listening struct {
	model.Listener
	seen uint64
}

func newListeners(most int, stage *loss.Stage) listeners {
	return listeners{most: most, stage: stage, byCookie: map[uint64]*listening{}, byPort: map[port]*listening{}}
}

func (l *listeners) note(listener *model.Listener, now uint64) {
	known := l.byCookie[listener.Cookie]
	if listener.Gone {
		if known != nil {
			l.remove(listener.Cookie)
		}
		return
	}
	if known != nil {
		known.seen, known.Listener = now, *listener
		l.byPort[known.port()] = known
		return
	}
	l.stage.In(1)
	if len(l.byCookie) >= l.most {
		l.stage.Drop("table-full", 1)
		return
	}
	known = &listening{*listener, now}
	l.byCookie[listener.Cookie] = known
	l.byPort[known.port()] = known
}

// owner names the process of an accepted connection of which the kernel knows none, by who listens on its port. Such are
// those of multipath listeners older than the agent, which Go's servers are: their sockets do not pass the owner on.
func (l *listeners) owner(c *model.Connection) (model.Owner, bool) {
	if c.Role != model.RoleServer || c.Owner.PID != 0 {
		return model.Owner{}, false
	}
	known := l.byPort[port{c.Owner.NetNS, c.Local.Port()}]
	if known == nil || known.Owner.PID == 0 {
		return model.Owner{}, false
	}
	owner := known.Owner
	owner.Inherited = true
	return owner, true
}

func (l *listeners) remove(cookie uint64) {
	if known := l.byCookie[cookie]; l.byPort[known.port()] == known {
		delete(l.byPort, known.port())
	}
	delete(l.byCookie, cookie)
	l.stage.Out(1)
}

// sweep removes those that no walk has shown since the horizon.
func (l *listeners) sweep(horizon uint64) {
	for cookie, listener := range l.byCookie {
		if listener.seen < horizon {
			l.remove(cookie)
		}
	}
}

// Bound lists the listeners with their owners resolved, in a stable order.
func (t *Table) Bound() []model.BoundListener {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*listening, 0, len(t.listeners.byCookie))
	for _, listener := range t.listeners.byCookie {
		all = append(all, listener)
	}
	slices.SortFunc(all, func(a, b *listening) int { return cmp.Compare(a.Cookie, b.Cookie) })
	bound := make([]model.BoundListener, 0, len(all))
	for _, listener := range all {
		bound = append(bound, model.BoundListener{Local: listener.Local, Endpoint: t.config.Resolver.Resolve(listener.Owner)})
	}
	return bound
}
