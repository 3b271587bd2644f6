// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

const question = `apiVersion: aeolus.io/v1alpha1
kind: Probe
metadata: {name: bench}
spec:
  hook: {event: inet_sock_set_state}
  where: newstate == TCP_SYN_SENT
  by: [sock(sk).daddr, sock(sk).dport]
  measure: {connections: count(), rtt: histogram(tcp(sk).srtt)}
  emit: [pid, comm]
`

// answer is how long it takes from a text to the first event, and what of that.
type answer struct{ host, compile, load, attach, first, ended time.Duration }

func ask(t testing.TB, target func() (probe.Target, error)) answer {
	var a answer
	began := time.Now()
	host, err := target()
	require.NoError(t, err)
	a.host = time.Since(began)
	compiled, err := probe.Compile([]byte(question), host)
	require.NoError(t, err)
	a.compile = time.Since(began) - a.host
	p, err := Start(context.Background(), Config{Compiled: compiled, Target: host})
	require.NoError(t, err)
	a.load, a.attach = p.Timing().Load, p.Timing().Attach
	if c, err := net.Dial("tcp", "127.0.0.1:1"); err == nil {
		_ = c.Close()
	}
	<-p.Events()
	a.first = time.Since(began)
	require.NoError(t, p.Close())
	a.ended = time.Since(began)
	require.Equal(t, ir.BTFTracepoint, compiled.Resolved.Hooks[0].Kind)
	return a
}

// BenchmarkWarm is what a probe takes in a process that has had one before.
func BenchmarkWarm(b *testing.B) {
	testkit.RequireRoot(b)
	ask(b, thisHost)
	var sum answer
	for b.Loop() {
		a := ask(b, thisHost)
		sum.compile += a.compile
		sum.load += a.load
		sum.attach += a.attach
		sum.first += a.first
	}
	perAnswer := func(d time.Duration) float64 { return d.Seconds() * 1e3 / float64(b.N) }
	b.ReportMetric(perAnswer(sum.compile), "ms-compile")
	b.ReportMetric(perAnswer(sum.load), "ms-load")
	b.ReportMetric(perAnswer(sum.attach), "ms-attach")
	b.ReportMetric(perAnswer(sum.first), "ms-to-first-event")
}

// BenchmarkCold is what it takes in a new process, from its first line on.
func BenchmarkCold(b *testing.B) {
	if os.Getenv(childVariable) != "" {
		a := ask(b, func() (probe.Target, error) { return Host(context.Background(), HostConfig{}) })
		println("cold", a.host.String(), a.compile.String(), a.load.String(), a.attach.String(), a.first.String())
		os.Exit(0)
	}
	testkit.RequireRoot(b)
	var first, host, compile, load time.Duration
	for b.Loop() {
		child := exec.Command(os.Args[0], "-test.run", "^$", "-test.bench", "^BenchmarkCold$", "-test.benchtime", "1x")
		child.Env = append(os.Environ(), childVariable+"=1")
		output, err := child.CombinedOutput()
		require.NoError(b, err, string(output))
		_, line, found := strings.Cut(string(output), "cold ")
		require.True(b, found, string(output))
		parts := strings.Fields(line)
		for i, into := range []*time.Duration{&host, &compile, &load, new(time.Duration), &first} {
			d, err := time.ParseDuration(parts[i])
			require.NoError(b, err)
			*into += d
		}
	}
	perAnswer := func(d time.Duration) float64 { return d.Seconds() * 1e3 / float64(b.N) }
	b.ReportMetric(perAnswer(host), "ms-host")
	b.ReportMetric(perAnswer(compile), "ms-compile")
	b.ReportMetric(perAnswer(load), "ms-load")
	b.ReportMetric(perAnswer(first), "ms-to-first-event")
}
