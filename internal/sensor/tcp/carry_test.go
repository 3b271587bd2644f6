// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestBytes: payload is exact at both ends, whatever was lost on the way and whoever closed first.
func TestBytes(t *testing.T) {
	testkit.RequireRoot(t)
	p := newPair(t)
	require.NoError(t, p.server.Nft("table inet test { chain input { type filter hook input priority 0;\nmeta l4proto tcp tcp dport 7100 numgen inc mod 10 9 drop\n}\n}"))
	run := start(t, p.scope())
	listener := listen(t, p.server, "tcp4", "10.99.0.2:7100")
	cases := []struct {
		request, reply int
		serverFirst    bool
	}{{300_000, 7, false}, {1, 200_000, true}, {0, 1, true}, {12_345, 0, false}, {0, 0, false}}
	for _, c := range cases {
		client, err := dial(p.client, "tcp4", listener.Addr().String())
		require.NoError(t, err)
		server, err := listener.AcceptTCP()
		require.NoError(t, err)
		exchange(t, client, server, c.request, c.reply)
		first, second := client, server
		if c.serverFirst {
			first, second = server, client
		}
		require.NoError(t, first.Close())
		_, err = second.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, second.Close())
		local := netip.MustParseAddrPort(client.LocalAddr().String())
		var ends []model.Connection
		testkit.Eventually(t, patience, func() string {
			ends = run.ends(func(c *model.Connection) bool { return c.Local == local || c.Remote == local })
			return missing(len(ends), 2)
		})
		for _, end := range ends {
			sent, received := uint64(c.request), uint64(c.reply)
			if end.Role == model.RoleServer {
				sent, received = received, sent
			}
			assert.Equal(t, sent, end.Counters.SentBytes, "%s sent", end.Role)
			assert.Equal(t, received, end.Counters.ReceivedBytes, "%s received", end.Role)
			assert.Equal(t, model.FailureNone, end.Failure)
			if end.Role == model.RoleClient {
				assert.Equal(t, end.Handshake, time.Duration(end.Established-end.Opened).Truncate(time.Microsecond))
				assert.Positive(t, end.MinRTT)
				assert.Positive(t, end.SmoothedRTT)
			}
		}
	}
	run.stop()
	var again uint64
	for _, c := range run.ends(to(netip.MustParseAddrPort("10.99.0.2:7100"))) {
		again += c.Counters.Retransmits
	}
	assert.Positive(t, again, "one packet in ten was dropped")
	equalCounters(t, run, p.client, p.server)
}

func missing(have, want int) string {
	if have >= want {
		return ""
	}
	return fmt.Sprintf("%d of %d", have, want)
}

// exchange sends both ways and waits until all has come.
func exchange(t *testing.T, client, server *net.TCPConn, request, reply int) {
	t.Helper()
	var wait sync.WaitGroup
	move := func(to io.Writer, from io.Reader, n int) {
		wait.Go(func() { _, err := to.Write(make([]byte, n)); assert.NoError(t, err) })
		wait.Go(func() { _, err := io.ReadFull(from, make([]byte, n)); assert.NoError(t, err) })
	}
	move(client, server, request)
	move(server, client, reply)
	wait.Wait()
}

// TestWalk: an open connection is reported while it moves, and not while it does not.
func TestWalk(t *testing.T) {
	testkit.RequireRoot(t)
	p := newPair(t)
	settings := p.scope()
	settings.Parameters = map[string]string{"walk": "20ms", "full_walk": "1h"}
	run := start(t, settings)
	listener := listen(t, p.server, "tcp4", "10.99.0.2:0")
	client, err := dial(p.client, "tcp4", listener.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	server, err := listener.AcceptTCP()
	require.NoError(t, err)
	defer server.Close()
	for sent := 1; sent <= 3; sent++ {
		exchange(t, client, server, 1, 0)
		testkit.Eventually(t, patience, func() string {
			run.mu.Lock()
			defer run.mu.Unlock()
			seen := map[model.Role]bool{}
			for _, c := range run.conns {
				if c.Phase == model.PhaseEstablished && c.Counters.SentBytes+c.Counters.ReceivedBytes == uint64(sent) {
					seen[c.Role] = true
				}
			}
			return missing(len(seen), 2)
		})
	}
	run.stop()
	assert.LessOrEqual(t, len(run.conns), 2*2*4, "each end at most at its opening and after each byte and its answer")
}

// What a foreign program does that serves, and one that connects.
const server = `
import os, socket, sys
s = socket.socket(); s.bind(("10.99.0.2", 7200)); s.listen(16)
kept = []
print("listening", flush=True)
for line in sys.stdin:
    if line.startswith("accept"):
        c = s.accept()[0]
        if os.fork() == 0:
            s.close(); c.sendall(b"hello"); print(os.getpid(), flush=True)
            while c.recv(100): pass
            os._exit(0)
        c.close()
`

const client = `
import socket, sys
kept = []
for line in sys.stdin:
    if line.startswith("connect"):
        c = socket.create_connection(("10.99.0.2", 7200)); kept.append(c); print(len(c.recv(5)), flush=True)
    if line.startswith("send"):
        kept[0].sendall(b"12345678"); print("sent", flush=True)
`

// foreign is a program that obeys lines and answers in lines.
type foreign struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

func startForeign(t *testing.T, n *netlink.Namespace, script string) *foreign {
	t.Helper()
	f := &foreign{command: exec.Command("python3", "-c", script)}
	var err error
	f.in, err = f.command.StdinPipe()
	require.NoError(t, err)
	out, err := f.command.StdoutPipe()
	require.NoError(t, err)
	f.out = bufio.NewScanner(out)
	require.NoError(t, n.Start(f.command))
	t.Cleanup(func() {
		_ = f.in.Close()
		_ = f.command.Process.Kill()
		_ = f.command.Wait()
	})
	return f
}

func (f *foreign) tell(t *testing.T, line string) {
	t.Helper()
	_, err := fmt.Fprintln(f.in, line)
	require.NoError(t, err)
}

func (f *foreign) hear(t *testing.T) string {
	t.Helper()
	require.True(t, f.out.Scan())
	return f.out.Text()
}

// TestAdoption: what is older than the sensor is taken over with its role, its owner and what it had counted; and an
// accepted connection comes to the process that holds it.
func TestAdoption(t *testing.T) {
	testkit.RequireRoot(t)
	p := newPair(t)
	serving := startForeign(t, p.server, server)
	require.Equal(t, "listening", serving.hear(t))
	calling := startForeign(t, p.client, client)
	serving.tell(t, "accept")
	calling.tell(t, "connect")
	require.Equal(t, "5", calling.hear(t))
	olderChild := serving.hear(t)

	settings := p.scope()
	settings.Parameters = map[string]string{"walk": "50ms"}
	run := start(t, settings)
	older := run.latest()
	require.Len(t, older, 2)
	for _, c := range older {
		assert.True(t, c.Adopted)
		assert.False(t, c.Owner.Inherited)
		assert.Zero(t, c.Opened)
		assert.Equal(t, uint64(5), c.Base.SentBytes+c.Base.ReceivedBytes)
		assert.Equal(t, c.Base, c.Counters)
		owner := olderChild
		if c.Remote.Port() == 7200 {
			assert.Equal(t, model.RoleClient, c.Role)
			owner = fmt.Sprint(calling.command.Process.Pid)
		} else {
			assert.Equal(t, model.RoleServer, c.Role)
		}
		assert.Equal(t, owner, fmt.Sprint(c.Owner.PID))
		assert.Equal(t, "python3", c.Owner.Comm[:7])
	}
	run.mu.Lock()
	require.Len(t, run.listeners, 1)
	assert.Equal(t, "10.99.0.2:7200", run.listeners[0].Local.String())
	run.mu.Unlock()

	calling.tell(t, "send")
	require.Equal(t, "sent", calling.hear(t))
	serving.tell(t, "accept")
	calling.tell(t, "connect")
	require.Equal(t, "5", calling.hear(t))
	youngerChild := serving.hear(t)
	testkit.Eventually(t, patience, func() string {
		var moved, owned bool
		for _, c := range run.latest() {
			moved = moved || c.Adopted && c.Counters.Sub(c.Base).SentBytes == 8
			owned = owned || !c.Adopted && c.Role == model.RoleServer && fmt.Sprint(c.Owner.PID) == youngerChild && !c.Owner.Inherited
		}
		if !moved {
			return "the adopted connection has not moved"
		}
		if !owned {
			return "the accepted connection has not come to its process"
		}
		return ""
	})
	require.NoError(t, calling.command.Process.Kill())
	testkit.Eventually(t, patience, func() string {
		return missing(len(run.ends(func(*model.Connection) bool { return true })), 4)
	})
}

// latest gives the latest snapshot of each connection.
func (r *recorder) latest() map[uint64]model.Connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	latest := map[uint64]model.Connection{}
	for _, c := range r.conns {
		if c.Taken >= latest[c.Cookie].Taken {
			latest[c.Cookie] = c
		}
	}
	return latest
}

// TestAdoption_multipath: Go's servers listen on multipath sockets, behind which the kernel keeps TCP ones without a file.
func TestAdoption_multipath(t *testing.T) {
	testkit.RequireRoot(t)
	p := newPair(t)
	listener := listen(t, p.server, "tcp4", "10.99.0.2:0")
	remote := netip.MustParseAddrPort(listener.Addr().String())
	connect := func() (client, server *net.TCPConn) {
		client, err := dial(p.client, "tcp4", remote.String())
		require.NoError(t, err)
		server, err = listener.AcceptTCP()
		require.NoError(t, err)
		return client, server
	}
	closeBoth := func(client, server *net.TCPConn) {
		require.NoError(t, client.Close())
		require.NoError(t, server.Close())
	}
	olderClient, olderServer := connect()
	run := start(t, p.scope())
	closeBoth(connect())
	closeBoth(olderClient, olderServer)
	testkit.Eventually(t, patience, func() string {
		return missing(len(run.ends(func(*model.Connection) bool { return true })), 4)
	})
	require.NoError(t, listener.Close())
	testkit.Eventually(t, patience, func() string {
		run.mu.Lock()
		defer run.mu.Unlock()
		return missing(len(run.listeners), 2)
	})
	run.stop()
	for _, c := range run.ends(func(*model.Connection) bool { return true }) {
		assert.Equal(t, c.Local == remote, c.Role == model.RoleServer)
		assert.Equal(t, c.Remote == remote, c.Role == model.RoleClient)
		assert.EqualValues(t, os.Getpid(), c.Owner.PID)
		assert.False(t, c.Owner.Inherited)
	}
	assert.Equal(t, remote, run.listeners[0].Local)
	assert.EqualValues(t, os.Getpid(), run.listeners[0].Owner.PID)
	assert.Equal(t, run.listeners[0].Cookie, run.listeners[1].Cookie)
	assert.True(t, run.listeners[1].Gone)
}
