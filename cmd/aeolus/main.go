// SPDX-License-Identifier: Apache-2.0

// Command aeolus is everything in one binary: all roles in one process, each role alone, and the command line that asks
// a controller.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/aeolus-ebpf/aeolus/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Whoever reads the output may leave: a write then fails, and roles end in order.
	signal.Ignore(syscall.SIGPIPE)
	// The first signal ends the command in order; the second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, os.Args[1:], cli.System()))
}
