// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"connectrpc.com/connect"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/web"
)

// settleWithin bounds how long the report waits for the agent to have answered for everything.
const settleWithin = 20 * time.Second

// settled asks until the agent has answered for everything that it should run, and gives the last status; nil if there
// is none.
func (a *app) settled(ctx context.Context, s *session) *queryv1.Status {
	end := time.Now().Add(settleWithin)
	var last *queryv1.Status
	for {
		status, err := s.GetStatus(ctx, &queryv1.GetStatusRequest{})
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			last = status
		}
		if last != nil && (answered(last) || time.Now().After(end)) {
			return last
		}
		a.progress("attaching to the kernel")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// answered tells whether there is an agent that has answered for each assignment.
func answered(status *queryv1.Status) bool {
	known := 0
	for _, agent := range status.GetAgents() {
		for _, assignment := range agent.GetAssignments() {
			if assignment.GetState() == "pending" || assignment.GetState() == "" {
				return false
			}
			known++
		}
	}
	return known > 0
}

// watchAnomalies prints a line when an anomaly opens, and one when it ends. Where hundreds do at once, as after a restart or
// while somebody tries every address, the first are printed, and where the others are.
func (a *app) watchAnomalies(ctx context.Context, s *session, shown *recent) error {
	open := func(ctx context.Context) (*connect.ServerStreamForClient[queryv1.ListAnomaliesResponse], error) {
		return s.WatchAnomalies(ctx, &queryv1.ListAnomaliesRequest{})
	}
	var lines pace
	return follow(ctx, a, s, open, func(answer *queryv1.ListAnomaliesResponse) error {
		for _, x := range answer.GetAnomalies() {
			key := x.GetId() + " opened"
			if x.GetClosed() != nil {
				key = x.GetId() + " ended"
			}
			if !shown.first(key) {
				continue
			}
			line := a.anomalyLine(x)
			ok, first := lines.allow(a.Now())
			if first {
				line = "          and more: aeolus anomalies lists them all"
			} else if !ok {
				continue
			}
			if _, err := fmt.Fprintln(a.Out, line); err != nil {
				return err
			}
		}
		return nil
	})
}

// pages are the web page's files; nil where this build has none.
func pages() fs.FS {
	assets := web.Assets()
	if _, err := fs.Stat(assets, "index.html"); err != nil {
		return nil
	}
	return assets
}
