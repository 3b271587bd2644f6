// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func counted(ledger *loss.Ledger) loss.Count { return ledger.Counts()[0] }

func TestJournal_writesTheNewestState(t *testing.T) {
	store, ledger := open(t, state.Config{}), loss.NewLedger()
	journal := state.NewJournal(store, nil, ledger.Stage("state"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- journal.Run(ctx) }()
	for i := range 1000 {
		a := anomaly("a", begin, time.Time{})
		a.Events = uint64(i)
		journal.Keep(a)
	}
	testkit.Eventually(t, 10*time.Second, func() string {
		found, err := store.Find(t.Context(), "a")
		if err != nil || found.Events != 999 {
			return fmt.Sprint("not there yet: ", err)
		}
		return ""
	})
	last := anomaly("a", begin, begin.Add(time.Minute))
	journal.Keep(last)
	cancel()
	require.NoError(t, <-ended)
	found, err := store.Find(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, last.Closed, found.Closed, "what waits is written at the end")
	count := counted(ledger)
	require.Equal(t, count.In, count.Out)
	require.Less(t, count.In, uint64(50), "what only changes is written now and then")
	alive, err := store.LastAlive(t.Context())
	require.NoError(t, err)
	require.NotZero(t, alive)
}

// TestJournal_whatCannotBeWritten fills the queue while nothing can be written: it stays bounded, and what is lost is counted.
func TestJournal_whatCannotBeWritten(t *testing.T) {
	store, ledger, log := open(t, state.Config{}), loss.NewLedger(), new(bytes.Buffer)
	journal := state.NewJournal(store, slog.New(slog.NewTextHandler(log, nil)), ledger.Stage("state"))
	for i := range 5000 {
		journal.Keep(anomaly(fmt.Sprint(i), begin, time.Time{}))
	}
	require.EqualValues(t, 5000-4096, counted(ledger).Dropped["queue-full"])
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, journal.Flush(cancelled))
	require.Zero(t, counted(ledger).Out)
	require.NoError(t, journal.Flush(t.Context()), "what could not be written is tried again")
	require.EqualValues(t, 4096, counted(ledger).Out)

	broken, err := state.Open(t.Context(), state.Config{})
	require.NoError(t, err)
	require.NoError(t, broken.Close())
	journal = state.NewJournal(broken, slog.New(slog.NewTextHandler(log, nil)), ledger.Stage("state"))
	journal.Keep(anomaly("x", begin, time.Time{}))
	require.NoError(t, journal.Run(cancelled))
	count := counted(ledger)
	require.EqualValues(t, 1, count.Dropped["not-written"])
	require.Equal(t, count.In, count.Out+count.Lost())
	require.Contains(t, log.String(), "state is not written")
}
