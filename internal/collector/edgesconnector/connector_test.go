// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const w1w2 = `destination_namespace="shop",destination_workload="w2",edge="`

func one(t *testing.T, found map[string]float64) float64 {
	t.Helper()
	require.Len(t, found, 1)
	for _, value := range found {
		return value
	}
	return 0
}

func TestConnector_countsAConnectionOnce(t *testing.T) {
	b := newBench(t, nil)
	flows := pair(1, 1, 2, model.Counters{SentBytes: 100, ReceivedBytes: 5000, SentSegments: 4, ReceivedSegments: 6, Retransmits: 1}, nil)
	b.batch(&model.Batch{Taken: b.clock, Flows: flows})
	b.pass(2 * time.Second)
	for metric, want := range map[string]float64{
		"aeolus_edge_connections_opened_total": 1, "aeolus_edge_connections_established_total": 1,
		"aeolus_edge_connections_closed_total": 0, "aeolus_edge_connections_open": 1,
		"aeolus_edge_segments_total": 10, "aeolus_edge_sent_segments_total": 10, "aeolus_edge_retransmitted_segments_total": 1,
	} {
		require.Equal(t, want, one(t, b.recorder.live(metric+"{")), metric)
		require.Len(t, b.recorder.live(metric+"{"+w1w2), 1)
	}
	io := b.recorder.live("aeolus_edge_io_bytes_total{")
	require.Len(t, io, 2)
	require.Equal(t, 5100.0, b.recorder.total("aeolus_edge_io_bytes_total{"))
	require.Empty(t, b.recorder.live("aeolus_edge_connection_failures_total"), "a reason that never was has no series")
	rtt := b.recorder.live("aeolus_edge_rtt_seconds{")
	require.Len(t, rtt, 2)
	require.Equal(t, 2.022, b.recorder.total("aeolus_edge_rtt_seconds{"), "two observations, one of each end: 2 ms and 20 ms")
	require.Equal(t, 1.001, b.recorder.total("aeolus_edge_handshake_duration_seconds{"))
}

func TestConnector_dropsWhatComesTwice(t *testing.T) {
	b := newBench(t, nil)
	batch := &model.Batch{Taken: b.clock, Flows: pair(1, 1, 2, model.Counters{SentBytes: 100}, nil)}
	b.batch(batch)
	event := model.Event{
		ID: "agent-1-1", Kind: model.EventRefused, Node: "n1", Time: b.clock, Role: model.RoleClient, Endpoint: who("w1"),
		Local: netip.AddrPortFrom(address(1), 40000), Remote: netip.AddrPortFrom(address(2), 80),
	}
	b.happen(event)
	b.sequence--
	b.batch(batch)
	b.happen(event, event)
	b.pass(20 * time.Second)
	require.Equal(t, 100.0, b.recorder.total("aeolus_edge_io_bytes_total"))
	require.Equal(t, 1.0, b.recorder.total("aeolus_events_total"))
	require.Equal(t, 1.0, one(t, b.recorder.live(`aeolus_collector_stage_dropped_total{reason="duplicate",stage="edges.batches"}`)))
	require.Equal(t, 2.0, one(t, b.recorder.live(`aeolus_collector_stage_dropped_total{reason="duplicate",stage="edges.events"}`)))
}

// TestConnector_exemplarsMoveOn: nodes tell late, in any order and by clocks of their own; what Prometheus would refuse is
// not given. That each is newer than the one before is held by the recorder.
func TestConnector_exemplarsMoveOn(t *testing.T) {
	b := newBench(t, nil)
	event := func(id string, at time.Duration) model.Event {
		return model.Event{
			ID: id, Kind: model.EventRefused, Node: "n1", Time: b.clock.Add(at), Role: model.RoleClient, Endpoint: who("w1"),
			Local: netip.AddrPortFrom(address(1), 40000), Remote: netip.AddrPortFrom(address(2), 80),
		}
	}
	b.happen(event("later", -time.Second), event("earlier", -2*time.Second), event("same", -2*time.Second+time.Microsecond))
	b.pass(10 * time.Second)
	b.happen(event("late", -time.Minute), event("again", -11*time.Second))
	b.pass(10 * time.Second)
	b.happen(event("ahead", time.Hour))
	b.pass(10 * time.Second)
	b.happen(event("next", -time.Second))
	b.pass(10 * time.Second)
	require.Equal(t, 7.0, b.recorder.total("aeolus_events_total"))
	require.Len(t, b.recorder.exemplars, 1)
	for _, ids := range b.recorder.exemplars {
		require.Equal(t, []string{"earlier", "later", "ahead", "next"}, ids)
	}
}

// TestConnector_endAndReturn holds that increase() over the end of a series and its return is what was counted, whatever
// the counts before and after were.
func TestConnector_endAndReturn(t *testing.T) {
	for _, counts := range [][2]uint64{{3, 10}, {10, 3}, {5, 5}, {1, 0}} {
		b := newBench(t, func(c *Config) { c.Expire = 30 * time.Second })
		closed := func(client, server *model.Flow) {
			client.Closed, server.Closed = true, true
			client.End, server.End = client.Start, server.Start
		}
		give := func(cookie, bytes uint64) {
			b.batch(&model.Batch{Taken: b.clock, Flows: pair(cookie, 1, 2, model.Counters{SentBytes: bytes}, closed)})
		}
		give(1, counts[0])
		b.pass(10 * time.Second)
		require.NotEmpty(t, b.recorder.live("aeolus_edge_io_bytes_total"))
		b.pass(time.Minute)
		require.Empty(t, b.recorder.live("aeolus_edge_"), "the series have ended")
		give(2, counts[1])
		b.pass(5 * time.Second)
		require.Equal(t, float64(counts[0]+counts[1]), b.recorder.total("aeolus_edge_io_bytes_total"))
		require.Equal(t, 2.0, b.recorder.total("aeolus_edge_connections_opened_total"))
		require.Equal(t, 2.0, b.recorder.total("aeolus_edge_connections_closed_total"))
		require.Len(t, b.recorder.live("aeolus_edge_connections_opened_total"), 1, "under the same labels")
	}
}

// TestConnector_openKeepsAnEdge: connections that stand still are there.
func TestConnector_openKeepsAnEdge(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Expire = 30 * time.Second })
	for range 3 {
		b.batch(&model.Batch{Taken: b.clock, Flows: pair(1, 1, 2, model.Counters{}, nil)})
		b.pass(40 * time.Second)
	}
	require.Equal(t, 1.0, one(t, b.recorder.live("aeolus_edge_connections_open{")))
	b.pass(3 * time.Minute)
	require.Empty(t, b.recorder.live("aeolus_edge_connections_open{"), "its agent is not heard any more")
}

// TestConnector_heartbeat holds that no series is silent for longer than a heartbeat.
func TestConnector_heartbeat(t *testing.T) {
	b := newBench(t, nil)
	b.batch(&model.Batch{Taken: b.clock, Flows: pair(1, 1, 2, model.Counters{SentBytes: 1}, nil)})
	b.happen(model.Event{
		ID: "agent-1-1", Kind: model.EventReset, Node: "n1", Time: b.clock, Role: model.RoleClient, Endpoint: who("w1"),
		Local: netip.AddrPortFrom(address(1), 40001), Remote: netip.AddrPortFrom(address(2), 80),
	})
	b.pass(time.Minute)
	for key, samples := range b.recorder.series {
		for i := 1; i < len(samples); i++ {
			require.LessOrEqual(t, samples[i].at.AsTime().Sub(samples[i-1].at.AsTime()), 16*time.Second, key)
		}
		require.LessOrEqual(t, b.clock.Sub(samples[len(samples)-1].at.AsTime()), 16*time.Second, key)
		require.Less(t, len(samples), 10, "%s: what does not change is given by the heartbeat alone", key)
	}
}

func TestConnector_presets(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Names = []string{"obi", "dolphin"} })
	b.batch(&model.Batch{Taken: b.clock, Flows: append(
		pair(1, 1, 2, model.Counters{SentBytes: 100, ReceivedBytes: 10, SentSegments: 3, ReceivedSegments: 2}, nil),
		pair(2, 2, 1, model.Counters{SentBytes: 7, ReceivedBytes: 1, SentSegments: 1, ReceivedSegments: 1}, nil)...)})
	b.pass(2 * time.Second)
	require.Empty(t, b.recorder.live("aeolus_edge_"))
	const obi = `obi_network_flow_bytes_total{k8s_dst_namespace="shop",k8s_dst_owner_name="w2",k8s_src_namespace="shop",k8s_src_owner_name="w1"}`
	require.Equal(t, 101.0, b.recorder.series[obi][len(b.recorder.series[obi])-1].value, "what w1 sends to w2, whoever has called")
	require.Equal(t, 118.0, b.recorder.total("obi_network_flow_bytes_total"))
	for metric, want := range map[string]float64{
		"dolphin_tcp_send_byte": 101, "dolphin_tcp_receive_byte": 17, "dolphin_tcp_send_pkt": 4, "dolphin_tcp_receive_pkt": 3,
	} {
		require.Equal(t, want, b.recorder.live(metric + `{`)[metric+`{ipfamily="ipv4",pod="shop/w1"}`], metric)
	}
}

// TestConnector_ownTrafficHasNoSeries: what Aeolus itself sends is not what is watched.
func TestConnector_ownTrafficHasNoSeries(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Names = []string{"aeolus", "obi", "dolphin"} })
	b.batch(&model.Batch{Taken: b.clock, Flows: pair(1, 1, 2, model.Counters{SentBytes: 100}, func(client, server *model.Flow) {
		client.Own, server.Own = true, true
	})})
	b.pass(5 * time.Second)
	for _, prefix := range []string{"aeolus_edge", "obi", "dolphin"} {
		require.Empty(t, b.recorder.live(prefix))
	}
}

func TestConnector_agents(t *testing.T) {
	b := newBench(t, nil)
	stages := func(agent string, in, lost uint64) {
		b.batch(&model.Batch{Taken: b.clock, AgentID: agent, Stages: []model.StageCount{
			{Stage: "rings", In: in, Out: in - lost, Dropped: map[string]uint64{"ring-full": lost}},
		}})
		b.pass(2 * time.Second)
	}
	stages("agent-1", 1000, 4)
	stages("agent-1", 1500, 5)
	require.Equal(t, 500.0, b.recorder.total("aeolus_agent_stage_in_total"), "what it had counted before is not an increase")
	require.Equal(t, 1.0, b.recorder.total("aeolus_agent_stage_dropped_total"))
	b.sequence = 0
	stages("agent-2", 2000, 3)
	require.Equal(t, 2500.0, b.recorder.total("aeolus_agent_stage_in_total"), "another agent counts from 0")
	require.Equal(t, 4.0, b.recorder.total("aeolus_agent_stage_dropped_total"))
	require.NotZero(t, one(t, b.recorder.live("aeolus_agent_heard_timestamp_seconds")))
	b.pass(10 * time.Minute)
	require.Empty(t, b.recorder.live("aeolus_agent_"), "it is not heard any more")
	require.Equal(t, 1.0, one(t, b.recorder.live(`aeolus_collector_build_info{version="1.2.3"}`)))
}
