// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Service is one running instance.
type Service struct {
	spec    *Spec
	logger  *slog.Logger
	body    []byte
	served  served
	names   *directory
	callers []*caller
	gate    *gate
	server  *nameServer
	slow    atomic.Int64
	stop    context.CancelFunc
	loops   sync.WaitGroup
}

// Start makes the instance serve and, if it is a shopper, shop.
func Start(ctx context.Context, spec *Spec, logger *slog.Logger) (*Service, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &Service{
		spec: spec, logger: logger, stop: cancel, names: newDirectory(spec.NameServer),
		body: []byte(strings.Repeat("aeolus keeps the winds; ", spec.ReplyBytes/24+1)[:spec.ReplyBytes]),
	}
	for _, edge := range spec.Calls {
		c, err := newCaller(edge, s.names)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.callers = append(s.callers, c)
	}
	if err := s.listen(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Service) listen(ctx context.Context) error {
	serve := map[Protocol]func(net.Listener){
		HTTP: s.serveHTTP, GRPC: s.serveGRPC, Redis: s.serveRedis, Store: s.serveStore,
	}[s.spec.Protocol]
	switch {
	case s.spec.Protocol == Shopper && s.spec.PerSecond > 0:
		s.loops.Go(func() { s.shop(ctx) })
		return nil
	case s.spec.Protocol == DNS:
		var err error
		s.server, err = startNameServer(s.spec, &s.served)
		return err
	case serve != nil:
		s.gate = newGate(s.spec.Listen, &s.served)
		s.loops.Go(func() { serve(s.gate) })
		return s.setFaults(s.spec.Faults)
	}
	return fmt.Errorf("starting %s: no server speaks %q", s.spec.Instance, s.spec.Protocol)
}

// Apply does what a command says, and answers with the counters.
func (s *Service) Apply(command Command) Reply {
	var err error
	if command.Faults != nil {
		err = s.setFaults(*command.Faults)
	}
	if s.server != nil {
		s.server.set(command.Names, command.Faults)
	}
	reply := Reply{Report: s.report()}
	if err != nil {
		reply.Error = err.Error()
	}
	return reply
}

func (s *Service) setFaults(faults Faults) error {
	s.slow.Store(int64(faults.Slow))
	if s.gate == nil {
		return nil
	}
	return s.gate.apply(faults)
}

func (s *Service) report() Report {
	r := Report{Served: s.served.report(), Calls: map[string]Calls{}}
	for _, c := range s.callers {
		r.Calls[c.edge.To] = c.meter.report()
	}
	if len(s.callers) > 0 {
		r.Calls["dns"] = s.names.meter.report()
	}
	return r
}

// Close ends the instance and waits for what it started.
func (s *Service) Close() {
	s.stop()
	if s.gate != nil {
		_ = s.gate.Close()
	}
	if s.server != nil {
		s.server.close()
	}
	for _, c := range s.callers {
		c.client.close()
	}
	s.loops.Wait()
}

// handle is the work behind one request, whatever protocol it came by: wait if the instance is to be slow, then make
// the calls this request leads to, all at once. One that fails fails the request, but keeps no other from being made:
// trouble with one service must not look like silence towards another.
func (s *Service) handle(ctx context.Context) error {
	s.served.requests.Add(1)
	if slow := time.Duration(s.slow.Load()); slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	failures := make([]error, len(s.callers))
	var calls sync.WaitGroup
	for i, c := range s.callers {
		if rand.Float64() >= c.edge.Share {
			continue
		}
		calls.Go(func() {
			if err := c.run(ctx); err != nil {
				failures[i] = fmt.Errorf("calling %s: %w", c.edge.To, err)
				s.logger.Debug("call failed", "to", c.edge.To, "cause", cause(err), "error", err)
			}
		})
	}
	calls.Wait()
	return errors.Join(failures...)
}

// serveConnections hands each connection to a goroutine of its own and waits for all of them when the listener ends. The
// listener bounds their number.
func (s *Service) serveConnections(listener net.Listener, talk func(net.Conn) error) {
	var talks sync.WaitGroup
	defer talks.Wait()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		talks.Go(func() {
			err := talk(connection)
			_ = connection.Close()
			s.logger.Debug("connection ended", "peer", connection.RemoteAddr(), "reason", err)
		})
	}
}
