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
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// manual keeps a shop open for somebody to look at: go test ./internal/demo -run TestManual -timeout 0 -v -manual
var manual = flag.Bool("manual", false, "run TestManual: a shop that stays open until it is interrupted")

// runArgument makes the test program run a shop in the state directory that follows, as a process that can be killed.
const runArgument = "run-shop"

func TestMain(m *testing.M) {
	// The shop starts its instances from the program it runs in, which is this one.
	if len(os.Args) > 1 && os.Args[1] == ServiceCommand {
		exit(ServiceMain(context.Background(), os.Args[2:]))
	}
	if len(os.Args) == 3 && os.Args[1] == runArgument {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		shop, err := New(Config{StateDir: os.Args[2], PerSecond: 200})
		if err == nil {
			err = shop.Run(ctx)
		}
		exit(err)
	}
	goleak.VerifyTestMain(m)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
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
		Ready:    func(s Status) { t.Logf("open, state in %s", s.StateDir) },
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	require.NoError(t, shop.Run(ctx))
}

// openShop runs a shop until the test ends, and checks that it ends in order.
func openShop(t *testing.T) *Client {
	testkit.RequireRoot(t)
	directory := t.TempDir() + "/state"
	opened := make(chan struct{})
	shop, err := New(Config{
		StateDir: directory, PerSecond: 200,
		Ready: func(Status) { close(opened) },
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- shop.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoDirExists(t, directory)
	})
	select {
	case <-opened:
	case err := <-ended:
		ended <- nil
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		t.Fatal("the shop did not open")
	}
	return NewClient(directory)
}

// view is what the instances counted and, beside it, what the kernel counted in their namespaces.
type view struct {
	status Status
	edges  map[string]EdgeStatus
	// kernel is by service: the sum over its instances.
	kernel map[string]netlink.Counters
}

func look(t *testing.T, client *Client) view {
	t.Helper()
	status, err := client.Status(t.Context())
	require.NoError(t, err)
	v := view{status: status, edges: map[string]EdgeStatus{}, kernel: map[string]netlink.Counters{}}
	for _, edge := range status.Edges {
		v.edges[edge.Edge] = edge
	}
	for _, s := range status.Services {
		v.kernel[s.Name] = netlink.Counters{}
		for _, i := range s.Instances {
			if i.PID == 0 {
				continue
			}
			for name, value := range countersOf(t, i.PID) {
				v.kernel[s.Name][name] += value
			}
		}
	}
	return v
}

func countersOf(t *testing.T, pid int) netlink.Counters {
	t.Helper()
	namespace, err := netlink.OpenPID(uint32(pid))
	require.NoError(t, err)
	defer func() { require.NoError(t, namespace.Close()) }()
	counters, err := namespace.Counters()
	require.NoError(t, err)
	return counters
}

// attempts, failures and the rest compare two views of one edge.
func (v view) attempts(before view, edge string) uint64 {
	return v.edges[edge].Calls.Attempts - before.edges[edge].Calls.Attempts
}

func (v view) failures(before view, edge string, causes ...string) (count uint64) {
	for _, cause := range causes {
		count += v.edges[edge].Calls.Failed[cause] - before.edges[edge].Calls.Failed[cause]
	}
	return count
}

// mean is how long the calls that succeeded took.
func (v view) mean(before view, edge string) time.Duration {
	now, then := v.edges[edge].Calls, before.edges[edge].Calls
	if now.Succeeded == then.Succeeded {
		return 0
	}
	return (now.Took - then.Took) / time.Duration(now.Succeeded-then.Succeeded)
}

func (v view) counted(before view, service, counter string) uint64 {
	return v.kernel[service][counter] - before.kernel[service][counter]
}
