// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/stats"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// AgentCommand is the argument by which the program runs an agent, as whoever owns its command line has it.
const AgentCommand = "agent"

const (
	// stopAgentWithin is how long an agent may take to end before it is killed.
	stopAgentWithin = 10 * time.Second
	// sensorID is how the agent's own defaults call the tcp sensor.
	sensorID = "default/tcp"
)

// observed is an agent in a process and a cgroup of its own, so that what it costs can be told from all else.
type observed struct {
	group     *group
	sink      *sink
	directory string
	command   *exec.Cmd
	said      *bytes.Buffer
	ended     chan struct{}
}

// startObserved starts an agent that watches some network namespaces, and waits until it sees everything there.
func startObserved(ctx context.Context, scope ...*netlink.Namespace) (_ *observed, err error) {
	o := &observed{said: new(bytes.Buffer), ended: make(chan struct{})}
	close(o.ended)
	defer func() {
		if err != nil {
			err = errors.Join(err, o.stop())
		}
	}()
	if o.directory, err = workDirectory(); err != nil {
		return nil, err
	}
	arguments, err := o.trust()
	if err != nil {
		return nil, err
	}
	if o.group, err = newGroup("agent"); err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	var inodes []string
	for _, namespace := range scope {
		inodes = append(inodes, strconv.FormatUint(uint64(namespace.Inode()), 10))
	}
	arguments = append(arguments, "--controller", o.sink.address, "--scope", "netns:"+strings.Join(inodes, ","))
	// What ends the benchmark ends the agent in order: the context does not kill it.
	o.command = exec.Command(program, arguments...)
	o.command.Stderr = o.said
	o.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	o.group.enter(o.command)
	if err := o.command.Start(); err != nil {
		return nil, fmt.Errorf("starting an agent: %w", err)
	}
	o.ended = make(chan struct{})
	go func() {
		defer close(o.ended)
		_ = o.command.Wait()
	}()
	return o, o.await(ctx)
}

// trust makes certificates for the two ends and starts the sink; it gives the agent's arguments.
func (o *observed) trust() ([]string, error) {
	directory := filepath.Join(o.directory, "trust")
	authority, err := pki.OpenAuthority(directory)
	if err != nil {
		return nil, err
	}
	server, err := authority.IssueServer("127.0.0.1")
	if err != nil {
		return nil, err
	}
	agent, err := authority.IssueAgent("bench")
	if err != nil {
		return nil, err
	}
	certificate, key := filepath.Join(directory, "agent.crt"), filepath.Join(directory, "agent.key")
	if err := pki.Save(agent, certificate, key); err != nil {
		return nil, err
	}
	if o.sink, err = newSink(pki.ServerConfig(server, authority.Pool())); err != nil {
		return nil, err
	}
	return []string{
		AgentCommand, "--tls-certificate", certificate, "--tls-key", key, "--tls-authority", pki.AuthorityFile(directory),
	}, nil
}

func (o *observed) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		status := o.sink.state(sensorID)
		switch status.GetState() {
		case controlv1.AssignmentStatus_STATE_RUNNING, controlv1.AssignmentStatus_STATE_DEGRADED:
			return nil
		}
		select {
		case <-o.ended:
			return fmt.Errorf("starting an agent: it has ended: %s", strings.TrimSpace(o.said.String()))
		case <-ctx.Done():
			return fmt.Errorf("waiting for the agent: %w: %v", ctx.Err(), status)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the agent in order, by its id, and removes what was made for it.
func (o *observed) stop() error {
	select {
	case <-o.ended:
	default:
		_ = o.command.Process.Signal(syscall.SIGTERM)
		select {
		case <-o.ended:
		case <-time.After(stopAgentWithin):
			_ = o.command.Process.Kill()
			<-o.ended
		}
	}
	var errs []error
	if o.sink != nil {
		o.sink.stop()
	}
	if o.group != nil {
		errs = append(errs, o.group.remove())
	}
	if o.directory != "" {
		errs = append(errs, os.RemoveAll(o.directory))
	}
	return errors.Join(errs...)
}

func (o *observed) pid() int { return o.command.Process.Pid }

// cpu is the CPU time of the agent's process.
func (o *observed) cpu() (time.Duration, error) { return CgroupCPU(o.group.cpu) }

// The iterators run in the agent's own threads, so that their time is in its CPU time already.
var ownThreads = map[string]bool{"tcp_walk": true, "tcp_adopt": true}

// spent is what programs have used, by the kernel's account, since it was switched on.
type spent struct {
	all, elsewhere time.Duration
	walk           time.Duration

	runs, runsElsewhere uint64
}

// since gives the difference, less what the account attributes of its own cost to each run.
func (s account) since(earlier account, self time.Duration) spent {
	var out spent
	for id, program := range s {
		runs := program.Runs - earlier[id].Runs
		took := program.Time - earlier[id].Time - time.Duration(runs)*self
		out.runs += runs
		out.all += took
		if !ownThreads[program.Name] {
			out.elsewhere += took
			out.runsElsewhere += runs
		}
		if program.Name == "tcp_walk" {
			out.walk += took
		}
	}
	return out
}

// account is what the kernel says about each program, by its id.
type account map[uint32]stats.Program

func (o *observed) account() (account, error) {
	programs, err := stats.Of(o.pid())
	if err != nil {
		return nil, err
	}
	out := account{}
	for _, program := range programs {
		out[program.ID] = program
	}
	return out, nil
}

// others counts the tcp sensors on this kernel besides the agent's: their programs run on the same sockets' changes.
func (o *observed) others() (int, error) {
	all, err := stats.Named("tcp_state")
	if err != nil {
		return 0, err
	}
	mine, err := o.account()
	if err != nil {
		return 0, err
	}
	others := 0
	for _, program := range all {
		if _, own := mine[program.ID]; !own {
			others++
		}
	}
	return others, nil
}
