// SPDX-License-Identifier: Apache-2.0

package track_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/agent/track"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// life is what a random connection really did, and what the flows made of it.
type life struct {
	cookie                              uint64
	counters, base, sum                 model.Counters
	opened, established, closed, failed int
	done                                bool
	delayed                             []model.Connection
}

// snapshot shows the connection as it is.
func (l *life) snapshot(b *bench) model.Connection {
	b.now++
	s := client(l.cookie, model.PhaseEstablished, 0)
	s.Counters, s.Base, s.Adopted, s.Taken = l.counters, l.base, !l.base.IsZero(), b.now
	s.Established = 999*second + 1
	if l.done {
		s.Phase, s.Closed, s.Failure = model.PhaseClosed, b.now, model.FailureReset
	}
	return s
}

// step moves a connection on, and lets the table see it now, later, or twice.
func (l *life) step(b *bench, random *rand.Rand) {
	if l.done || random.IntN(3) > 0 {
		return
	}
	l.counters = l.counters.Add(model.Counters{
		SentBytes: random.Uint64N(100), ReceivedBytes: random.Uint64N(100), Retransmits: random.Uint64N(2),
	})
	l.done = random.IntN(10) == 0
	s := l.snapshot(b)
	switch {
	case !l.done && random.IntN(3) == 0:
		l.delayed = append(l.delayed, s)
	case random.IntN(3) == 0:
		b.see(append([]model.Connection{s, s}, l.delayed...)...)
		l.delayed = nil
	default:
		b.see(s)
	}
}

func (l *life) note(flow *model.Flow) {
	l.sum = l.sum.Add(flow.Delta)
	l.opened += count(flow.Opened)
	l.established += count(flow.Established)
	l.closed += count(flow.Closed)
	l.failed += count(flow.Failure != model.FailureNone)
}

// TestSumsAreExact drives random connections through snapshots that come late, twice and out of order.
func TestSumsAreExact(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 9))
		b := newBench(t, 1_000)
		lives := make([]*life, 100)
		for i := range lives {
			lives[i] = &life{cookie: uint64(i)}
			if random.IntN(4) == 0 {
				lives[i].base = model.Counters{SentBytes: random.Uint64N(1_000), ReceivedBytes: random.Uint64N(1_000)}
				lives[i].counters = lives[i].base
			}
		}
		take := func() {
			for _, flow := range b.take() {
				lives[flow.Cookie].note(&flow)
			}
		}
		for range 30 {
			for _, l := range lives {
				l.step(b, random)
			}
			if random.IntN(2) == 0 {
				take()
			}
		}
		for _, l := range lives {
			b.see(l.delayed...)
			if !l.done {
				l.done = true
				b.see(l.snapshot(b))
			}
		}
		take()
		for _, l := range lives {
			fresh := count(l.base.IsZero())
			require.Equal(t, l.counters.Sub(l.base), l.sum, "seed %d cookie %d", seed, l.cookie)
			require.Equal(t, []int{fresh, fresh, 1, 1}, []int{l.opened, l.established, l.closed, l.failed}, "seed %d cookie %d", seed, l.cookie)
		}
		require.Zero(t, b.table.Len())
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func TestTombstonesAreBounded(t *testing.T) {
	b := newBench(t, 10)
	for cookie := uint64(1); cookie <= 200_000; cookie++ {
		b.table.Connections([]model.Connection{client(cookie, model.PhaseClosed, 1)})
		if cookie%10 == 0 {
			require.Len(t, b.table.Take(track.Anchor{Mono: b.now + cookie, Wall: int64(second)}), 10)
		}
	}
	b.balance()
	require.Equal(t, uint64(200_000), b.stage("connections").Out)
}

func BenchmarkTake(b *testing.B) {
	ledger := loss.NewLedger()
	table := track.NewTable(track.Config{
		Resolver: resolver{}, Ledger: ledger, Monotonic: func() uint64 { return 0 },
		Own: func(model.Owner, netip.AddrPort, netip.AddrPort) bool { return false },
	})
	const connections = 10_000
	snapshots := make([]model.Connection, connections)
	b.ReportAllocs()
	var round uint64
	for b.Loop() {
		round++
		for i := range snapshots {
			snapshots[i] = client(uint64(i+1), model.PhaseEstablished, round)
			snapshots[i].Taken = round
		}
		table.Connections(snapshots)
		if flows := table.Take(track.Anchor{Mono: round, Wall: int64(round)}); len(flows) != connections {
			b.Fatal(len(flows))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/connections, "ns/connection")
}
