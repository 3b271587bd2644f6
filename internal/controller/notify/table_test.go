// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// bench is a table with a clock of its own.
type bench struct {
	*table
	now    time.Time
	ledger *loss.Ledger
}

func newBench(config Config) *bench {
	b := &bench{now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), ledger: loss.NewLedger()}
	config.Now, config.Ledger, config.ExternalURL = func() time.Time { return b.now }, b.ledger, "http://page"
	if config.Alertmanagers == nil {
		config.Alertmanagers = []string{"http://one", "http://two"}
	}
	b.table = newTable(config.withDefaults())
	return b
}

func (b *bench) anomaly(id, server string, severity detect.Severity) *Anomaly {
	return &Anomaly{
		ID: id, Kind: detect.ConnectFailures, Severity: severity, Edge: "edge-" + server, Client: "checkout", Server: server,
		Summary: server + " refuses", Since: b.now,
	}
}

// tell takes what an Alertmanager is to be told, as if it had taken it.
func (b *bench) tell(replica int) []alert {
	parcels, _ := b.due(replica, 1000)
	b.settle(replica, parcels, "")
	var told []alert
	for i := range parcels {
		told = append(told, parcels[i].alert)
	}
	return told
}

// held counts what Alertmanagers have not been told yet.
func (b *bench) held() uint64 {
	n := uint64(0)
	for _, e := range b.entries {
		for i := range e.told {
			if e.told[i].owed {
				n++
			}
		}
	}
	return n
}

func (b *bench) count() loss.Count {
	for _, count := range b.ledger.Counts() {
		if count.Stage == "notify" {
			return count
		}
	}
	return loss.Count{}
}

func (b *bench) requireBalance(t *testing.T) {
	t.Helper()
	count := b.count()
	require.Equal(t, count.In, count.Out+count.Lost()+b.held(), "%+v, %d held", count, b.held())
}

func TestTable_anAlertsLife(t *testing.T) {
	b := newBench(Config{})
	require.True(t, b.put(b.anomaly("a", "payment", detect.Degraded)))
	require.False(t, b.put(b.anomaly("a", "payment", detect.Degraded)), "no news")
	told := b.tell(0)
	require.Len(t, told, 1)
	require.Equal(t, alert{
		Labels: map[string]string{
			"alertname": "AeolusConnectFailures", "severity": "warning", "edge": "edge-payment", "client": "checkout", "server": "payment",
		},
		Annotations: map[string]string{"summary": "payment refuses", "anomaly": "a"},
		StartsAt:    "2026-05-04T12:00:00.000Z", EndsAt: "2026-05-04T12:04:00.000Z", GeneratorURL: "http://page/?open=anomaly%3Aa",
	}, told[0])
	require.Empty(t, b.tell(0), "it has been told")
	_, next := b.due(0, 10)
	require.Equal(t, b.now.Add(time.Minute), next)
	require.Len(t, b.tell(1), 1, "the other has not")

	b.now = b.now.Add(time.Minute)
	told = b.tell(0)
	require.Len(t, told, 1, "what lasts is repeated")
	require.Equal(t, "2026-05-04T12:05:00.000Z", told[0].EndsAt)

	ended := b.anomaly("a", "payment", detect.Degraded)
	ended.Closed = b.now
	require.True(t, b.put(ended))
	require.Equal(t, "2026-05-04T12:01:00.000Z", b.tell(0)[0].EndsAt)
	require.False(t, b.put(b.anomaly("a", "payment", detect.Failing)), "what was said before its end comes too late")
	b.now = b.now.Add(time.Minute)
	require.Len(t, b.tell(0), 1, "its end is repeated too")
	b.now = b.now.Add(16 * time.Minute)
	b.keepOnly(nil)
	require.Empty(t, b.entries)
	require.Empty(t, b.keys)
	b.requireBalance(t)
	require.Equal(t, map[string]uint64{"too-late": 1}, b.count().Dropped, "the other was never told of the end")
}

// TestTable_severity: it rises to another alert, so that whoever is called for what is critical is called; it never sinks.
func TestTable_severity(t *testing.T) {
	b := newBench(Config{})
	b.put(b.anomaly("a", "payment", detect.Degraded))
	b.tell(0)
	b.now = b.now.Add(time.Second)
	require.True(t, b.put(b.anomaly("a", "payment", detect.Failing)))
	severities := map[string]string{}
	for _, a := range b.tell(0) {
		severities[a.Labels["severity"]] = a.EndsAt
	}
	require.Equal(t, map[string]string{"warning": "2026-05-04T12:00:01.000Z", "critical": "2026-05-04T12:04:01.000Z"}, severities)
	require.False(t, b.put(b.anomaly("a", "payment", detect.Degraded)))
	require.True(t, b.entries[b.keys["a"]].firing)
	ended := b.anomaly("a", "payment", detect.Degraded)
	ended.Closed = b.now
	require.True(t, b.put(ended))
	for _, e := range b.entries {
		require.False(t, e.firing)
	}
	b.now = b.now.Add(time.Hour)
	b.keepOnly(nil)
	require.Empty(t, b.entries)
	require.Empty(t, b.keys)
	b.requireBalance(t)
}

// TestTable_comesAgain: an edge that goes wrong again while its last end is still repeated is one alert, which fires.
func TestTable_comesAgain(t *testing.T) {
	b := newBench(Config{})
	first := b.anomaly("a", "payment", detect.Failing)
	b.put(first)
	b.tell(0)
	first.Closed = b.now
	b.put(first)
	b.tell(0)
	b.now = b.now.Add(10 * time.Second)
	b.put(b.anomaly("b", "payment", detect.Failing))
	told := b.tell(0)
	require.Len(t, told, 1)
	require.Equal(t, "b", told[0].Annotations["anomaly"])
	require.Equal(t, "2026-05-04T12:00:10.000Z", told[0].StartsAt)
	require.False(t, b.put(first), "the end of what was before does not end it")
	require.False(t, b.keepOnly(map[string]bool{"b": true}))
	b.now = b.now.Add(time.Hour)
	require.Len(t, b.tell(0), 1)
	require.True(t, b.keepOnly(nil), "what is not open any more ends, although nobody has said so")
	b.requireBalance(t)
}

func TestTable_recall(t *testing.T) {
	b := newBench(Config{})
	for _, id := range []string{"older", "newer"} {
		ended := b.anomaly(id, "payment", detect.Failing)
		b.now = b.now.Add(time.Minute)
		ended.Closed = b.now
		b.recall(ended)
	}
	told := b.tell(0)
	require.Len(t, told, 1)
	require.Equal(t, "2026-05-04T12:02:00.000Z", told[0].EndsAt)
	require.Equal(t, "newer", told[0].Annotations["anomaly"])
	b.requireBalance(t)
}

func TestTable_isBounded(t *testing.T) {
	b := newBench(Config{MaxAlerts: 3})
	for i := range 3 {
		require.True(t, b.put(b.anomaly(fmt.Sprint(i), fmt.Sprintf("server-%d", i), detect.Failing)))
	}
	require.False(t, b.put(b.anomaly("more", "more", detect.Failing)))
	require.Equal(t, map[string]uint64{"table-full": 2}, b.count().Dropped)
	ended := b.anomaly("1", "server-1", detect.Failing)
	ended.Closed = b.now
	b.put(ended)
	require.True(t, b.put(b.anomaly("more", "more", detect.Failing)), "what has ended makes room")
	require.Len(t, b.entries, 3)
	b.requireBalance(t)
}

// TestTable_anyOrder does what can happen in any order, and counts.
func TestTable_anyOrder(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		b := newBench(Config{MaxAlerts: 6})
		generation := 0
		for range 300 {
			b.now = b.now.Add(time.Duration(random.IntN(40)) * time.Second)
			if random.IntN(50) == 0 {
				b.now = b.now.Add(-time.Hour)
			}
			place := random.IntN(8)
			switch random.IntN(6) {
			case 0:
				generation++
			case 1, 2:
				b.put(b.anomaly(fmt.Sprintf("%d-%d", place, generation), fmt.Sprint(place), detect.Severity(1+random.IntN(2))))
			case 3:
				ended := b.anomaly(fmt.Sprintf("%d-%d", place, generation), fmt.Sprint(place), detect.Degraded)
				ended.Closed = b.now
				b.put(ended)
			case 4:
				parcels, _ := b.due(random.IntN(2), 1+random.IntN(4))
				refused := ""
				if random.IntN(3) == 0 {
					refused = "rejected"
				}
				b.settle(random.IntN(2), parcels, refused)
			case 5:
				b.keepOnly(map[string]bool{fmt.Sprintf("%d-%d", place, generation): true})
			}
			b.requireBalance(t)
			require.LessOrEqual(t, len(b.entries), 6)
			require.LessOrEqual(t, len(b.keys), 2*len(b.entries))
			for id, key := range b.keys {
				require.NotNil(t, b.entries[key], "%s has gone", id)
			}
		}
	}
}
