// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// SenderCommand is the argument by which the program replays encoded bodies to a controller, in a process of its own.
const SenderCommand = "bench-sender"

// The kinds of bodies.
const (
	sendFlows  = "flows"
	sendEvents = "events"
	sendWrite1 = "write1"
	sendWrite2 = "write2"
)

const (
	flowMethod  = "/aeolus.flow.v1.FlowService/Export"
	eventMethod = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
	// cycle is how many seconds of a crowd are encoded; they are sent again and again, made new each time.
	cycle = 10
	// writers is how many requests of remote write are under way at once.
	writers = 4
)

// order is what a sender is told, by its input.
type order struct {
	Kind              string
	GRPC, HTTP, Token string
	// Trust is the directory of the authority.
	Trust string
	// Rows is how many rows of flows the crowd gives in a second.
	Rows int
	// Short is which share of them is of short connections.
	Short float64
	// Paced sends a second's rows within a second; otherwise all is sent as fast as it is answered.
	Paced    bool
	Duration time.Duration
}

// sent is what it says at its end, by its output.
type sent struct {
	Records, Events, Bytes uint64
	Took                   time.Duration
	// Late is by how much the last body that was paced came too late.
	Late time.Duration
}

func (s *sent) add(o sent) {
	s.Records += o.Records
	s.Events += o.Events
	s.Bytes += o.Bytes
	s.Late = max(s.Late, o.Late)
}

// SenderMain encodes what an order asks for, says that it is ready, and begins when it is told to.
func SenderMain(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("reading an order: %w", err)
	}
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("reading an order: %w", err)
	}
	s, err := newSender(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	if _, err := lines.ReadBytes('\n'); err != nil {
		return fmt.Errorf("waiting for the beginning: %w", err)
	}
	result, err := s.send(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

// sender has its bodies in lanes: those of a lane are sent one after the other.
type sender struct {
	order order
	lanes [][]*body
	link  *link
}

func newSender(ctx context.Context, o order) (*sender, error) {
	l, err := newLink(o.Trust, o.GRPC, o.HTTP, o.Token)
	if err != nil {
		return nil, err
	}
	s := &sender{order: o, link: l}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return s, nil
}

func (s *sender) close() { _ = s.link.close() }

func (s *sender) prepare(ctx context.Context) (err error) {
	switch s.order.Kind {
	case sendFlows:
		s.lanes, err = flowBodies(s.order.Rows, cycle, s.order.Short)
		return err
	case sendEvents:
		// The controller has to know the workloads.
		known, err := flowBodies(4*madeWorkloads, 1, 0.5)
		if err != nil {
			return err
		}
		for _, lane := range known {
			lane[0].renew(0, 1, time.Now())
			if err := s.link.call(ctx, flowMethod, lane[0].bytes); err != nil {
				return err
			}
		}
		all, err := eventBodies(200)
		s.lanes = spreadOut(all)
		return err
	case sendWrite1, sendWrite2:
		s.lanes = spreadOut(writeBodies(20, 1000, s.order.Kind == sendWrite2, time.Now().Add(-30*time.Minute)))
		return nil
	}
	return fmt.Errorf("reading an order: there is no kind %q", s.order.Kind)
}

func spreadOut(all []*body) [][]*body {
	lanes := make([][]*body, writers)
	for i, b := range all {
		lanes[i%writers] = append(lanes[i%writers], b)
	}
	return lanes
}

// send sends all lanes at once until the time is over.
func (s *sender) send(ctx context.Context) (sent, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		work  sync.WaitGroup
		mu    sync.Mutex
		total sent
		first error
	)
	began := time.Now()
	for i, lane := range s.lanes {
		work.Go(func() {
			result, err := s.lane(ctx, began, i, lane)
			mu.Lock()
			defer mu.Unlock()
			total.add(result)
			if err != nil && first == nil {
				first = err
				cancel()
			}
		})
	}
	work.Wait()
	total.Took = time.Since(began)
	return total, first
}

func (s *sender) lane(ctx context.Context, began time.Time, number int, bodies []*body) (sent, error) {
	var result sent
	for n := uint64(0); ; n++ {
		round, b := n/uint64(len(bodies)), bodies[n%uint64(len(bodies))]
		if s.order.Paced {
			// Agents report once a second, each at another moment.
			offset := time.Duration(n)*time.Second + time.Duration(number)*time.Second/time.Duration(len(s.lanes))
			due := began.Add(min(offset, s.order.Duration))
			if err := pause(ctx, time.Until(due)); err != nil || offset >= s.order.Duration {
				return result, err
			}
			result.Late = time.Since(due)
		}
		if !s.order.Paced && time.Since(began) >= s.order.Duration {
			return result, nil
		}
		// The first numbers were taken while it was prepared.
		b.renew(round, n+2, time.Now())
		if err := s.one(ctx, b); err != nil {
			return result, err
		}
		result.Records += uint64(b.records)
		result.Events += uint64(b.events)
		result.Bytes += uint64(len(b.bytes))
	}
}

func (s *sender) one(ctx context.Context, b *body) error {
	switch s.order.Kind {
	case sendFlows:
		return s.link.call(ctx, flowMethod, b.bytes)
	case sendEvents:
		return s.link.call(ctx, eventMethod, b.bytes)
	case sendWrite1:
		return s.link.write(ctx, contentWrite1, b.bytes)
	}
	return s.link.write(ctx, contentWrite2, b.bytes)
}
