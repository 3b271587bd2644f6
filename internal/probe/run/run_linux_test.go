// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// thisHost is found out once for all tests.
var thisHost = sync.OnceValues(func() (probe.Target, error) {
	return Host(context.Background(), HostConfig{Raw: true})
})

// compile compiles the body of a document for this host.
func compile(t testing.TB, body string) Config {
	t.Helper()
	testkit.RequireRoot(t)
	target, err := thisHost()
	require.NoError(t, err)
	return compileFor(t, target, body)
}

func compileFor(t testing.TB, target probe.Target, body string) Config {
	t.Helper()
	document := "apiVersion: aeolus.io/v1alpha1\nkind: Probe\nmetadata: {name: test}\nspec:\n" + body
	compiled, err := probe.Compile([]byte(document), target)
	require.NoError(t, err)
	return Config{Compiled: compiled, Target: target}
}

// begin starts a probe and ends it with the test.
func begin(t testing.TB, config Config) *Probe {
	t.Helper()
	p, err := Start(context.Background(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// connect makes connections over loopback, each opened and closed by both sides.
func connect(t testing.TB, n int) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(accepted, accepted)
			_ = accepted.Close()
		}
	}()
	for range n {
		c, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		_, err = c.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).CloseWrite())
		_, err = io.ReadAll(c)
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
	return listener.Addr().(*net.TCPAddr).Port
}

// rows waits until the rows of a probe are as they should be.
func rows(t testing.TB, p *Probe, wrong func(Snapshot) string) Snapshot {
	t.Helper()
	var s Snapshot
	testkit.Eventually(t, patience, func() string {
		var err error
		s, err = p.Rows()
		require.NoError(t, err)
		return wrong(s)
	})
	return s
}

func TestCountsByKey(t *testing.T) {
	config := compile(t, `
  hook: {tp_btf: inet_sock_set_state}
  where: newstate == TCP_ESTABLISHED
  by: [sock(sk).dport]
  measure: {connections: count(), rtt: histogram(tcp(sk).srtt)}
`)
	p := begin(t, config)
	port := connect(t, 7)
	s := rows(t, p, func(s Snapshot) string {
		for _, row := range s.Rows {
			if row.Keys[0].Number == uint64(port) && row.Measures[0].Number == 7 {
				return ""
			}
		}
		return "seven connections to the port are not counted"
	})
	require.Nil(t, s.Other)
	status := p.Status()
	require.Equal(t, Running, status.State)
	require.GreaterOrEqual(t, status.Cost.Runs, uint64(7))
	require.Positive(t, status.Cost.Memory)
	require.Equal(t, [ir.Losses]uint64{}, status.Losses)
	t.Log(p.Timing())
	require.NoError(t, p.Close())
	after, err := p.Rows()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(after.Rows), 1)
	require.Equal(t, Closed, p.Status().State)
}

func generate(t testing.TB, resolved *ir.Probe, config Config) *gen.Object {
	t.Helper()
	object, err := gen.Generate(resolved, config.Target.Gen)
	require.NoError(t, err)
	return object
}
