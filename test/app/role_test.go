// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// agentBinary is aeolus-agent, built once, beside the other.
var agentBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(binary), "aeolus-agent")
	return path, exec.Command("go", "build", "-o", path, "../../cmd/aeolus-agent").Run()
})

// role is one of Aeolus' roles in a process of its own.
type role struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    *lockedBuffer
	exited chan struct{}
}

func startRole(t *testing.T, program string, args ...string) *role {
	t.Helper()
	r := &role{t: t, cmd: exec.Command(program, args...), out: new(lockedBuffer), exited: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, r.cmd.Start())
	go func() {
		_ = r.cmd.Wait()
		close(r.exited)
	}()
	t.Cleanup(func() {
		r.signal(syscall.SIGCONT)
		r.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(program), r.out)
		}
	})
	return r
}

func (r *role) signal(s syscall.Signal) { _ = r.cmd.Process.Signal(s) }

// end sends a signal and waits until the process has gone.
func (r *role) end(s syscall.Signal) {
	r.t.Helper()
	r.signal(s)
	select {
	case <-r.exited:
	case <-time.After(15 * time.Second):
		_ = r.cmd.Process.Kill()
		r.t.Errorf("%s did not end within 15 s of %s", r.cmd.Path, s)
	}
}

// roles are a controller, which may come and go, and the agents that report to it.
type roles struct {
	*aeolus
	controller *role
	agents     string
	// http is where the controller answers, with the token of stacks; a port of its own choice with one of its own where
	// it is empty.
	http string
	// flags are further flags of the controller.
	flags []string
}

// newRoles starts a controller with a port for agents that outlives it. Such tests may run beside each other: their agents
// see nothing but their own lab.
func newRoles(t *testing.T) *roles {
	t.Helper()
	testkit.RequireRoot(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	r := &roles{aeolus: &aeolus{t: t, dir: t.TempDir()}, agents: free.Addr().String()}
	r.startController()
	return r
}

func (r *roles) startController() {
	r.t.Helper()
	run := filepath.Join(r.dir, "run")
	args := []string{"controller", "--agents", r.agents, "--data-dir", filepath.Join(r.dir, "data"), "--run-dir", run, "--listen"}
	if r.http == "" {
		args = append(args, "127.0.0.1:0")
	} else {
		args = append(args, r.http, "--token", stackToken)
	}
	r.controller = startRole(r.t, binary, append(args, r.flags...)...)
	r.client = queryv1connect.NewQueryServiceClient(unixClient(filepath.Join(run, "aeolus.sock")), "http://aeolus")
	testkit.Eventually(r.t, 20*time.Second, func() string {
		if _, err := r.client.GetStatus(r.t.Context(), &queryv1.GetStatusRequest{}); err != nil {
			return err.Error()
		}
		return ""
	})
}

// agent starts an agent for a node, with a certificate of its own; program is a command of one word or two.
func (r *roles) agent(node string, scope []*place, program []string, args ...string) *role {
	r.t.Helper()
	out := filepath.Join(r.dir, node)
	issued, err := exec.Command(binary, "certificate", "agent", node, "--data-dir", filepath.Join(r.dir, "data"), "--out", out).CombinedOutput()
	require.NoError(r.t, err, "%s", issued)
	names := "netns:"
	for i, p := range scope {
		if i > 0 {
			names += ","
		}
		names += p.name
	}
	all := append(program[1:], "--controller", r.agents, "--scope", names, "--tls-certificate", filepath.Join(out, "agent.crt"),
		"--tls-key", filepath.Join(out, "agent.key"), "--tls-authority", filepath.Join(out, "ca.crt"))
	return startRole(r.t, program[0], append(all, args...)...)
}

// The two ways to run an agent.
func oneBinary() []string { return []string{binary, "agent"} }

func ownBinary(t *testing.T) []string {
	t.Helper()
	path, err := agentBinary()
	require.NoError(t, err)
	return []string{path}
}

// await waits until the agent of a node is connected and runs what the controller has assigned.
func (r *roles) await(node string) {
	r.t.Helper()
	testkit.Eventually(r.t, 30*time.Second, func() string {
		status := r.status()
		for _, agent := range status.GetAgents() {
			for _, assignment := range agent.GetAssignments() {
				if agent.GetNode() == node && agent.GetConnected() && assignment.GetState() == "running" {
					return ""
				}
			}
		}
		return node + " does not watch: " + status.String()
	})
}

func (a *aeolus) status() *queryv1.Status {
	a.t.Helper()
	status, err := a.client.GetStatus(a.t.Context(), &queryv1.GetStatusRequest{})
	require.NoError(a.t, err)
	return status
}

// lost sums what the stages of the agents and of the controller say they have lost, by stage and cause. Events that a
// token bucket held back are still in the totals, and snapshots that came after the end of their connection told nothing.
func (a *aeolus) lost() map[string]uint64 {
	a.t.Helper()
	status := a.status()
	stages := status.GetStages()
	for _, agent := range status.GetAgents() {
		stages = append(stages, agent.GetStages()...)
	}
	lost := map[string]uint64{}
	for _, stage := range stages {
		for cause, n := range stage.GetDropped() {
			bucket := cause == "owner-bucket" || cause == "cpu-bucket"
			if n > 0 && !bucket && stage.GetName() != "late-snapshots" && stage.GetName() != "watch" {
				lost[stage.GetName()+": "+cause] += n
			}
		}
	}
	return lost
}
