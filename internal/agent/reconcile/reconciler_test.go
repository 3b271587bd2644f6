// SPDX-License-Identifier: Apache-2.0

package reconcile_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/agent/reconcile"
	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// instrument is a sensor that does as it is told.
type instrument struct {
	run func(context.Context, func(sensor.State)) error
}

func (instrument) Name() string      { return "test" }
func (instrument) Cost() sensor.Cost { return sensor.Cost{} }
func (i instrument) Run(ctx context.Context, _ sensor.Sink, ready func(sensor.State)) error {
	return i.run(ctx, ready)
}

func start(t *testing.T, run func(context.Context, func(sensor.State)) error) (*reconcile.Reconciler, func()) {
	t.Helper()
	r := reconcile.New(reconcile.Config{
		Make:     func(assign.Assignment) (sensor.Sensor, error) { return instrument{run}, nil },
		Defaults: []assign.Assignment{work("default", "")},
		Logger:   slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	var over atomic.Bool
	stop := func() {
		if over.CompareAndSwap(false, true) {
			cancel()
			require.NoError(t, <-ended)
		}
	}
	t.Cleanup(stop)
	return r, stop
}

func work(id, parameter string) assign.Assignment {
	return assign.Assignment{ID: id, Sensor: assign.Sensor{Name: "test", Parameters: map[string]string{"p": parameter}}}
}

func await(t *testing.T, r *reconcile.Reconciler, state assign.State, reason string) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() string {
		answer, ok := r.Report(t.Context())
		require.True(t, ok)
		if len(answer.Statuses) == 1 && answer.Statuses[0].State == state && answer.Statuses[0].Reason == reason {
			return ""
		}
		return "the state is not " + state.String()
	})
}

func TestPanicEndsOneSensor(t *testing.T) {
	r, _ := start(t, func(context.Context, func(sensor.State)) error { panic("off the rails") })
	await(t, r, assign.Refused, "the sensor panicked: off the rails")
}

func TestSensorThatEndsIsNotRunning(t *testing.T) {
	r, _ := start(t, func(context.Context, func(sensor.State)) error { return nil })
	await(t, r, assign.Refused, "the sensor ended by itself")
}

// TestNextWaitsForThePrograms holds that a changed assignment starts only once the programs of the one before are gone,
// and that the end waits for them too.
func TestNextWaitsForThePrograms(t *testing.T) {
	var running, most atomic.Int32
	r, stop := start(t, func(ctx context.Context, ready func(sensor.State)) error {
		if now := running.Add(1); now > most.Load() {
			most.Store(now)
		}
		defer running.Add(-1)
		ready(sensor.State{})
		<-ctx.Done()
		time.Sleep(20 * time.Millisecond)
		return nil
	})
	for n := range uint64(5) {
		require.NoError(t, r.Apply(t.Context(), assign.Desired{
			Controller: "c", Generation: n + 1, Assignments: []assign.Assignment{work("a", string(rune('a'+n)))},
		}))
	}
	await(t, r, assign.Running, "")
	require.ErrorIs(t, r.Apply(t.Context(), assign.Desired{Controller: "c", Generation: 1}), assign.ErrStale)
	stop()
	require.Equal(t, int32(1), most.Load())
	require.Zero(t, running.Load())
	_, ok := r.Report(context.Background())
	require.False(t, ok, "there is nothing to report after the end")
	require.Error(t, r.Apply(context.Background(), assign.Desired{}))
}
