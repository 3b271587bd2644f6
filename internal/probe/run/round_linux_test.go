// SPDX-License-Identifier: Apache-2.0

package run

import (
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// TestWalksDoNotAddUp: whatever is measured is what the last walk has found, in every row that is ever read, and after the end.
func TestWalksDoNotAddUp(t *testing.T) {
	var listeners []net.Listener
	for range 3 {
		listener, err := net.Listen("tcp", "127.0.0.77:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		listeners = append(listeners, listener)
	}
	for name, by := range map[string]string{"by a key": "  by: [sock(sk).state]\n", "in one row": ""} {
		t.Run(name, func(t *testing.T) {
			p := begin(t, compile(t, `
  hook: {iter: tcp, every: 100ms}
  where: sock(sk).state == TCP_LISTEN && sock(sk).saddr == '127.0.0.77'
`+by+`  measure: {n: count(), total: sum(7), mean: avg(7), sizes: 'histogram(7, [10])', different: distinct(sock(sk).sport)}
`))
			seen := map[time.Time]bool{}
			rows(t, p, func(s Snapshot) string {
				if len(s.Rows) == 1 {
					seen[s.Time] = true
					requireWalk(t, s)
				}
				if len(seen) < 4 {
					return fmt.Sprintf("only %d walks are seen: %v", len(seen), s.Rows)
				}
				return ""
			})
			require.NoError(t, p.Close())
			s, err := p.Rows()
			require.NoError(t, err)
			requireWalk(t, s)
		})
	}
	p := begin(t, compile(t, `
  hook: {iter: tcp, every: 100ms}
  where: sock(sk).state == TCP_LISTEN && sock(sk).saddr == '127.0.0.77'
  by: [sock(sk).sport]
  measure: {n: count()}
`))
	for left := len(listeners); left > 0; left-- {
		rows(t, p, func(s Snapshot) string {
			if len(s.Rows) != left {
				return fmt.Sprintf("%d listeners are open, and there are %v", left, s.Rows)
			}
			return ""
		})
		require.NoError(t, listeners[left-1].Close())
	}
	rows(t, p, func(s Snapshot) string {
		if len(s.Rows) != 0 {
			return fmt.Sprintf("all are closed, and there are %v", s.Rows)
		}
		return ""
	})
}

// requireWalk holds that a snapshot is of one walk over three listeners.
func requireWalk(t *testing.T, s Snapshot) {
	t.Helper()
	require.Len(t, s.Rows, 1)
	require.Nil(t, s.Other)
	m := s.Rows[0].Measures
	require.EqualValues(t, 3, m[0].Number)
	require.EqualValues(t, 21, m[1].Number)
	require.EqualValues(t, 21, m[2].Number)
	require.EqualValues(t, 3, m[2].Count)
	require.Equal(t, []uint64{3, 0}, m[3].Buckets)
	require.InDelta(t, 3, ir.Estimate(m[4].Buckets), 1)
}

// TestWalkedWithoutRoom: what had no room in a walk has it in the next, or is in its row other, and in no other one's.
func TestWalkedWithoutRoom(t *testing.T) {
	for range 5 {
		listener, err := net.Listen("tcp", "127.0.0.78:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
	}
	p := begin(t, compile(t, `
  hook: {iter: tcp, every: 100ms}
  where: sock(sk).state == TCP_LISTEN && sock(sk).saddr == '127.0.0.78'
  by: [sock(sk).sport]
  measure: {n: count()}
  entries: 2
  top: {k: 2, by: n}
`))
	seen := map[time.Time]bool{}
	rows(t, p, func(s Snapshot) string {
		if len(s.Rows) > 0 {
			seen[s.Time] = true
			require.NotNil(t, s.Other)
			require.EqualValues(t, 5, s.Rows[0].Measures[0].Number+s.Rows[1].Measures[0].Number+s.Other.Measures[0].Number)
		}
		if len(seen) < 4 {
			return fmt.Sprintf("only %d walks are seen", len(seen))
		}
		return ""
	})
}

// TestWalkerMadeElsewhere: whoever starts a probe may be in another namespace than the process; each is walked over once all the same.
func TestWalkerMadeElsewhere(t *testing.T) {
	n := newNamespace(t)
	listen := func() error {
		listener, err := net.Listen("tcp", "127.0.0.79:0")
		if err == nil {
			t.Cleanup(func() { _ = listener.Close() })
		}
		return err
	}
	require.NoError(t, listen())
	require.NoError(t, n.Do(listen))
	command := exec.Command("sleep", "60")
	require.NoError(t, n.Start(command))
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	config := compile(t, `
  hook: {iter: tcp, every: 100ms}
  where: sock(sk).state == TCP_LISTEN && sock(sk).saddr == '127.0.0.79'
  by: [sock(sk).netns]
  measure: {n: count()}
`)
	var p *Probe
	require.NoError(t, n.Do(func() (err error) {
		p, err = Start(t.Context(), config)
		return err
	}))
	t.Cleanup(func() { _ = p.Close() })
	rows(t, p, func(s Snapshot) string {
		if len(s.Rows) != 2 || s.Rows[0].Measures[0].Number != 1 || s.Rows[1].Measures[0].Number != 1 {
			return fmt.Sprintf("there is one listener in each of two namespaces, and there are %v", s.Rows)
		}
		return ""
	})
}
