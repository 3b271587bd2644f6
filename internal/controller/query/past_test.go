// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/history"
	"github.com/aeolus-ebpf/aeolus/internal/controller/query"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// keeper is a service that keeps what it sees, over a place whose time the test moves.
type keeper struct {
	*query.Service
	engine    *engine.Engine
	recorder  *history.Recorder
	archive   *archive.Archive
	ledger    *loss.Ledger
	directory string
	now       time.Time
	cookie    uint64
}

func newKeeper(t testing.TB, directory string, now time.Time) *keeper {
	k := &keeper{directory: directory, now: now, ledger: loss.NewLedger()}
	var err error
	k.archive, err = archive.Open(archive.Config{Directory: directory, Ledger: k.ledger, Now: func() time.Time { return k.now }})
	require.NoError(t, err)
	k.recorder = history.New(history.Config{Sink: k.archive, Ledger: k.ledger})
	k.engine = engine.New(engine.Config{
		Ledger: k.ledger, Now: func() time.Time { return k.now }, Recorder: k.recorder, Detect: detect.Config{Learning: time.Second},
	})
	k.Service = query.New(query.Config{
		Name: "test", Engine: k.engine, Ledger: k.ledger, Past: &query.Past{Archive: k.archive, Recorder: k.recorder},
	})
	return k
}

// restart ends in order, and begins anew after a while.
func (k *keeper) restart(t testing.TB, away time.Duration) *keeper {
	k.engine.End()
	k.recorder.Flush()
	require.NoError(t, k.archive.Close())
	next := newKeeper(t, k.directory, k.now.Add(away))
	next.cookie = k.cookie
	return next
}

// pass lets time go by.
func (k *keeper) pass(length time.Duration) {
	for end := k.now.Add(length); k.now.Before(end); {
		k.now = k.now.Add(250 * time.Millisecond)
		k.engine.Tick()
	}
}

func endpoint(name string, number byte) *model.Endpoint {
	return &model.Endpoint{Workload: name, Namespace: "shop", Kind: model.KindContainer, Node: "n1", Instance: name + "-1", NetNS: uint32(number), PID: 7, Process: name}
}

// call is one connection that opens and ends, seen from both sides, and carries so much.
func (k *keeper) call(client, server byte, sent uint64, taken time.Time) {
	k.cookie += 2
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, client}), uint16(32768+k.cookie%28000))
	to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, server}), 80)
	flow := model.Flow{Opened: true, Established: true, Closed: true, Start: taken.Add(-10 * time.Millisecond), End: taken}
	a, b := flow, flow
	a.Cookie, a.Local, a.Remote, a.Role, a.Endpoint = k.cookie, from, to, model.RoleClient, endpoint(fmt.Sprintf("w%d", client), client)
	b.Cookie, b.Local, b.Remote, b.Role, b.Endpoint = k.cookie+1, to, from, model.RoleServer, endpoint(fmt.Sprintf("w%d", server), server)
	a.Delta = model.Counters{SentBytes: sent, SentSegments: 3, ReceivedBytes: 1, ReceivedSegments: 2}
	b.Delta = model.Counters{SentBytes: 1, SentSegments: 2, ReceivedBytes: sent, ReceivedSegments: 3}
	k.engine.ApplyBatch(&model.Batch{Node: "n1", AgentID: "a", Taken: taken, Flows: []model.Flow{a, b}})
}

// sums asks for the map of a stretch of time: bytes sent by server's name.
func (k *keeper) sums(t testing.TB, from, to time.Time) map[string]float64 {
	drawn, err := k.GetGraph(context.Background(), &queryv1.GetGraphRequest{At: timestamppb.New(to), Window: durationpb.New(to.Sub(from))})
	require.NoError(t, err)
	covered := drawn.Window.AsDuration()
	for _, gap := range drawn.Gaps {
		covered -= gap.To.AsTime().Sub(gap.From.AsTime())
	}
	found := map[string]float64{}
	for _, edge := range drawn.Edges {
		if bytes := edge.Figures.GetSentBytesPerSecond() * covered.Seconds(); bytes > 0.5 {
			found[edge.ClientName+" "+edge.ServerName] = math.Round(bytes)
		}
	}
	return found
}

// listed asks for the connections of a stretch of time, page by page: bytes by the edge's ends, and how many.
func (k *keeper) listed(t testing.TB, from, to time.Time, page uint32) (map[string]float64, int) {
	found, ids := map[string]float64{}, map[string]bool{}
	request := &queryv1.ListConnectionsRequest{From: timestamppb.New(from), To: timestamppb.New(to), Limit: page}
	for {
		answer, err := k.ListConnections(context.Background(), request)
		require.NoError(t, err)
		for _, c := range answer.Connections {
			require.False(t, ids[c.Id], "%s is on two pages", c.Id)
			ids[c.Id] = true
			found[c.ClientName+" "+c.ServerName] += float64(c.SentBytes)
		}
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			return found, len(ids)
		}
	}
}

// TestPast_sumsAreExact compares sums over random stretches with what was put in, with rows that come late, before and
// after what is in memory has been sealed, and after a restart.
func TestPast_sumsAreExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	k := newKeeper(t, t.TempDir(), begin)
	type put struct {
		at   time.Time
		edge string
		sent float64
	}
	var all []put
	for range 90 {
		for range random.IntN(4) {
			client, server := byte(1+random.IntN(3)), byte(11+random.IntN(3))
			taken := k.now
			if random.IntN(5) == 0 {
				// Within its stretch and the time that is left for what comes late.
				taken = taken.Add(-time.Duration(random.IntN(1500)) * time.Millisecond)
			}
			if taken.Before(begin) {
				taken = begin
			}
			sent := uint64(1 + random.IntN(1000))
			k.call(client, server, sent, taken)
			all = append(all, put{taken, fmt.Sprintf("w%d w%d", client, server), float64(sent)})
		}
		k.pass(time.Duration(1+random.IntN(14)) * time.Second)
	}
	k.pass(20 * time.Second)
	end := k.now.Truncate(10 * time.Second)
	check := func(what string) {
		stretches := int(end.Sub(begin) / (10 * time.Second))
		for range 30 {
			from := random.IntN(stretches)
			to := from + 1 + random.IntN(stretches-from)
			a, b := begin.Add(time.Duration(from)*10*time.Second), begin.Add(time.Duration(to)*10*time.Second)
			want := map[string]float64{}
			for _, p := range all {
				if !p.at.Before(a) && p.at.Before(b) {
					want[p.edge] += p.sent
				}
			}
			require.Equal(t, want, k.sums(t, a, b), "%s: %s to %s", what, a, b)
		}
		want := map[string]float64{}
		for _, p := range all {
			want[p.edge] += p.sent
		}
		found, count := k.listed(t, begin.Add(-time.Minute), end.Add(time.Minute), 7)
		require.Equal(t, want, found, what)
		require.Equal(t, len(all), count, what)
	}
	check("from memory and what waits")
	k = k.restart(t, 0)
	check("after a restart")
	k.pass(20 * time.Second)
	check("after a while")
	for _, stage := range k.ledger.Counts() {
		require.Empty(t, stage.Dropped, stage.Stage)
	}
}

// TestPast_lateRowsCountOnce lets rows come a minute late: they count in the stretch in which they came, and only there.
func TestPast_lateRowsCountOnce(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	k := newKeeper(t, t.TempDir(), begin)
	total := 0.0
	for i := range 40 {
		k.call(1, 11, 100, k.now)
		k.call(1, 11, 10, k.now.Add(-time.Duration(i)*time.Second))
		total += 110
		k.pass(3 * time.Second)
		found, _ := k.listed(t, begin.Add(-time.Hour), k.now.Add(time.Second), 0)
		require.Equal(t, map[string]float64{"w1 w11": total}, found)
	}
	k.pass(20 * time.Second)
	k = k.restart(t, 0)
	require.Equal(t, map[string]float64{"w1 w11": total}, k.sums(t, begin.Add(-time.Hour), k.now.Truncate(time.Second)))
}

// stay is a connection that lives on, and carries more now and then.
func (k *keeper) stay(opened bool, sent uint64, closed bool) {
	from, to := netip.MustParseAddrPort("10.0.0.9:40000"), netip.MustParseAddrPort("10.0.0.19:5432")
	flow := model.Flow{
		Cookie: 1 << 40, Local: from, Remote: to, Role: model.RoleClient, Endpoint: endpoint("pool", 9), Opened: opened,
		Established: opened, Closed: closed, Start: k.now, End: k.now, Delta: model.Counters{SentBytes: sent, SentSegments: 1},
	}
	if !closed {
		flow.End = time.Time{}
	}
	k.engine.ApplyBatch(&model.Batch{Node: "n1", AgentID: "a", Taken: k.now, Flows: []model.Flow{flow}})
}

func TestPast_connectionsThatLive(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	k := newKeeper(t, t.TempDir(), begin)
	k.stay(true, 5, false)
	for range 300 {
		k.pass(time.Second)
		k.stay(false, 10, false)
	}
	ask := func(from, to time.Duration) *queryv1.Connection {
		answer, err := k.ListConnections(t.Context(), &queryv1.ListConnectionsRequest{
			From: timestamppb.New(begin.Add(from)), To: timestamppb.New(begin.Add(to)), Filter: &queryv1.Filter{Client: "pool", Port: 5432},
		})
		require.NoError(t, err)
		require.Len(t, answer.Connections, 1)
		return answer.Connections[0]
	}
	require.EqualValues(t, 3005, ask(0, time.Hour).SentBytes, "what is written down and what is not, once")
	part := ask(2*time.Minute, 3*time.Minute)
	require.Greater(t, part.SentBytes, uint64(590))
	require.Less(t, part.SentBytes, uint64(1900), "at most the stretches that touch the time")
	k.stay(false, 1, true)
	require.EqualValues(t, 3006, ask(0, time.Hour).SentBytes)
	require.Equal(t, "closed", ask(0, time.Hour).State)
	k = k.restart(t, 0)
	require.EqualValues(t, 3006, ask(0, time.Hour).SentBytes)
	rows := 0
	for row, err := range k.archive.Flows(t.Context(), archive.FlowQuery{}) {
		require.NoError(t, err)
		require.LessOrEqual(t, row.To.Sub(row.From), time.Minute)
		rows++
	}
	require.LessOrEqual(t, rows, 7, "one a minute, and one at its end")
}

func TestPast_mapAndSeriesAfterARestart(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	k := newKeeper(t, t.TempDir(), begin)
	for range 120 {
		k.call(1, 11, 100, k.now)
		k.pass(time.Second)
	}
	k.pass(13 * time.Second)
	at := begin.Add(100 * time.Second)
	before, err := k.GetGraph(t.Context(), &queryv1.GetGraphRequest{At: timestamppb.New(at), Window: durationpb.New(time.Minute)})
	require.NoError(t, err)
	k = k.restart(t, 5*time.Minute)
	after, err := k.GetGraph(t.Context(), &queryv1.GetGraphRequest{At: timestamppb.New(at), Window: durationpb.New(time.Minute)})
	require.NoError(t, err)
	require.Len(t, after.Edges, 1)
	require.Equal(t, before.Edges[0].Id, after.Edges[0].Id)
	require.InDelta(t, 100, after.Edges[0].Figures.GetSentBytesPerSecond(), 0.01)
	require.InDelta(t, before.Edges[0].Figures.GetOpensPerSecond(), after.Edges[0].Figures.GetOpensPerSecond(), 0.01)
	require.Len(t, after.Nodes, 2)
	for _, node := range after.Nodes {
		require.Len(t, node.Instances, 1, "%s is known with its instance", node.Name)
	}
	series, err := k.GetSeries(t.Context(), &queryv1.GetSeriesRequest{
		EdgeId: after.Edges[0].Id, From: timestamppb.New(begin), To: timestamppb.New(begin.Add(119 * time.Second)), Step: durationpb.New(7 * time.Second),
	})
	require.NoError(t, err)
	require.Equal(t, 10*time.Second, series.Step.AsDuration(), "as fine as what is kept")
	require.Len(t, series.Times, 12)
	for _, line := range series.Lines {
		if line.Name == "sent_bytes_per_second" {
			for _, value := range line.Values {
				require.InDelta(t, 100, value, 0.01)
			}
		}
	}
	found, err := k.Search(t.Context(), &queryv1.SearchRequest{Text: "w11", From: timestamppb.New(begin), To: timestamppb.New(at)})
	require.NoError(t, err)
	require.Equal(t, "w11", found.Hits[0].Title)
}

func TestPast_eventsPageByPage(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	k := newKeeper(t, t.TempDir(), begin)
	want := map[string]bool{}
	k.call(1, 11, 1, k.now)
	for i := range 100 {
		id := fmt.Sprintf("a-%d", i)
		want[id] = true
		k.engine.ApplyEvents([]model.Event{{
			ID: id, Kind: model.EventRefused, Node: "n1", Time: k.now.Truncate(2 * time.Second), Role: model.RoleClient, Endpoint: endpoint("w1", 1),
			Local: netip.MustParseAddrPort("10.0.0.1:40000"), Remote: netip.MustParseAddrPort("10.0.0.11:80"),
		}})
		k.pass(time.Second)
	}
	// The last may have waited for a batch of its node.
	k.pass(3 * time.Second)
	check := func() {
		found := map[string]bool{}
		request := &queryv1.ListEventsRequest{Since: timestamppb.New(begin), Limit: 9, Kinds: []string{"connect.refused"}, Filter: &queryv1.Filter{Server: "w11"}}
		for {
			answer, err := k.ListEvents(t.Context(), request)
			require.NoError(t, err)
			for i, e := range answer.Events {
				require.False(t, found[e.Id], "%s is on two pages", e.Id)
				found[e.Id] = true
				require.True(t, i == 0 || !e.Time.AsTime().Before(answer.Events[i-1].Time.AsTime()), "newest last")
			}
			if request.PageToken = answer.NextPageToken; request.PageToken == "" {
				break
			}
		}
		require.Equal(t, want, found)
	}
	check()
	k = k.restart(t, time.Minute)
	check()
	_, err := k.ListEvents(t.Context(), &queryv1.ListEventsRequest{PageToken: "???"})
	require.ErrorContains(t, err, "page_token")
}

// TestPast_whatIsNotKnownIsSaid asks for a time before anything was kept, and for too much.
func TestPast_whatIsNotKnownIsSaid(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	k := newKeeper(t, t.TempDir(), begin)
	for range 30 {
		k.call(1, 11, 100, k.now)
		k.pass(time.Second)
	}
	drawn, err := k.GetGraph(t.Context(), &queryv1.GetGraphRequest{At: timestamppb.New(begin.Add(20 * time.Second)), Window: durationpb.New(time.Hour)})
	require.NoError(t, err)
	require.Len(t, drawn.Gaps, 1)
	require.Equal(t, "nothing is kept from before", drawn.Gaps[0].Reason)
	require.InDelta(t, 100, drawn.Edges[0].Figures.GetSentBytesPerSecond(), 1, "a rate is over what is known")
	narrow := query.New(query.Config{
		Name: "test", Engine: k.engine, Ledger: k.ledger, Past: &query.Past{Archive: k.archive, Recorder: k.recorder, MaxRows: 2},
	})
	k.pass(time.Minute)
	_, err = narrow.GetGraph(t.Context(), &queryv1.GetGraphRequest{At: timestamppb.New(k.now), Window: durationpb.New(time.Hour)})
	require.ErrorContains(t, err, "more than 2 rows")
	_, err = k.GetGraph(t.Context(), &queryv1.GetGraphRequest{Window: durationpb.New(1000 * time.Hour)})
	require.ErrorContains(t, err, "reaches back")
	_, err = k.ListConnections(t.Context(), &queryv1.ListConnectionsRequest{From: timestamppb.New(k.now), To: timestamppb.New(begin)})
	require.ErrorContains(t, err, "before it begins")
	status, err := k.GetStatus(t.Context(), &queryv1.GetStatusRequest{})
	require.NoError(t, err)
	require.NotNil(t, status.Archive.GetOldest())
	require.Equal(t, 10*time.Second, status.Archive.GetResolution().AsDuration())
}
