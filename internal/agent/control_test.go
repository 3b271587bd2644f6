// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	"github.com/aeolus-ebpf/aeolus/internal/assign"
)

func mustAddrPort(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

func desired(controller string, generation uint64, list ...assign.Assignment) *controlv1.DesiredState {
	return assign.Encode(assign.Desired{Controller: controller, Generation: generation, Assignments: list})
}

func fake(id string, ttl time.Duration, parameter string) assign.Assignment {
	a := assign.Assignment{ID: id, TTL: ttl, Sensor: assign.Sensor{Name: "fake"}}
	if parameter != "" {
		a.Sensor.Parameters = map[string]string{"p": parameter}
	}
	return a
}

// state waits until the last report of a generation gives an assignment a state, and returns the reason.
func (b *bench) state(generation uint64, id string, want controlv1.AssignmentStatus_State) string {
	b.t.Helper()
	var reason string
	b.await(id+" is "+want.String(), func() bool {
		got, statuses := b.receiver.statuses()
		reason = statuses[id].GetReason()
		return got == generation && statuses[id].GetState() == want
	})
	return reason
}

func TestControl_assignments(t *testing.T) {
	b := newBench(t, nil)
	b.host.last(t, 1)
	b.state(0, "default/fake", controlv1.AssignmentStatus_STATE_RUNNING)

	b.receiver.states <- desired("c1", 1, fake("a", 0, ""))
	b.state(1, "a", controlv1.AssignmentStatus_STATE_RUNNING)
	_, statuses := b.receiver.statuses()
	require.Equal(t, uint64(3), statuses["a"].Cost.Runs)
	require.Len(t, b.host.sensors, 1, "the same work goes on without a restart")

	b.receiver.states <- desired("c1", 2, fake("a", 0, "x"), assign.Assignment{ID: "b", Sensor: assign.Sensor{Name: "moon"}})
	started, _ := b.host.last(t, 2)
	require.Equal(t, map[string]string{"p": "x"}, started.settings.Parameters)
	require.Contains(t, b.state(2, "b", controlv1.AssignmentStatus_STATE_REFUSED), `no sensor named "moon"`)

	b.receiver.states <- desired("c1", 1)
	b.receiver.states <- &controlv1.DesiredState{}
	b.receiver.states <- desired("c1", 3, fake("a", 0, "x"))
	b.state(3, "a", controlv1.AssignmentStatus_STATE_RUNNING)
	require.Len(t, b.host.sensors, 2, "an older generation and a senseless one change nothing")

	b.receiver.states <- desired("c2", 1)
	b.await("everything stops", func() bool { return b.host.running.Load() == 0 })
	require.NoError(t, b.end())
}

func TestControl_timeToLiveEndsWithoutAController(t *testing.T) {
	b := newBench(t, nil)
	b.host.last(t, 1)
	b.receiver.states <- desired("c1", 1, fake("a", time.Second, "x"))
	b.host.last(t, 2)
	b.stop()
	b.await("its time ends", func() bool { return b.host.running.Load() == 0 })
	b.restart()
	require.Contains(t, b.state(1, "a", controlv1.AssignmentStatus_STATE_ENDED), "its time of 1s has passed")
}

func TestControl_answersWhyNot(t *testing.T) {
	b := newBench(t, func(b *bench, _ *Config) { b.host.missing = []string{"No hook."} })
	b.host.last(t, 1)
	require.Equal(t, "No hook.", b.state(0, "default/fake", controlv1.AssignmentStatus_STATE_DEGRADED))
	b.host.refuse.Store(true)
	b.receiver.states <- desired("c1", 1, fake("a", 0, "x"))
	require.Equal(t, "not on this kernel", b.state(1, "a", controlv1.AssignmentStatus_STATE_REFUSED))
}

func TestControl_crashedSensorIsStartedAgain(t *testing.T) {
	b := newBench(t, func(b *bench, _ *Config) { b.host.crash.Store(true) })
	b.host.last(t, 1)
	require.Equal(t, "the ring is gone", b.state(0, "default/fake", controlv1.AssignmentStatus_STATE_REFUSED))
	b.host.crash.Store(false)
	b.host.last(t, 2)
	b.state(0, "default/fake", controlv1.AssignmentStatus_STATE_RUNNING)
}

// TestControl_garbage holds that a controller that talks nonsense changes nothing that runs.
func TestControl_garbage(t *testing.T) {
	b := newBench(t, nil)
	b.host.last(t, 1)
	huge := &controlv1.DesiredState{ControllerId: "c", Generation: 1}
	for range 200 {
		huge.Assignments = append(huge.Assignments, &controlv1.Assignment{Id: strings.Repeat("x", 8_000)})
	}
	for _, state := range []*controlv1.DesiredState{
		{}, {ControllerId: "c"}, {ControllerId: "c", Generation: 1, Assignments: []*controlv1.Assignment{{}}}, huge,
	} {
		b.receiver.states <- state
	}
	b.await("it attaches again after what is too large", func() bool {
		b.receiver.mu.Lock()
		defer b.receiver.mu.Unlock()
		return len(b.receiver.hellos) >= 2
	})
	b.state(0, "default/fake", controlv1.AssignmentStatus_STATE_RUNNING)
	require.Len(t, b.host.sensors, 1)
	b.receiver.states <- desired("c", 1, fake("a", 0, ""))
	b.state(1, "a", controlv1.AssignmentStatus_STATE_RUNNING)
}

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestControl_saysThatNobodyAnswers(t *testing.T) {
	var log lines
	b := newBench(t, func(_ *bench, c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	b.host.last(t, 1)
	b.state(0, "default/fake", controlv1.AssignmentStatus_STATE_RUNNING)
	b.stop()
	b.await("the reason", func() bool { return strings.Contains(log.String(), "connection refused") })
	b.restart()
	b.await("it attaches again", func() bool {
		b.receiver.mu.Lock()
		defer b.receiver.mu.Unlock()
		return len(b.receiver.hellos) >= 2
	})
	require.Equal(t, 1, strings.Count(log.String(), "connection refused"), "it is said once")
}

// TestControl_twin shares its node's name with another agent: the two must not chase each other.
func TestControl_twin(t *testing.T) {
	var log lines
	began := time.Now()
	b := newBench(t, func(b *bench, c *Config) {
		b.receiver.twin.Store(true)
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	b.await("it tries again and again", func() bool {
		b.receiver.mu.Lock()
		defer b.receiver.mu.Unlock()
		return len(b.receiver.hellos) >= 6
	})
	require.Greater(t, time.Since(began), 700*time.Millisecond, "with growing pauses")
	require.Equal(t, 1, strings.Count(log.String(), "another agent has attached"), "it is said once")
}

func TestControl_strangerIsNotFollowed(t *testing.T) {
	b := newBench(t, func(b *bench, _ *Config) { b.trust.server = newTrust(t, "n").server })
	b.host.last(t, 1)
	b.receiver.states <- desired("c", 1)
	require.Never(t, func() bool { return b.host.running.Load() == 0 }, 500*time.Millisecond, 20*time.Millisecond)
	require.Empty(t, b.receiver.flows())
}
