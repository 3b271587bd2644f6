// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// delays are how long what the kernel saw took to get further, in seconds, an event each.
type delays struct {
	agent, controller, anomaly []float64
}

// collect takes the refused connects to the benchmark's addresses as they come, until enough have come, or none for a while.
func collect(ctx context.Context, query queryClient, enough int, progress func(string)) (delays, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := query.WatchEvents(ctx, &queryv1.ListEventsRequest{
		Filter: &queryv1.Filter{Server: refusingServers}, Kinds: []string{string(model.EventRefused)}, Since: timestamppb.Now(),
	})
	if err != nil {
		return delays{}, fmt.Errorf("watching events: %w", err)
	}
	defer stream.Close()
	const patience = 5 * time.Second
	idle := time.AfterFunc(patience, cancel)
	defer idle.Stop()
	var found delays
	for len(found.controller) < enough && stream.Receive() {
		idle.Reset(patience)
		for _, event := range stream.Msg().GetEvents() {
			found.controller = append(found.controller, event.GetLatency().AsDuration().Seconds())
			agent, err := time.ParseDuration(event.GetAttributes()["agent_latency"])
			if err != nil {
				return delays{}, fmt.Errorf("reading an event's way to the agent: %w", err)
			}
			found.agent = append(found.agent, agent.Seconds())
		}
		progress(fmt.Sprintf("%d of %d events", len(found.controller), enough))
	}
	return found, nil
}

// rows judges the delays against the budgets.
func (d delays) rows(when string) []Row {
	row := func(what string, values []float64, share float64) Row {
		r := Row{Name: fmt.Sprintf("%s, kernel → %s, p%g", when, what, share*100), Unit: Seconds, Value: Quantile(values, share), Samples: len(values)}
		if share == 0.5 {
			r.Spread = spread(values)
		}
		return r
	}
	rows := []Row{
		row("agent", d.agent, 0.5).WithGoal(20e-6), row("agent", d.agent, 0.99).WithGoal(100e-6),
		row("controller", d.controller, 0.5).WithGoal(2e-3), row("controller", d.controller, 0.99).WithGoal(10e-3),
	}
	if len(d.anomaly) > 0 {
		rows = append(rows, row("open anomaly", d.anomaly, 0.5), row("open anomaly", d.anomaly, 0.99).WithGoal(0.1))
	}
	return rows
}
