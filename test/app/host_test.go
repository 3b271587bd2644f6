// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestHost watches the host's own traffic over loopback: what was open before is adopted, processes are named however
// short they live, and Aeolus' own traffic is hidden unless it is asked for.
func TestHost(t *testing.T) {
	testkit.RequireRoot(t)
	older, six, web := freePort(t), freePort(t), freePort(t)
	server := hostDaemon(t, nil, python, "testdata/server.py", "4", strconv.Itoa(older))
	awaitPort(t, older)
	out := new(lockedBuffer)
	read, input, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	defer input.Close()
	client := hostDaemon(t, func(cmd *exec.Cmd) { cmd.Stdin, cmd.Stdout = read, out }, python, "testdata/client.py")
	require.NoError(t, json.NewEncoder(input).Encode(job{Address: "127.0.0.1", Port: older, Requests: 1, Bytes: 900, End: "hold"}))
	testkit.Eventually(t, 10*time.Second, func() string { return fewer(uint64(strings.Count(out.String(), "\n")), 1) })

	a := up(t)
	master := hostDaemon(t, nil, "nginx", nginxArguments(t, fmt.Sprintf("127.0.0.1:%d", web), fmt.Sprintf("[::1]:%d", six))...)
	awaitPort(t, web)
	awaitPort(t, six)

	t.Run("adopted", func(t *testing.T) {
		require.NoError(t, input.Close())
		c := a.oneAt(t, older, 1)[0]
		require.True(t, c.GetAdopted())
		requireProcesses(t, c, "client.py", client.Process.Pid, "server.py", server.Process.Pid)
	})
	t.Run("curl and nginx", func(t *testing.T) {
		curl := exec.Command("curl", "-sS", "-o", "/dev/null", fmt.Sprintf("http://127.0.0.1:%d/", web))
		require.NoError(t, curl.Run())
		c := a.oneAt(t, web, 1)[0]
		requireProcesses(t, c, "curl", curl.Process.Pid, "nginx", int(c.GetServerPid()))
		require.Equal(t, master.Process.Pid, parentOf(t, int(c.GetServerPid())), "it was accepted by a worker, and not by who listens")
		a.requireEdge(t, web, c)
	})
	t.Run("a moment's process", func(t *testing.T) {
		quick := filepath.Join(t.TempDir(), "aeo-quick")
		shell, err := os.ReadFile("/bin/bash")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(quick, shell, 0o755))
		const times = 20
		for range times {
			require.NoError(t, exec.Command(quick, "-c", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d", older)).Run())
		}
		named := 0
		for _, c := range a.oneAt(t, older, 1+times) {
			if c.GetClientProcess() == "aeo-quick" {
				named++
			}
		}
		require.Equal(t, times, named)
	})
	t.Run("IPv6", func(t *testing.T) {
		curl := exec.Command("curl", "-sS", "-o", "/dev/null", fmt.Sprintf("http://[::1]:%d/", six))
		require.NoError(t, curl.Run())
		c := a.oneAt(t, six, 1)[0]
		requireProcesses(t, c, "curl", curl.Process.Pid, "nginx", int(c.GetServerPid()))
		require.Equal(t, fmt.Sprintf("[::1]:%d", six), c.GetServerAddress())
	})
	t.Run("own", func(t *testing.T) {
		page := a.page()
		require.NoError(t, exec.Command("curl", "-sS", "-o", "/dev/null", page).Run())
		_, text, _ := net.SplitHostPort(strings.TrimPrefix(page[:strings.Index(page, "/?")], "http://"))
		port, err := strconv.Atoi(text)
		require.NoError(t, err)
		testkit.Eventually(t, 20*time.Second, func() string { return fewer(uint64(len(a.at(t, port, true))), 1) })
		require.Empty(t, a.at(t, port, false))
	})
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// awaitPort asks ss, not a connection: a connection would be counted.
func awaitPort(t *testing.T, port int) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() string {
		out, err := exec.Command("ss", "-Htln", "sport = :"+strconv.Itoa(port)).Output()
		require.NoError(t, err)
		return fewer(uint64(len(out)), 1)
	})
}

// hostDaemon starts a command in the host's own namespace and ends it with the test.
func hostDaemon(t *testing.T, prepare func(*exec.Cmd), name string, args ...string) *exec.Cmd {
	t.Helper()
	d := &daemon{out: new(lockedBuffer), cmd: exec.Command(name, args...)}
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if prepare != nil {
		prepare(d.cmd)
	}
	require.NoError(t, d.cmd.Start())
	t.Cleanup(d.stop)
	return d.cmd
}

// at gives the connections to a port of this host, with Aeolus' own or without.
func (a *aeolus) at(t *testing.T, port int, own bool) []*queryv1.Connection {
	t.Helper()
	answer, err := a.client.ListConnections(t.Context(), &queryv1.ListConnectionsRequest{
		Filter: &queryv1.Filter{Port: uint32(port), Own: own}, Closed: true, Limit: 100_000,
	})
	require.NoError(t, err)
	return answer.GetConnections()
}

// oneAt waits until n connections to a port have ended.
func (a *aeolus) oneAt(t *testing.T, port, n int) []*queryv1.Connection {
	t.Helper()
	var found []*queryv1.Connection
	testkit.Eventually(t, 20*time.Second, func() string {
		found = a.at(t, port, false)
		ended := 0
		for _, c := range found {
			if c.GetClosed() != nil && c.GetReporter() == "both" {
				ended++
			}
		}
		return fewer(uint64(ended), uint64(n))
	})
	require.Len(t, found, n)
	return found
}

func requireProcesses(t *testing.T, c *queryv1.Connection, client string, clientPID int, server string, serverPID int) {
	t.Helper()
	require.Equal(t, fmt.Sprintf("%s(%d) → %s(%d)", client, clientPID, server, serverPID),
		fmt.Sprintf("%s(%d) → %s(%d)", c.GetClientProcess(), c.GetClientPid(), c.GetServerProcess(), c.GetServerPid()))
}

// requireEdge finds a connection's edge on the map.
func (a *aeolus) requireEdge(t *testing.T, port int, c *queryv1.Connection) {
	t.Helper()
	graph, err := a.client.GetGraph(t.Context(), &queryv1.GetGraphRequest{Filter: &queryv1.Filter{Port: uint32(port)}})
	require.NoError(t, err)
	var names []string
	for _, e := range graph.GetEdges() {
		names = append(names, e.GetClientName()+" → "+e.GetServerName())
	}
	require.Equal(t, []string{c.GetClientName() + " → " + c.GetServerName()}, names)
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	parent, err := strconv.Atoi(fields[1])
	require.NoError(t, err)
	return parent
}
