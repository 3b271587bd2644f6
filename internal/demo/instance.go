// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/demo/service"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// replyTimeout bounds one command to an instance; the answer is a matter of microseconds.
const replyTimeout = 5 * time.Second

// restartPause is how long an instance that ended on its own stays down.
const restartPause = time.Second

// instance is one process of the shop, with its namespace and control group, which outlive the process.
type instance struct {
	shop      string
	spec      service.Spec
	address   netip.Addr
	namespace *netlink.Namespace
	starter   *netlink.Starter
	cgroup    string
	command   []string
	logger    *slog.Logger

	mu       sync.Mutex
	process  *process
	down     bool // not to be restarted
	unwatch  context.CancelFunc
	restarts int
	// What was last set in the namespace, so that only changes are made.
	virtualRules string
	lossRules    string
	limited      netlink.Rate
}

// process is one life of an instance.
type process struct {
	pid     int
	command *exec.Cmd
	in      io.WriteCloser
	replies chan service.Reply
	ended   chan struct{}
}

// start runs the instance's process and tells it who it is. The caller holds mu.
func (i *instance) start(ctx context.Context) error {
	p, err := i.launch()
	if err != nil {
		return fmt.Errorf("starting %s: %w", i.spec.Instance, err)
	}
	if _, err := p.ask(ctx, service.Command{Spec: &i.spec}); err != nil {
		p.kill()
		return fmt.Errorf("starting %s: %w", i.spec.Instance, err)
	}
	i.process = p
	return nil
}

func (i *instance) launch() (*process, error) {
	arguments := append(i.command[1:len(i.command):len(i.command)], i.spec.Instance)
	command := exec.Command(i.command[0], arguments...)
	// The services are small: one thread of Go code each is plenty, and keeps the shop light on small machines.
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GOMAXPROCS=1", "GOMEMLIMIT=64MiB"}, resourceAttributes(i.shop, &i.spec)...)
	release, err := isolate(command, i.cgroup)
	if err != nil {
		return nil, err
	}
	defer release()
	return i.connect(command)
}

func (i *instance) connect(command *exec.Cmd) (*process, error) {
	command.Stderr = &lineLogger{logger: i.logger.With("instance", i.spec.Instance)}
	command.WaitDelay = time.Second
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := i.starter.Start(i.namespace, command); err != nil {
		return nil, err
	}
	p := &process{
		pid: command.Process.Pid, command: command, in: in,
		replies: make(chan service.Reply, 1), ended: make(chan struct{}),
	}
	go p.read(out)
	return p, nil
}

// read takes replies until the process ends.
func (p *process) read(out io.Reader) {
	decoder := json.NewDecoder(out)
	for {
		var reply service.Reply
		if err := decoder.Decode(&reply); err != nil {
			break
		}
		select {
		case p.replies <- reply:
		default: // nobody waited for it
		}
	}
	_ = p.command.Wait()
	close(p.ended)
}

// ask sends one command and waits for its answer. Commands to one process must not overlap.
func (p *process) ask(ctx context.Context, command service.Command) (service.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	select {
	case <-p.replies: // the answer to a command that was given up
	default:
	}
	line, err := json.Marshal(command)
	if err != nil {
		return service.Report{}, fmt.Errorf("writing command: %w", err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return service.Report{}, fmt.Errorf("writing command: %w", err)
	}
	select {
	case reply := <-p.replies:
		if reply.Error != "" {
			return reply.Report, errors.New(reply.Error)
		}
		return reply.Report, nil
	case <-p.ended:
		return service.Report{}, errors.New("the process ended")
	case <-ctx.Done():
		return service.Report{}, fmt.Errorf("waiting for the answer: %w", ctx.Err())
	}
}

func (p *process) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the process as abruptly as the kernel can, and waits until it is gone.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.in.Close()
	<-p.ended
}

// report asks for the counters; ok is false while the instance is down.
func (i *instance) report(ctx context.Context) (report service.Report, pid int, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.process == nil {
		return report, 0, false
	}
	report, err := i.process.ask(ctx, service.Command{})
	return report, i.process.pid, err == nil
}

// setFaults tells the instance what to do wrong, if that changed, and remembers it for the next start.
func (i *instance) setFaults(ctx context.Context, faults service.Faults) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if reflect.DeepEqual(i.spec.Faults, faults) {
		return nil
	}
	i.spec.Faults = faults
	return i.tell(ctx, service.Command{Faults: &faults})
}

// setNames tells a name server what it knows, if that changed.
func (i *instance) setNames(ctx context.Context, names map[string][]netip.Addr) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if reflect.DeepEqual(i.spec.Names, names) {
		return nil
	}
	i.spec.Names = names
	return i.tell(ctx, service.Command{Names: names})
}

func (i *instance) tell(ctx context.Context, command service.Command) error {
	if i.process == nil || i.process.gone() {
		return nil // the next start tells it
	}
	if _, err := i.process.ask(ctx, command); err != nil {
		return fmt.Errorf("telling %s: %w", i.spec.Instance, err)
	}
	return nil
}

// setDown kills the instance and keeps it down, or lets it live again.
func (i *instance) setDown(ctx context.Context, down bool) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down == down {
		return nil
	}
	i.down = down
	if down {
		if i.process != nil {
			i.process.kill()
			i.process = nil
		}
		return nil
	}
	return i.start(ctx)
}

// watch restarts the instance when it ends on its own, until the context ends.
func (i *instance) watch(ctx context.Context) {
	for {
		i.mu.Lock()
		p := i.process
		i.mu.Unlock()
		if p != nil {
			select {
			case <-p.ended:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-time.After(restartPause):
		case <-ctx.Done():
			return
		}
		i.revive(ctx, p)
	}
}

func (i *instance) revive(ctx context.Context, ended *process) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down || ended == nil || i.process != ended {
		return
	}
	i.restarts++
	i.logger.Warn("an instance ended on its own and is started again", "instance", i.spec.Instance)
	if err := i.start(ctx); err != nil {
		i.logger.Warn("restart did not succeed", "instance", i.spec.Instance, "error", err)
	}
}

// finish lets the process end in order, and kills it if that takes longer than patience. It is not started again.
func (i *instance) finish(patience time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = true
	if i.unwatch != nil {
		i.unwatch()
	}
	if i.process == nil {
		return
	}
	_ = i.process.in.Close()
	select {
	case <-i.process.ended:
	case <-time.After(patience):
	}
	i.process.kill()
	i.process = nil
}
