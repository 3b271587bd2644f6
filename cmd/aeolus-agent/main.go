// SPDX-License-Identifier: Apache-2.0

// Command aeolus-agent is the agent alone: the only part of Aeolus that needs privileges, and nothing else.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/aeolus-ebpf/aeolus/internal/agent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(agent.Main(ctx, os.Args[1:], agent.SystemStreams()))
}
