// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/agent"
)

// TestMain lets the test binary stand in for the program: benchmarks run their agents and their traffic as that.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		child := map[string]func(context.Context, []string) error{
			AgentCommand: func(ctx context.Context, args []string) error {
				if code := agent.Main(ctx, args, agent.SystemStreams()); code != 0 {
					return fmt.Errorf("the agent ended with %d", code)
				}
				return nil
			},
			SocketsCommand:    func(ctx context.Context, args []string) error { return SocketsMain(ctx, os.Stdin, os.Stdout, args) },
			SenderCommand:     func(ctx context.Context, _ []string) error { return SenderMain(ctx, os.Stdin, os.Stdout) },
			ControllerCommand: func(ctx context.Context, args []string) error { return ControllerMain(ctx, os.Stdin, os.Stdout, args) },
			LoadsCommand:      func(ctx context.Context, args []string) error { return LoadsMain(ctx, os.Stdin, os.Stdout, args) },
			AskCommand:        func(ctx context.Context, args []string) error { return AskMain(ctx, os.Stdin, os.Stdout, args) },
			TrafficCommand:    func(ctx context.Context, args []string) error { return TrafficMain(ctx, os.Stdout, args) },
		}[os.Args[1]]
		if child != nil {
			os.Exit(runChild(child))
		}
	}
	goleak.VerifyTestMain(m)
}

func runChild(child func(context.Context, []string) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := child(ctx, os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
