// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// leastInterval bounds how often back-to-back polling polls.
const leastInterval = 100 * time.Millisecond

// poller is what one would watch connections with if there were only what every host has.
type poller struct {
	namespace     *netlink.Namespace
	ss, conntrack string
	// port is the server's port whose clients' ports are remembered, by each program; 0 for none.
	port                     string
	ssSeen, conntrackSeen    map[string]struct{}
	ssOutput, conntrackLines bytes.Buffer
}

func newPoller(namespace *netlink.Namespace) (*poller, error) {
	ss, err := findProgram("ss")
	if err != nil {
		return nil, err
	}
	conntrack, err := findProgram("conntrack")
	if err != nil {
		return nil, err
	}
	return &poller{namespace: namespace, ss: ss, conntrack: conntrack, ssSeen: map[string]struct{}{}, conntrackSeen: map[string]struct{}{}}, nil
}

// once polls once and gives the CPU time that it took. What reading its output would take comes on top.
func (p *poller) once(ctx context.Context) (time.Duration, error) {
	ssOut, conntrackOut := io.Discard, io.Discard
	if p.port != "" {
		p.ssOutput.Reset()
		p.conntrackLines.Reset()
		ssOut, conntrackOut = &p.ssOutput, &p.conntrackLines
	}
	// -t -i -n -p -e: TCP, with its figures, plain numbers, processes and cgroups.
	first, err := runProgram(p.namespace, nil, exec.CommandContext(ctx, p.ss, "-tinpe"), ssOut)
	if err != nil {
		return 0, err
	}
	second, err := runProgram(p.namespace, nil, exec.CommandContext(ctx, p.conntrack, "-L"), conntrackOut)
	if err != nil {
		return 0, err
	}
	if p.port != "" {
		clientsOfSS(p.ssOutput.String(), p.port, p.ssSeen)
		clientsOfConntrack(p.conntrackLines.String(), p.port, p.conntrackSeen)
	}
	return first + second, nil
}

// polled is what polling for a while came to.
type polled struct {
	// cpu is of one CPU; interval is what was reached between the beginnings of two polls.
	cpu      float64
	interval time.Duration
}

// during polls until a channel closes, at most once an interval, and at least once. The last interval is waited for, so
// that the share of a CPU is that of polling on.
func (p *poller) during(ctx context.Context, done <-chan struct{}, interval time.Duration) (polled, error) {
	began := time.Now()
	var used time.Duration
	for polls := 1; ; polls++ {
		due := time.Now().Add(interval)
		took, err := p.once(ctx)
		if err != nil {
			return polled{}, err
		}
		used += took
		if err := pause(ctx, time.Until(due)); err != nil {
			return polled{}, err
		}
		select {
		case <-done:
			passed := time.Since(began)
			return polled{cpu: used.Seconds() / passed.Seconds(), interval: passed / time.Duration(polls)}, nil
		default:
		}
	}
}

// lasting polls for a while.
func (p *poller) lasting(ctx context.Context, window, interval time.Duration) (polled, error) {
	over, cancel := context.WithTimeout(ctx, window-interval/2)
	defer cancel()
	return p.during(ctx, over.Done(), interval)
}

// clientsOfSS adds the local ports of the connections whose remote port is the server's.
func clientsOfSS(text, port string, seen map[string]struct{}) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.HasSuffix(fields[4], ":"+port) {
			continue
		}
		if at := strings.LastIndexByte(fields[3], ':'); at >= 0 {
			seen[fields[3][at+1:]] = struct{}{}
		}
	}
}

// clientsOfConntrack adds the source ports of the entries whose destination port is the server's. An entry has the ports of
// both directions; the first are of the client's.
func clientsOfConntrack(text, port string, seen map[string]struct{}) {
	for line := range strings.Lines(text) {
		_, after, _ := strings.Cut(line, " sport=")
		source, after, _ := strings.Cut(after, " dport=")
		destination, _, _ := strings.Cut(after, " ")
		if strings.HasPrefix(line, "tcp") && destination == port {
			seen[source] = struct{}{}
		}
	}
}
