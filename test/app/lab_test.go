// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lab is a set of named network namespaces on one bridge. The bridge has a namespace of its own: the host's has nothing.
type lab struct {
	t      *testing.T
	prefix string
	// subnet tells the addresses of labs apart that are there at the same time.
	subnet byte
	places []*place
}

// place is one namespace: a host of the lab.
type place struct {
	name   string
	v4, v6 string
	// silent is set once what comes for the silent port is dropped.
	silent bool
}

// newLab makes n namespaces named prefix-0, prefix-1 ..., each with an address of both families.
func newLab(t *testing.T, prefix string, n int) *lab {
	t.Helper()
	h := fnv.New32a()
	_, _ = h.Write([]byte(prefix))
	l := &lab{t: t, prefix: prefix, subnet: byte(h.Sum32())}
	fabric := prefix + "-fab"
	l.namespace(fabric)
	l.ip("-n", fabric, "link", "add", "br0", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
	l.ip("-n", fabric, "link", "set", "br0", "up")
	for i := range n {
		l.addPlace(fabric, i)
	}
	return l
}

func (l *lab) addPlace(fabric string, i int) {
	p := &place{
		name: fmt.Sprintf("%s-%d", l.prefix, i),
		v4:   fmt.Sprintf("10.199.%d.%d", l.subnet, i+1),
		v6:   fmt.Sprintf("fd00:199:0:%x::%x", l.subnet, i+1),
	}
	l.namespace(p.name)
	port := "p" + strconv.Itoa(i)
	l.ip("-n", p.name, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", fabric)
	l.ip("-n", fabric, "link", "set", port, "master", "br0", "up")
	l.ip("-n", p.name, "addr", "add", p.v4+"/24", "dev", "eth0")
	l.ip("-n", p.name, "-6", "addr", "add", p.v6+"/64", "dev", "eth0", "nodad")
	l.ip("-n", p.name, "link", "set", "lo", "up")
	l.ip("-n", p.name, "link", "set", "eth0", "up")
	l.places = append(l.places, p)
}

func (l *lab) namespace(name string) {
	l.ip("netns", "add", name)
	l.t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			l.t.Errorf("removing namespace %s: %v: %s", name, err, out)
		}
	})
}

func (l *lab) ip(args ...string) {
	l.t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	require.NoError(l.t, err, "ip %s: %s", strings.Join(args, " "), out)
}

// in gives a command that runs in a place.
func (l *lab) in(p *place, name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=/run/netns/" + p.name, name}, args...)...)
}

// daemon starts a command in a place and ends it with the test. Its standard output can be read at any time.
func (l *lab) daemon(p *place, name string, args ...string) *daemon {
	l.t.Helper()
	d := &daemon{out: new(lockedBuffer)}
	d.cmd = l.in(p, name, args...)
	d.cmd.Stdout = d.out
	d.cmd.Stderr = d.out
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(l.t, d.cmd.Start())
	l.t.Cleanup(d.stop)
	return d
}

type daemon struct {
	cmd     *exec.Cmd
	out     *lockedBuffer
	stopped bool
}

func (d *daemon) stop() {
	if d.stopped {
		return
	}
	d.stopped = true
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(3*time.Second, func() { _ = d.cmd.Process.Kill() })
	defer timer.Stop()
	_ = d.cmd.Wait()
}

// counters are a namespace's own, by nstat's names.
func (l *lab) counters(p *place) map[string]uint64 {
	l.t.Helper()
	out, err := l.in(p, "nstat", "-a", "-s", "-z", "-j").Output()
	require.NoError(l.t, err)
	var answer struct {
		Kernel map[string]json.Number `json:"kernel"`
	}
	require.NoError(l.t, json.Unmarshal(out, &answer), "%s", out)
	counters := make(map[string]uint64, len(answer.Kernel))
	for name, number := range answer.Kernel {
		value, err := strconv.ParseFloat(number.String(), 64)
		require.NoError(l.t, err)
		counters[name] = uint64(value)
	}
	return counters
}

// runJobs gives jobs to one client.py in a place, started by way of a wrapping command if one is given, and returns what
// it logged for each.
func (l *lab) runJobs(ctx context.Context, p *place, jobs []job, wrapper ...string) []outcome {
	l.t.Helper()
	input := new(bytes.Buffer)
	for _, j := range jobs {
		require.NoError(l.t, json.NewEncoder(input).Encode(j))
	}
	command := append([]string{"--net=/run/netns/" + p.name}, append(wrapper, python, "testdata/client.py")...)
	cmd := exec.CommandContext(ctx, "nsenter", command...)
	cmd.Stdin = input
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(l.t, err)
	outcomes := decodeLines[outcome](l.t, bytes.NewReader(out))
	require.Len(l.t, outcomes, len(jobs), "client.py in %s", p.name)
	return outcomes
}

// python is Debian's, not whatever a developer has in front of it.
const python = "/usr/bin/python3"

// job is a line of client.py's input.
type job struct {
	Address  string  `json:"address"`
	Port     int     `json:"port"`
	Requests int     `json:"requests,omitempty"`
	Bytes    int     `json:"bytes,omitempty"`
	End      string  `json:"end,omitempty"`
	Wait     float64 `json:"wait,omitempty"`
	Pause    float64 `json:"pause,omitempty"`
}

// outcome is a line of client.py's output.
type outcome struct {
	Address   string `json:"address"`
	Port      int    `json:"port"`
	LocalPort int    `json:"local_port"`
	Sent      uint64 `json:"sent"`
	Received  uint64 `json:"received"`
	Result    string `json:"result"`
}

func decodeLines[T any](t *testing.T, r io.Reader) []T {
	t.Helper()
	var all []T
	for d := json.NewDecoder(r); ; {
		var one T
		err := d.Decode(&one)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all = append(all, one)
	}
}
