// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// everywhere is a probe that has each kind of map and several kinds of hooks.
const everywhere = `
  hooks: [{tp_btf: inet_sock_set_state}, {raw_tp: inet_sock_set_state}, {event: tcp_retransmit_skb}]
  by: [pid]
  measure: {matches: count()}
  emit: [cpu, stack()]
  scope: {workload: nobody-at-all}
`

// held are the numbers of what a probe has in the kernel.
type held struct {
	Programs []ebpf.ProgramID
	Maps     []ebpf.MapID
	Links    []link.ID
}

func heldBy(t testing.TB, p *Probe) held {
	t.Helper()
	var h held
	for _, program := range p.loaded.Programs {
		info, err := program.Info()
		require.NoError(t, err)
		id, ok := info.ID()
		require.True(t, ok)
		h.Programs = append(h.Programs, id)
	}
	for _, m := range p.loaded.Maps {
		info, err := m.Info()
		require.NoError(t, err)
		id, ok := info.ID()
		require.True(t, ok)
		h.Maps = append(h.Maps, id)
	}
	for _, attached := range p.loaded.links {
		if info, err := attached.Info(); err == nil {
			h.Links = append(h.Links, info.ID)
		}
	}
	return h
}

// gone asks bpftool whether all of it has left the kernel.
func (h held) gone(t testing.TB) {
	t.Helper()
	require.NotEmpty(t, h.Programs)
	require.NotEmpty(t, h.Maps)
	testkit.Eventually(t, patience, func() string {
		for _, id := range h.Programs {
			if exec.Command("bpftool", "prog", "show", "id", fmt.Sprint(id)).Run() == nil {
				return fmt.Sprintf("program %d is still there", id)
			}
		}
		for _, id := range h.Maps {
			if exec.Command("bpftool", "map", "show", "id", fmt.Sprint(id)).Run() == nil {
				return fmt.Sprintf("map %d is still there", id)
			}
		}
		for _, id := range h.Links {
			if exec.Command("bpftool", "link", "show", "id", fmt.Sprint(id)).Run() == nil {
				return fmt.Sprintf("link %d is still there", id)
			}
		}
		return ""
	})
}

// fixed is a scope that a test decides about.
type fixed struct{ members Members }

func (f *fixed) Changes() uint64 { return 0 }

// childVariable tells the test program to be the one that is killed.
const childVariable = "AEOLUS_RUN_TEST_CHILD"

// TestKilled: a process that is killed while its probe runs leaves nothing in the kernel.
func TestKilled(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		beKilled(t)
		return
	}
	testkit.RequireRoot(t)
	child := exec.Command(os.Args[0], "-test.run", "^TestKilled$", "-test.v")
	child.Env = append(os.Environ(), childVariable+"=1")
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	var h held
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if json.Unmarshal(lines.Bytes(), &h) == nil {
			break
		}
	}
	require.NotEmpty(t, h.Programs, "the child has told nothing")
	require.NoError(t, exec.Command("bpftool", "prog", "show", "id", fmt.Sprint(h.Programs[0])).Run(), "it runs")
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	h.gone(t)
}

func beKilled(t *testing.T) {
	config := compile(t, everywhere)
	config.Owners = &fixed{}
	p := begin(t, config)
	text, err := json.Marshal(heldBy(t, p))
	require.NoError(t, err)
	fmt.Printf("\n%s\n", text)
	time.Sleep(time.Minute)
}

// TestEnds: however a probe ends, nothing of it is left, its last figures can be read, and it says why.
func TestEnds(t *testing.T) {
	start := func(ctx context.Context, body string) (*Probe, held) {
		config := compile(t, everywhere+body)
		config.Owners = &fixed{}
		p, err := Start(ctx, config)
		require.NoError(t, err)
		return p, heldBy(t, p)
	}
	ended := func(p *Probe, h held, state State, why string) {
		t.Helper()
		select {
		case <-p.Done():
		case <-time.After(patience):
			t.Fatal("it does not end")
		}
		h.gone(t)
		status := p.Status()
		require.Equal(t, state, status.State)
		require.Contains(t, status.Why, why)
		require.False(t, status.Ended.Before(status.Since))
		_, err := p.Rows()
		require.NoError(t, err)
		_, open := <-p.Events()
		require.False(t, open)
		require.NoError(t, p.Close(), "closing again is no error")
	}
	t.Run("closed", func(t *testing.T) {
		p, h := start(context.Background(), "")
		require.NoError(t, p.Close())
		ended(p, h, Closed, "asked")
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		p, h := start(ctx, "")
		cancel()
		ended(p, h, Closed, "asked")
	})
	t.Run("time", func(t *testing.T) {
		p, h := start(context.Background(), "  ttl: 1s\n")
		require.WithinDuration(t, p.Status().Since.Add(time.Second), p.Status().Ends, time.Millisecond)
		ended(p, h, Expired, "its time of 1s is over")
	})
}

// TestBudget: a probe that takes more than it may switches itself off, is taken out, and says so.
func TestBudget(t *testing.T) {
	config := compile(t, `
  hook: {raw_tp: sys_enter}
  by: [pid, comm]
  measure: {calls: count(), sizes: histogram(pid)}
  budget: {cpu: 0.01%}
`)
	p, err := Start(context.Background(), config)
	require.NoError(t, err)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = os.Getpagesize()
				_, _ = os.Stat("/")
			}
		}
	}()
	h := heldBy(t, p)
	select {
	case <-p.Done():
	case <-time.After(patience):
		t.Fatalf("it is not switched off: %+v", p.Status())
	}
	h.gone(t)
	status := p.Status()
	require.Equal(t, SwitchedOff, status.State)
	require.Contains(t, status.Why, "budget of 0.01 % of a processor")
	require.Positive(t, status.Cost.Runs)
	require.Positive(t, status.Losses[ir.SwitchedOff], "runs between the switch and the detaching are counted")
}

// Members implements Owners.
func (f *fixed) Members(context.Context, spec.Scope) (Members, error) { return f.members, nil }
