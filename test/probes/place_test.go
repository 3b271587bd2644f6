// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// python is Debian's own: another in front of it may be a wrapper that runs programs of its own.
const python = "/usr/bin/python3"

// place is where one question's programs run: two namespaces with a wire between them.
type place struct {
	client, server *side
}

// side is one end of a place.
type side struct {
	space   *netlink.Namespace
	link    string
	address netip.Addr
	dir     string
}

// newPlace makes a place whose addresses no other place has, without IPv6, whose own chatter would be counted too.
func newPlace(number int, dir string) (*place, error) {
	p := &place{}
	for i, s := range []**side{&p.client, &p.server} {
		space, err := netlink.New()
		if err != nil {
			return p, err
		}
		*s = &side{
			space: space, dir: dir, link: fmt.Sprintf("aeo7-%c%d", "cs"[i], number),
			address: netip.AddrFrom4([4]byte{10, 77, byte(number), byte(i + 1)}),
		}
		if err := space.WriteSysctl("net.ipv6.conf.default.disable_ipv6", "1"); err != nil {
			return p, err
		}
		if err := space.SetUp("lo"); err != nil {
			return p, err
		}
	}
	if err := p.client.space.AddVeth(p.client.link, p.server.space, p.server.link); err != nil {
		return p, err
	}
	for _, s := range []*side{p.client, p.server} {
		if err := s.space.AddAddress(s.link, netip.PrefixFrom(s.address, 24)); err != nil {
			return p, err
		}
		if err := s.space.SetUp(s.link); err != nil {
			return p, err
		}
		// Or neighbours would ask each other long after whether they are still there.
		if err := s.space.WriteSysctl("net.ipv4.neigh."+s.link+".delay_first_probe_time", "3600"); err != nil {
			return p, err
		}
		if err := s.space.WriteSysctl("net.ipv4.neigh."+s.link+".base_reachable_time_ms", "36000000"); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *place) close() {
	for _, s := range []*side{p.client, p.server} {
		if s != nil {
			_ = s.space.DeleteLink(s.link)
			_ = s.space.Close()
		}
	}
}

// path is the namespace as any process of root can open it.
func (s *side) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.space.File().Fd()) }

// command is a program that dies with the test.
func command(name string, arguments ...string) *exec.Cmd {
	cmd := exec.Command(name, arguments...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd
}

// run runs a program in the namespace to its end and gives what it printed; it must succeed.
func (s *side) run(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	out, err := s.try(name, arguments...)
	require.NoError(t, err, "%s %v: %s", name, arguments, out)
	return out
}

// try is run for what may fail.
func (s *side) try(name string, arguments ...string) (string, error) {
	cmd := exec.Command(name, arguments...)
	cmd.Dir = s.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := s.space.Start(cmd); err != nil {
		return "", err
	}
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	return out.String(), err
}

// work runs one of the jobs in testdata/work.py to its end and takes what it says it has done.
func (s *side) work(t *testing.T, into any, job string, arguments ...string) {
	t.Helper()
	s.read(t, into, s.run(t, python, append([]string{workFile(t), job}, arguments...)...))
}

func (s *side) read(t *testing.T, into any, text string) {
	t.Helper()
	if into == nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), into), text)
}

func workFile(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "work.py"))
	require.NoError(t, err)
	return path
}

// started is a program that goes on.
type started struct {
	cmd   *exec.Cmd
	ready chan struct{}
	read  chan struct{}

	mu   sync.Mutex
	said bytes.Buffer
}

// starter starts all programs that go on: they die with the thread that started them, and this one lives as long as the test.
var starter = sync.OnceValues(netlink.NewStarter)

// start starts a program in the namespace.
func (s *side) start(t *testing.T, name string, arguments ...string) *started {
	t.Helper()
	return launch(t, command(name, arguments...), s.dir, s.space)
}

// serve starts a job of testdata/work.py and waits until it is ready.
func (s *side) serve(t *testing.T, job string, arguments ...string) *started {
	t.Helper()
	p := s.start(t, python, append([]string{"-u", workFile(t), job}, arguments...)...)
	select {
	case <-p.ready:
	case <-p.read:
		t.Fatalf("%s %v has ended: %s", job, arguments, p.output())
	case <-time.After(30 * time.Second):
		t.Fatalf("%s %v is not ready: %s", job, arguments, p.output())
	}
	return p
}

// launch starts a program, reads what it says and ends it with the test, if it has not ended by then.
func launch(t *testing.T, cmd *exec.Cmd, dir string, space *netlink.Namespace) *started {
	t.Helper()
	cmd.Dir = dir
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = writer, writer
	p := &started{cmd: cmd, ready: make(chan struct{}), read: make(chan struct{})}
	begin, err := starter()
	require.NoError(t, err)
	err = begin.Start(space, cmd)
	_ = writer.Close()
	require.NoError(t, err)
	go p.listen(reader)
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	return p
}

func (p *started) listen(reader *os.File) {
	defer close(p.read)
	defer func() { _ = reader.Close() }()
	ready := false
	for lines := bufio.NewReader(reader); ; {
		line, err := lines.ReadString('\n')
		p.mu.Lock()
		p.said.WriteString(line)
		p.mu.Unlock()
		if !ready && strings.TrimSpace(line) == "ready" {
			ready = true
			close(p.ready)
		}
		if err != nil {
			return
		}
	}
}

func (p *started) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// end asks the program to end, waits until it has, and gives all that it said. It may be called again.
func (p *started) end(signal syscall.Signal) string {
	if p.cmd.ProcessState == nil {
		if signal == syscall.SIGKILL {
			_ = syscall.Kill(-p.cmd.Process.Pid, signal) // and the processes it has started
		}
		_ = p.cmd.Process.Signal(signal)
		timer := time.AfterFunc(20*time.Second, func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
		_ = p.cmd.Wait()
		timer.Stop()
	}
	<-p.read
	return p.output()
}

// growth tells by how much the namespace's counters have grown since it was called.
func (s *side) growth(t *testing.T) func(name string) uint64 {
	t.Helper()
	before, err := s.space.Counters()
	require.NoError(t, err)
	return func(name string) uint64 {
		now, err := s.space.Counters()
		require.NoError(t, err)
		require.Contains(t, now, name)
		return now[name] - before[name]
	}
}
