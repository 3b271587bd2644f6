// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
)

func TestMoment_asPeopleWriteIt(t *testing.T) {
	zone := time.FixedZone("there", 2*3600)
	now := time.Date(2026, 1, 31, 0, 10, 0, 0, zone)
	l := &listing{app: &app{Params: Params{Now: func() time.Time { return now }, Location: zone}}}
	for text, want := range map[string]time.Time{
		"now": now, "5m": now.Add(-5 * time.Minute), "-5m": now.Add(-5 * time.Minute), "2d": now.Add(-48 * time.Hour),
		"1h30m": now.Add(-90 * time.Minute), "00:05": now.Add(-5 * time.Minute),
		"23:50":                     time.Date(2026, 1, 30, 23, 50, 0, 0, zone),
		"23:50:07":                  time.Date(2026, 1, 30, 23, 50, 7, 0, zone),
		"2026-01-30":                time.Date(2026, 1, 30, 0, 0, 0, 0, zone),
		"2026-01-30 12:04":          time.Date(2026, 1, 30, 12, 4, 0, 0, zone),
		"2026-01-30T12:04:31":       time.Date(2026, 1, 30, 12, 4, 31, 0, zone),
		"2026-01-30T12:04:31.5Z":    time.Date(2026, 1, 30, 12, 4, 31, 5e8, time.UTC),
		"2026-01-30T12:04:31-05:00": time.Date(2026, 1, 30, 17, 4, 31, 0, time.UTC),
	} {
		got, err := l.instant("--at", text)
		require.NoError(t, err, text)
		require.True(t, want.Equal(got), "%s: %s", text, got)
	}
	for _, text := range []string{"yesterday", "25:00", "12", "--5m", "5", "12:04:61"} {
		_, err := l.instant("--at", text)
		require.ErrorContains(t, err, "--at", text)
	}
}

func TestMoment_reachesTheController(t *testing.T) {
	f := new(fake)
	where := f.start(t)
	ask := func(args ...string) proto.Message {
		got := run(t, nil, append(args, where)...)
		require.Equal(t, exitOK, got.code, got.err)
		return f.asked().(proto.Message)
	}
	edges := ask("edges", "--at=5m", "--window=1m").(*queryv1.GetGraphRequest)
	require.True(t, proto.Equal(at(5*time.Minute), edges.GetAt()))
	require.Equal(t, time.Minute, edges.GetWindow().AsDuration())
	edges = ask("edges", "--since=1h").(*queryv1.GetGraphRequest)
	require.Nil(t, edges.GetAt())
	require.Equal(t, time.Hour, edges.GetWindow().AsDuration())
	edges = ask("edges", "--from=-2h", "--to=-1h").(*queryv1.GetGraphRequest)
	require.True(t, proto.Equal(at(time.Hour), edges.GetAt()))
	require.Equal(t, time.Hour, edges.GetWindow().AsDuration())

	connections := ask("connections", "--at=5m").(*queryv1.ListConnectionsRequest)
	require.True(t, proto.Equal(at(5*time.Minute), connections.GetFrom()))
	require.Equal(t, time.Second, connections.GetTo().AsTime().Sub(connections.GetFrom().AsTime()))
	events := ask("events", "--at=5m").(*queryv1.ListEventsRequest)
	require.True(t, proto.Equal(at(6*time.Minute), events.GetSince()))
	require.True(t, proto.Equal(at(5*time.Minute), events.GetTo()))
	anomalies := ask("anomalies", "--at=5m").(*queryv1.ListAnomaliesRequest)
	require.True(t, proto.Equal(at(5*time.Minute), anomalies.GetFrom()))
	require.True(t, proto.Equal(at(5*time.Minute), anomalies.GetTo()))
	require.True(t, anomalies.GetEnded())
}

func TestMoment_mistakesAreExplained(t *testing.T) {
	where := new(fake).start(t)
	for _, args := range [][]string{
		{"edges", "--at=5m", "--since=1h"}, {"edges", "--since=1h", "--from=2h"}, {"edges", "--from=1h", "--to=2h"},
		{"edges", "-f", "--at=5m"}, {"edges", "-f", "--since=5m"}, {"connections", "-f", "--since=5m"},
		{"events", "--from=2999-01-01"}, {"edges", "--to=5m"}, {"edges", "--since=5m", "--window=10s"}, {"events", "--at=noon"},
	} {
		got := run(t, nil, append(args, where)...)
		require.Equal(t, exitUsage, got.code, args)
		require.NotEmpty(t, got.err)
	}
}
