// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
	"github.com/aeolus-ebpf/aeolus/internal/up"
)

// queryClient is how a benchmark asks its controller.
type queryClient = queryv1connect.QueryServiceClient

// startWithin bounds how long a system may take until it watches.
const startWithin = 30 * time.Second

// system is Aeolus as aeolus up runs it, in this process, with directories of its own.
type system struct {
	query queryClient
	// client asks by the controller's socket.
	client *http.Client
	stop   func()
	// ended is closed when it does not run any more; err says why.
	ended chan struct{}
	err   error
}

// startSystem starts one and waits until its agent runs what it was assigned. The agent reports by way of the collector,
// or straight to the controller.
func startSystem(ctx context.Context, run *Run, direct bool) (*system, error) {
	directory, err := os.MkdirTemp("", "aeolus-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	ready := make(chan up.Addresses, 1)
	all, err := up.New(up.Config{
		DataDir: filepath.Join(directory, "data"), RunDir: filepath.Join(directory, "run"), Listen: "127.0.0.1:0",
		Direct: direct, Scrape: up.NoScrape, Ready: func(addresses up.Addresses) { ready <- addresses }, Logger: run.Logger,
	})
	if err != nil {
		cancel()
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	s := &system{ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.err = all.Run(ctx)
	}()
	s.stop = func() {
		cancel()
		<-s.ended
		_ = os.RemoveAll(directory)
	}
	if err := s.await(ctx, ready); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *system) await(ctx context.Context, ready <-chan up.Addresses) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	select {
	case <-s.ended:
		return fmt.Errorf("starting Aeolus: %w", s.err)
	case <-ctx.Done():
		return fmt.Errorf("starting Aeolus: %w", ctx.Err())
	case addresses := <-ready:
		s.client = socketClient(addresses.Socket)
		s.query = queryv1connect.NewQueryServiceClient(s.client, "http://localhost")
	}
	for {
		status, err := s.query.GetStatus(ctx, &queryv1.GetStatusRequest{})
		if err != nil {
			return fmt.Errorf("waiting for the agent: %w", err)
		}
		if running(status) {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("starting Aeolus: %w", s.err)
		case <-ctx.Done():
			return fmt.Errorf("waiting for the agent to run what it was assigned: %w: %v", ctx.Err(), status.GetAgents())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// running tells whether there is an agent that runs all that it should.
func running(status *queryv1.Status) bool {
	agents := 0
	for _, agent := range status.GetAgents() {
		for _, assignment := range agent.GetAssignments() {
			if assignment.GetState() != "running" && assignment.GetState() != "degraded" {
				return false
			}
			agents++
		}
	}
	return agents > 0
}

func socketClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
}
