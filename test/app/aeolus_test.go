// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// binary is the aeolus under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "aeolus-app-test-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "aeolus")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/aeolus")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 1
	}
	return m.Run()
}

// aeolus is a running `aeolus up`.
type aeolus struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    *lockedBuffer
	dir    string
	client queryv1connect.QueryServiceClient
	exited chan struct{}
}

// up starts `aeolus up` with directories of its own and waits until its agent runs everything it should.
func up(t *testing.T, args ...string) *aeolus {
	t.Helper()
	testkit.RequireRoot(t)
	a := &aeolus{t: t, out: new(lockedBuffer), dir: t.TempDir(), exited: make(chan struct{})}
	all := append([]string{"up", "--data-dir", filepath.Join(a.dir, "data"), "--run-dir", filepath.Join(a.dir, "run"),
		"--listen", "127.0.0.1:0"}, args...)
	a.cmd = exec.Command(binary, all...)
	a.cmd.Stdout, a.cmd.Stderr = a.out, a.out
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, a.cmd.Start())
	go func() {
		_ = a.cmd.Wait()
		close(a.exited)
	}()
	t.Cleanup(a.interrupt)
	a.client = queryv1connect.NewQueryServiceClient(unixClient(filepath.Join(a.dir, "run", "aeolus.sock")), "http://aeolus")
	testkit.Eventually(t, 20*time.Second, a.missing)
	return a
}

func unixClient(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
}

// missing says what is still to come before the agent watches.
func (a *aeolus) missing() string {
	select {
	case <-a.exited:
		return "aeolus has exited: " + a.out.String()
	default:
	}
	status, err := a.client.GetStatus(a.t.Context(), &queryv1.GetStatusRequest{})
	if err != nil {
		return err.Error()
	}
	for _, agent := range status.GetAgents() {
		for _, assignment := range agent.GetAssignments() {
			if assignment.GetState() == "running" {
				return ""
			}
		}
	}
	return "no assignment is running: " + status.String()
}

// interrupt ends it as Ctrl-C does.
func (a *aeolus) interrupt() {
	_ = a.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-a.exited:
	case <-time.After(10 * time.Second):
		_ = a.cmd.Process.Kill()
		<-a.exited
		a.t.Errorf("aeolus did not end within 10 s of SIGINT:\n%s", a.out)
	}
	if a.t.Failed() {
		a.t.Logf("aeolus said:\n%s", a.out)
	}
}

// connections gives every connection that the controller holds, of those that name matches at either side.
func (a *aeolus) connections(name string) []*queryv1.Connection {
	a.t.Helper()
	answer, err := a.client.ListConnections(a.t.Context(), &queryv1.ListConnectionsRequest{
		Filter: &queryv1.Filter{Workload: name}, Closed: true, Limit: 100_000,
	})
	require.NoError(a.t, err, "code %s", connect.CodeOf(err))
	require.False(a.t, answer.GetTruncated(), "more connections than the answer could hold")
	return answer.GetConnections()
}

// edges gives the edges seen between workloads that name matches.
func (a *aeolus) edges(name string) []*queryv1.Edge {
	a.t.Helper()
	graph, err := a.client.GetGraph(a.t.Context(), &queryv1.GetGraphRequest{
		Filter: &queryv1.Filter{Client: name, Server: name}, MaxNodes: 10_000,
	})
	require.NoError(a.t, err)
	return graph.GetEdges()
}
