// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

const (
	// countedRate falls on all parts of the second in which the collector gives its figures.
	countedRate = 7
	// countedEvents is the counter that the collector writes, of the connects that are refused here.
	countedEvents = `sum(aeolus_events_total{kind="connect.refused",destination_workload=~"198[.]1.*"})`
)

// remoteWrite measures when an event is counted in what PromQL says: agent, collector, remote write, controller.
func (s *system) remoteWrite(ctx context.Context, run *Run, space *netlink.Namespace, count int) ([]Row, error) {
	run.Progress(fmt.Sprintf("%d refused connects, until they are counted by remote write", count))
	before, err := s.quietCount(ctx)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	type counted struct {
		at  []time.Time
		err error
	}
	done := make(chan counted, 1)
	watching, cancel := context.WithTimeout(ctx, time.Duration(count)*time.Second/countedRate+answerWithin)
	defer cancel()
	go func() {
		at, err := s.watchCount(watching, before, count)
		done <- counted{at, err}
	}()
	if _, _, err := s.traffic(ctx, run, space, count, count, countedRate, 1); err != nil {
		return nil, err
	}
	seen := <-done
	if seen.err != nil {
		return nil, seen.err
	}
	happened, err := s.happened(ctx, began, count)
	if err != nil {
		return nil, err
	}
	var took []float64
	for i := range min(len(happened), len(seen.at)) {
		took = append(took, seen.at[i].Sub(happened[i]).Seconds())
	}
	median := Measured("kernel → counter in PromQL by remote write, p50", Seconds, took)
	last := Row{Name: "kernel → counter in PromQL by remote write, p99", Unit: Seconds, Value: Quantile(took, 0.99), Samples: len(took)}
	return []Row{median.WithGoal(goalQueryable), last.WithGoal(goalQueryable)}, nil
}

func (s *system) count(ctx context.Context) (float64, error) {
	return promValue(ctx, s.client, "http://localhost", countedEvents)
}

// quietCount waits until all that happened before has been counted.
func (s *system) quietCount(ctx context.Context) (float64, error) {
	last, since := -1.0, time.Now()
	for {
		value, err := s.count(ctx)
		if err != nil {
			return 0, fmt.Errorf("asking for the count of events: %w", err)
		}
		if value != last {
			last, since = value, time.Now()
		}
		if time.Since(since) > 3*time.Second {
			return value, nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// watchCount notes when the counter first stood for each event.
func (s *system) watchCount(ctx context.Context, before float64, count int) ([]time.Time, error) {
	var at []time.Time
	for len(at) < count {
		value, err := s.count(ctx)
		if err != nil {
			return nil, fmt.Errorf("asking for the count of events: %w", err)
		}
		for now := time.Now(); float64(len(at)) < min(value-before, float64(count)); {
			at = append(at, now)
		}
		if err := pause(ctx, askEvery); err != nil {
			return nil, fmt.Errorf("waiting for the count of events: %d of %d came: %w", len(at), count, err)
		}
	}
	return at, nil
}

// happened gives when the events were in the kernel, oldest first.
func (s *system) happened(ctx context.Context, since time.Time, count int) ([]time.Time, error) {
	answer, err := s.query.ListEvents(ctx, &queryv1.ListEventsRequest{
		Filter: &queryv1.Filter{Server: refusingServers}, Kinds: []string{string(model.EventRefused)}, Since: timestamppb.New(since), Limit: uint32(2 * count),
	})
	if err != nil {
		return nil, fmt.Errorf("asking for events: %w", err)
	}
	var times []time.Time
	for _, event := range answer.GetEvents() {
		times = append(times, event.GetTime().AsTime())
	}
	slices.SortFunc(times, time.Time.Compare)
	return times, nil
}
