// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// manual keeps a shop open for somebody to look at: go test ./internal/demo -run TestManual -timeout 0 -v -manual
var manual = flag.Bool("manual", false, "run TestManual: a shop that stays open until it is interrupted")

func TestMain(m *testing.M) {
	// The shop starts its instances from the program it runs in, which is this one.
	if len(os.Args) > 1 && os.Args[1] == ServiceCommand {
		if err := ServiceMain(context.Background(), os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestManual(t *testing.T) {
	if !*manual {
		t.Skip("only with -manual")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	shop, err := New(Config{
		StateDir: os.Getenv("AEOLUS_DEMO_DIR"),
		Progress: func(line string) { t.Log(line) },
		Ready:    func(s Status) { t.Logf("open after %s", s.StateDir) },
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	require.NoError(t, shop.Run(ctx))
}
