// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestLive_agent runs the agent on this host's kernel: a connection's bytes, a refused connect and a listener arrive.
func TestLive_agent(t *testing.T) {
	testkit.RequireRoot(t)
	both := newTrust(t, "live")
	r := newReceiver()
	address, _ := r.serve(t, "127.0.0.1:0", both.server)
	made, err := New(Config{
		Node: "live", Controller: address, TLS: both.agent, Defaults: DefaultAssignments(), Interval: 100 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- made.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
	}()
	testkit.Eventually(t, 30*time.Second, func() string {
		_, statuses := r.statuses()
		switch statuses["default/tcp"].GetState() {
		case controlv1.AssignmentStatus_STATE_RUNNING, controlv1.AssignmentStatus_STATE_DEGRADED:
			return ""
		}
		return "the sensor does not run: " + statuses["default/tcp"].String()
	})

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	target := listener.Addr().String()
	echo(t, listener)
	dialled, err := net.Dial("tcp", target)
	require.NoError(t, err)
	_, err = dialled.Write(make([]byte, 12_345))
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, dialled, 12_345)
	require.NoError(t, err)
	local := dialled.LocalAddr().String()
	require.NoError(t, dialled.Close())
	_ = listener.Close()
	_, err = net.Dial("tcp", target)
	require.Error(t, err)

	testkit.Eventually(t, 15*time.Second, func() string { return missingRow(r, local, target) })
	testkit.Eventually(t, 5*time.Second, func() string {
		for _, event := range r.gotEvents() {
			if event.Kind == model.EventRefused && event.Remote.String() == target && event.Own && event.Endpoint.PID != 0 {
				return ""
			}
		}
		return "the refused connect has not come"
	})
}

// missingRow says what is missing of the two halves of one connection.
func missingRow(r *receiver, local, target string) string {
	for _, role := range []model.Role{model.RoleClient, model.RoleServer} {
		var sum model.Counters
		var closed int
		for _, flow := range r.flows() {
			ends := []string{flow.Local.String(), flow.Remote.String()}
			if role == model.RoleServer {
				ends[0], ends[1] = ends[1], ends[0]
			}
			if flow.Role == role && ends[0] == local && ends[1] == target {
				sum = sum.Add(flow.Delta)
				if flow.Closed {
					closed++
				}
			}
		}
		if sum.SentBytes != 12_345 || sum.ReceivedBytes != 12_345 || closed != 1 {
			return role.String() + "'s half is not whole"
		}
	}
	return ""
}

// echo answers one connection with what it sends.
func echo(t *testing.T, listener net.Listener) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		accepted, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(accepted, accepted)
		_ = accepted.Close()
	}()
	t.Cleanup(func() { <-done })
}
