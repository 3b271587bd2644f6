// SPDX-License-Identifier: Apache-2.0

package track_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/agent/track"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const second = uint64(time.Second)

// resolver names owners by their process, and counts the questions.
type resolver map[model.Owner]*model.Endpoint

func (r resolver) Resolve(owner model.Owner) *model.Endpoint {
	owner.Inherited = false
	if r[owner] == nil {
		r[owner] = &model.Endpoint{Workload: fmt.Sprintf("process-%d", owner.PID), Own: owner.PID == 1}
	}
	return r[owner]
}

type bench struct {
	t        *testing.T
	table    *track.Table
	resolver resolver
	ledger   *loss.Ledger
	now      uint64
}

func newBench(t *testing.T, most int) *bench {
	b := &bench{t: t, resolver: resolver{}, ledger: loss.NewLedger(), now: 1000 * second}
	controller := netip.MustParseAddrPort("10.9.9.9:7443")
	b.table = track.NewTable(track.Config{
		Resolver: b.resolver, Connections: most, Listeners: most, Ledger: b.ledger, Monotonic: func() uint64 { return b.now },
		Own: func(_ model.Owner, local, remote netip.AddrPort) bool {
			return local == controller || remote == controller
		},
	})
	return b
}

func (b *bench) take() []model.Flow {
	b.now += second
	flows := b.table.Take(track.Anchor{Mono: b.now, Wall: int64(2_000_000 * second)})
	b.balance()
	return flows
}

func (b *bench) one() model.Flow {
	flows := b.take()
	require.Len(b.t, flows, 1)
	return flows[0]
}

// balance holds that connections that came in are kept, have ended, or were dropped for a reason.
func (b *bench) balance() {
	count := b.stage("connections")
	require.Equal(b.t, count.In, count.Out+count.Lost()+uint64(b.table.Len()))
}

func (b *bench) stage(name string) loss.Count {
	for _, count := range b.ledger.Counts() {
		if count.Stage == name {
			return count
		}
	}
	return loss.Count{}
}

func (b *bench) see(snapshots ...model.Connection) {
	for i := range snapshots {
		b.now++
		if snapshots[i].Taken == 0 {
			snapshots[i].Taken = b.now
		}
	}
	b.table.Connections(snapshots)
}

func client(cookie uint64, phase model.Phase, sent uint64) model.Connection {
	c := model.Connection{
		Cookie: cookie, Phase: phase, Role: model.RoleClient, Owner: model.Owner{Kind: model.OwnerCgroup2, ID: 7, PID: 42},
		Local: netip.MustParseAddrPort("10.0.0.1:40000"), Remote: netip.MustParseAddrPort("10.0.0.2:80"),
		Opened: 999 * second, Counters: model.Counters{SentBytes: sent, SentSegments: sent / 10},
	}
	if phase == model.PhaseClosed {
		c.Closed = 1000 * second
	}
	return c
}

func TestEachStepIsReportedOnce(t *testing.T) {
	b := newBench(t, 10)
	b.see(client(1, model.PhaseOpening, 0))
	flow := b.one()
	require.True(t, flow.Opened)
	require.False(t, flow.Established || flow.Closed || flow.Own || flow.Adopted)
	require.Equal(t, "process-42", flow.Endpoint.Workload)
	require.Equal(t, time.Unix(0, int64(2_000_000*second)).Add(-time.Duration(b.now-999*second)), flow.Start)

	require.Empty(t, b.take(), "nothing has happened")

	b.see(client(1, model.PhaseEstablished, 100))
	flow = b.one()
	require.True(t, flow.Established)
	require.False(t, flow.Opened || flow.Closed)
	require.Equal(t, model.Counters{SentBytes: 100, SentSegments: 10}, flow.Delta)

	b.see(client(1, model.PhaseEstablished, 100))
	require.Empty(t, b.take(), "the same again is no news")

	b.see(client(1, model.PhaseEstablished, 130))
	require.Equal(t, uint64(30), b.one().Delta.SentBytes)

	closing := client(1, model.PhaseClosed, 150)
	closing.Failure = model.FailureReset
	b.see(closing)
	flow = b.one()
	require.True(t, flow.Closed)
	require.False(t, flow.Opened || flow.Established)
	require.Equal(t, uint64(20), flow.Delta.SentBytes)
	require.Equal(t, model.FailureReset, flow.Failure)
	require.False(t, flow.End.IsZero())
	require.Zero(t, b.table.Len())
	require.Empty(t, b.take())
}

func TestShortConnectionIsOneRow(t *testing.T) {
	b := newBench(t, 10)
	closing := client(1, model.PhaseClosed, 500)
	closing.Established = 999*second + 5
	b.see(client(1, model.PhaseOpening, 0), closing)
	flow := b.one()
	require.True(t, flow.Opened && flow.Established && flow.Closed)
	require.Equal(t, uint64(500), flow.Delta.SentBytes)
	require.Equal(t, uint64(1), b.stage("connections").Out)
}

func TestServersDoNotOpen(t *testing.T) {
	b := newBench(t, 10)
	accepted := client(1, model.PhaseEstablished, 0)
	accepted.Role = model.RoleServer
	b.see(accepted)
	flow := b.one()
	require.False(t, flow.Opened)
	require.True(t, flow.Established)
}

func TestNeverSentDidNotOpen(t *testing.T) {
	b := newBench(t, 10)
	c := client(1, model.PhaseClosed, 0)
	c.Opened, c.Failure = 0, model.FailureNoRoute
	b.see(c)
	flow := b.one()
	require.False(t, flow.Opened || flow.Established)
	require.True(t, flow.Closed)
	require.Equal(t, model.FailureNoRoute, flow.Failure)
}

func TestAdoptedBeginsAtItsBase(t *testing.T) {
	b := newBench(t, 10)
	adopted := client(1, model.PhaseEstablished, 1_000)
	adopted.Adopted, adopted.Base = true, model.Counters{SentBytes: 900, SentSegments: 100}
	adopted.Opened = 0
	b.see(adopted)
	flow := b.one()
	require.True(t, flow.Adopted)
	require.False(t, flow.Opened || flow.Established)
	require.Equal(t, model.Counters{SentBytes: 100}, flow.Delta)
}

func TestOldSnapshotsChangeNothingButCounters(t *testing.T) {
	b := newBench(t, 10)
	late := client(1, model.PhaseEstablished, 100)
	late.SmoothedRTT, late.Taken = time.Millisecond, b.now+10
	late.Owner.Inherited = false
	early := client(1, model.PhaseOpening, 50)
	early.SmoothedRTT, early.Taken, early.Owner.PID, early.Owner.Inherited = time.Second, b.now+5, 41, true
	b.see(late, early)
	flow := b.one()
	require.True(t, flow.Established)
	require.Equal(t, uint64(100), flow.Delta.SentBytes)
	require.Equal(t, time.Millisecond, flow.SmoothedRTT)
	require.Equal(t, "process-42", flow.Endpoint.Workload)
}

func TestAcceptedSocketsGetTheirProcess(t *testing.T) {
	b := newBench(t, 10)
	first := client(1, model.PhaseEstablished, 0)
	first.Owner.PID, first.Owner.Inherited = 10, true
	b.see(first)
	require.Equal(t, "process-10", b.one().Endpoint.Workload)
	b.see(client(1, model.PhaseEstablished, 10))
	require.Equal(t, "process-42", b.one().Endpoint.Workload)
	again := client(1, model.PhaseClosed, 20)
	again.Owner = model.Owner{}
	b.see(again)
	require.Equal(t, "process-42", b.one().Endpoint.Workload, "a socket without a process is still its last one's")
}

func TestStillConnectionsGetTheirProcess(t *testing.T) {
	b := newBench(t, 10)
	c := client(1, model.PhaseEstablished, 100)
	c.Role, c.Owner.Inherited = model.RoleServer, true
	b.see(c)
	require.Equal(t, "process-42", b.one().Endpoint.Workload)
	c.Owner.PID, c.Owner.Inherited = 43, false
	b.see(c)
	flow := b.one()
	require.Equal(t, "process-43", flow.Endpoint.Workload)
	require.True(t, flow.Delta.IsZero())
	b.see(c)
	require.Empty(t, b.take(), "nothing has happened")
}

func TestClosedDoesNotRise(t *testing.T) {
	b := newBench(t, 10)
	b.see(client(1, model.PhaseEstablished, 10))
	b.take()
	b.see(client(1, model.PhaseClosed, 20))
	b.take()
	walked := client(1, model.PhaseEstablished, 10)
	walked.Taken = b.now + 5*second
	b.see(walked)
	require.Empty(t, b.take())
	require.Zero(t, b.table.Len())
	require.Equal(t, map[string]uint64{"after-close": 1}, b.stage("late-snapshots").Dropped)
}

func TestWhatTwoWalksMissHasEnded(t *testing.T) {
	b := newBench(t, 10)
	b.see(client(1, model.PhaseEstablished, 10), client(2, model.PhaseEstablished, 10))
	b.take()
	began := b.now
	b.see(client(1, model.PhaseEstablished, 10))
	b.table.Walked(began)
	require.Empty(t, b.take(), "the closing record may still be under way")
	began = b.now
	b.see(client(1, model.PhaseEstablished, 10))
	b.table.Walked(began)
	flow := b.one()
	require.Equal(t, uint64(2), flow.Cookie)
	require.True(t, flow.Closed)
	require.Equal(t, model.FailureNone, flow.Failure)
	require.Equal(t, uint64(1), b.stage("connections").Dropped["lost-close"])
	require.Equal(t, 1, b.table.Len())

	// It lives after all: it goes on where it was, and nothing is told twice.
	b.see(client(2, model.PhaseEstablished, 25))
	flow = b.one()
	require.Equal(t, uint64(15), flow.Delta.SentBytes)
	require.False(t, flow.Opened || flow.Established)
}

func TestFullTableTellsLater(t *testing.T) {
	b := newBench(t, 2)
	b.see(client(1, model.PhaseEstablished, 1), client(2, model.PhaseEstablished, 1), client(3, model.PhaseEstablished, 70))
	require.Len(t, b.take(), 2)
	require.Equal(t, uint64(1), b.stage("connections").Dropped["table-full"])
	b.see(client(1, model.PhaseClosed, 1))
	b.take()
	b.see(client(3, model.PhaseEstablished, 90))
	flow := b.one()
	require.True(t, flow.Opened)
	require.Equal(t, uint64(90), flow.Delta.SentBytes, "what had no room is not lost as long as it lives")
}

func TestOwnTraffic(t *testing.T) {
	b := newBench(t, 10)
	ours := client(1, model.PhaseEstablished, 1)
	ours.Owner.PID = 1
	toController := client(2, model.PhaseEstablished, 1)
	toController.Remote = netip.MustParseAddrPort("10.9.9.9:7443")
	b.see(ours, toController, client(3, model.PhaseEstablished, 1))
	for _, flow := range b.take() {
		require.Equal(t, flow.Cookie != 3, flow.Own)
	}
}

func TestListeners(t *testing.T) {
	b := newBench(t, 2)
	listener := func(cookie uint64) model.Listener {
		return model.Listener{Cookie: cookie, Local: netip.MustParseAddrPort("0.0.0.0:80"), Owner: model.Owner{PID: uint32(cookie)}}
	}
	b.table.Listeners([]model.Listener{listener(1), listener(2), listener(3), listener(1)})
	bound := b.table.Bound()
	require.Len(t, bound, 2)
	require.Equal(t, "process-1", bound[0].Endpoint.Workload)
	require.Equal(t, map[string]uint64{"table-full": 1}, b.stage("listeners").Dropped)
	gone := listener(1)
	gone.Gone = true
	b.table.Listeners([]model.Listener{gone, gone})
	require.Len(t, b.table.Bound(), 1)

	b.now += second
	b.table.Walked(b.now)
	b.now += second
	b.table.Walked(b.now)
	require.Empty(t, b.table.Bound(), "walks do not show it any more")
	count := b.stage("listeners")
	require.Equal(t, count.In, count.Out+count.Lost())
}
