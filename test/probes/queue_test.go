// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// queueQuestions are about where things wait.
func queueQuestions() []question {
	return []question{
		{
			example: "tcprtt", checks: "bpftrace, ss -ti", ask: askRoundTrips,
			script: `tracepoint:tcp:tcp_probe /NETNS(args->skaddr) == CLIENT/ { @tcprtt[ntop(((struct sock *)args->skaddr)->__sk_common.skc_daddr), args->srtt] = count(); }`,
		},
		{example: "tcp-listen-queues", checks: "ss -ltn", ask: askListenQueues},
		{example: "tcp-states-now", checks: "ss -tan", ask: askStatesNow},
		{
			example: "qdisclat", checks: "bpftrace, tc -s qdisc", ask: askQdisc,
			script: `tracepoint:qdisc:qdisc_enqueue /((struct netdev_queue *)args->txq)->dev->nd_net.net->ns.inum == CLIENT/ { @qdiscbegin[args->skbaddr] = nsecs; }
				tracepoint:qdisc:qdisc_dequeue /@qdiscbegin[args->skbaddr]/ {
					@qdisccount[((struct netdev_queue *)args->txq)->dev->name] = count();
					@qdisctotal[((struct netdev_queue *)args->txq)->dev->name] = sum(nsecs - @qdiscbegin[args->skbaddr]); delete(@qdiscbegin[args->skbaddr]); }`,
		},
		{example: "softirqs", checks: "bpftrace, /proc/softirqs", ask: askSoftirqs},
		{example: "softirq-latency", checks: "bpftrace, /proc/softirqs", ask: askSoftirqLatency},
	}
}

func askRoundTrips(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.start(t, "iperf3", "-s", "-p", "5201")
	l.server.serve(t, "accept-server", "7700")
	l.server.listening(t, 5201)
	require.NoError(t, l.client.space.SetRate(l.client.link, netlink.Rate{BytesPerSecond: 4e6, Burst: 20e3, Queue: 200e3}))
	probe := l.probe(t, l.client)
	l.client.run(t, "iperf3", "-c", l.server.address.String(), "-p", "5201", "-n", "2M")
	holder := l.client.serve(t, "hold", l.server.address.String(), "7700:1")
	sockets := l.client.run(t, "ss", "-Htin", "dport", "=", ":7700")
	holder.end(syscall.SIGTERM)
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		bounds := []uint64{50, 100, 500, 1000, 5000, 20000, 100000}
		want := make([]uint64, len(bounds)+1)
		var shortest, longest uint64
		for key, count := range w.maps["tcprtt"] {
			_, text, _ := strings.Cut(key, ",")
			srtt := number(t, text)
			bucket := 0
			for bucket < len(bounds) && srtt >= bounds[bucket] {
				bucket++
			}
			want[bucket] += count
			longest = max(longest, srtt)
			if shortest == 0 || srtt < shortest {
				shortest = srtt
			}
		}
		require.Len(t, answer.rows, 1)
		r := answer.rows[0]
		require.Equal(t, []string{l.server.address.String()}, r.keys)
		traced, got := map[string]uint64{}, map[string]uint64{}
		for i, count := range want {
			traced[fmt.Sprint(i)], got[fmt.Sprint(i)] = count, r.figures["round_trip"].buckets[i]
		}
		requireTraced(t, traced, got)
		require.Equal(t, r.figures["samples"].number, sumOf(got))
		// The script has microseconds, the probe eighths of them.
		require.GreaterOrEqual(t, shortest, r.figures["shortest"].number/1000)
		require.LessOrEqual(t, longest, r.figures["longest"].number/1000)
		rtt := regexp.MustCompile(`\brtt:([0-9.]+)/`).FindStringSubmatch(sockets)
		require.NotEmpty(t, rtt, sockets)
		ms, err := strconv.ParseFloat(rtt[1], 64)
		require.NoError(t, err)
		assert.LessOrEqual(t, ms*1000, float64(longest+1))
	}
}

func askListenQueues(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "deaf-server", "5", "7700", "7701")
	l.server.serve(t, "deaf-server", "17", "7702")
	l.client.serve(t, "hold", l.server.address.String(), "7700:3", "7702:2")
	probe := l.probe(t, l.server)
	probe.walked(t)
	listening := l.server.run(t, "ss", "-Hltn")
	answer := probe.end(t)
	return func(t *testing.T, _ *watched) {
		waiting, room := map[string]uint64{}, map[string]uint64{}
		for line := range strings.Lines(listening) {
			f := strings.Fields(line)
			address, port, _ := strings.Cut(f[3], ":")
			waiting[address+","+port], room[address+","+port] = number(t, f[1]), number(t, f[2])
		}
		require.Equal(t, map[string]uint64{"0.0.0.0,7700": 3, "0.0.0.0,7701": 0, "0.0.0.0,7702": 2}, waiting)
		require.Equal(t, map[string]uint64{"0.0.0.0,7700": 1, "0.0.0.0,7701": 1, "0.0.0.0,7702": 1}, answer.table("listeners"))
		require.Equal(t, waiting, answer.table("waiting"))
		require.Equal(t, room, answer.table("room"))
	}
}

// ssStates are ss's own names of the kernel's numbers.
var ssStates = map[string]string{
	"ESTAB": "1", "SYN-SENT": "2", "SYN-RECV": "12", "FIN-WAIT-1": "4", "FIN-WAIT-2": "5", "TIME-WAIT": "6", "CLOSE-WAIT": "8", "LAST-ACK": "9", "LISTEN": "10",
}

func askStatesNow(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.client.serve(t, "accept-server", "7703")
	l.server.serve(t, "accept-server", "7700")
	l.server.serve(t, "half-closed", "7701", "3")
	l.client.serve(t, "hold", l.server.address.String(), "7700:5")
	l.client.serve(t, "half-close", l.server.address.String(), "7701", "3")
	// Those that the client closes wait a minute.
	l.client.work(t, nil, "connect", l.server.address.String(), "7700", "4")
	// This one gets no answer.
	require.NoError(t, l.server.space.Nft(`table ip q { chain in { type filter hook input priority 0; tcp dport 7709 drop; }; }`))
	l.client.start(t, "socat", "-u", "OPEN:/dev/null", fmt.Sprintf("TCP:%s:7709,connect-timeout=60", l.server.address))
	want := map[string]uint64{"1": 5, "2": 1, "5": 3, "6": 4, "10": 1}
	states := func() map[string]uint64 {
		found := map[string]uint64{}
		for line := range strings.Lines(l.client.run(t, "ss", "-Htan")) {
			found[ssStates[strings.Fields(line)[0]]]++
		}
		return found
	}
	testkit.Eventually(t, 30*time.Second, func() string {
		if found := states(); !maps.Equal(want, found) {
			return fmt.Sprintf("there are %v", found)
		}
		return ""
	})
	probe := l.probe(t, l.client)
	probe.walked(t)
	answer := probe.end(t)
	require.Equal(t, want, states(), "nothing changed in the meantime")
	return func(t *testing.T, _ *watched) {
		require.Equal(t, want, answer.table("sockets"))
	}
}

func askQdisc(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "receiver", "9200")
	require.NoError(t, l.client.space.SetRate(l.client.link, netlink.Rate{BytesPerSecond: 1e6, Burst: 3000, Queue: 500e3}))
	probe := l.probe(t, l.client)
	l.client.work(t, nil, "datagrams", l.server.address.String(), "9200:200:1000")
	answer := probe.end(t)
	var queues []struct {
		Kind    string
		Packets uint64
		Drops   uint64
	}
	require.NoError(t, json.Unmarshal([]byte(l.client.run(t, "tc", "-j", "-s", "qdisc", "show", "dev", l.client.link)), &queues))
	return func(t *testing.T, w *watched) {
		want := map[string]uint64{}
		for key, count := range w.maps["qdisccount"] {
			if key == l.client.link {
				want[key] = count
			}
		}
		requireTraced(t, want, answer.table("packets"))
		require.Equal(t, "tbf", queues[0].Kind)
		// Now and then this kernel takes a packet out without telling its tracepoint: bpftrace knows of no more.
		require.LessOrEqual(t, answer.sum("packets"), queues[0].Packets)
		require.GreaterOrEqual(t, answer.sum("packets"), queues[0].Packets*9/10)
		// What was missed has waited as well.
		mean := float64(answer.sum("total")) / float64(answer.sum("packets"))
		assert.InEpsilon(t, float64(w.maps["qdisctotal"][l.client.link])/float64(want[l.client.link]), mean, 0.1)
		assert.Greater(t, mean, 20e6, "200 packets wait for up to 200 ms each")
	}
}

// softirqNames are those of /proc/softirqs, in the order of their numbers.
func softirqCounts(t *testing.T) map[string]uint64 {
	t.Helper()
	text, err := os.ReadFile("/proc/softirqs")
	require.NoError(t, err)
	counts := map[string]uint64{}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		for _, field := range strings.Fields(line)[1:] {
			counts[strconv.Itoa(i)] += number(t, field)
		}
	}
	return counts
}

// edge is how many soft interrupts may be under way at an end of a stretch of time.
const edge = 4

// requireAtLeast holds that a probe saw what grew between two moments of its life.
func requireAtLeast(t *testing.T, moments *[4]map[string]uint64, slack uint64, got map[string]uint64) {
	t.Helper()
	for key := range moments[3] {
		assert.LessOrEqual(t, moments[2][key]-moments[1][key], got[key]+slack, key)
	}
}

// requireAtMost holds that it saw no more than what grew from before its life to after it.
func requireAtMost(t *testing.T, moments *[4]map[string]uint64, slack uint64, got map[string]uint64) {
	t.Helper()
	for key, count := range got {
		assert.LessOrEqual(t, count, moments[3][key]-moments[0][key]+slack, key)
	}
}

// moments asks a probe while packets flow, and calls read before, twice during and after it.
func (l *lab) moments(t *testing.T, read func(moment int)) *answer {
	t.Helper()
	l.server.serve(t, "receiver", "9200")
	read(0)
	probe := l.probeAll(t)
	read(1)
	l.client.work(t, nil, "datagrams", l.server.address.String(), "9200:20000:100")
	read(2)
	answer := probe.end(t)
	read(3)
	return answer
}

// fresh is what a script of bpftrace that prints its maps again and again counted at an instant between the call and the return.
func (p *started) fresh(t *testing.T) map[string]map[string]uint64 {
	t.Helper()
	count := func() int { return strings.Count(p.output(), moment) }
	seen := count()
	// The first of these may have begun before.
	p.until(t, "bpftrace", func(string) bool { return count() >= seen+2 })
	said := p.output()
	return readMaps(t, said[:strings.LastIndex(said, moment)])
}

// moment ends each print of all maps.
const moment = `"moment`

const softirqScript = `
tracepoint:irq:softirq_raise { @raised[cpu, args->vec] = nsecs; }
tracepoint:irq:softirq_entry /@raised[cpu, args->vec]/ { @waits[args->vec] = count(); @waited[args->vec] = sum(nsecs - @raised[cpu, args->vec]); delete(@raised[cpu, args->vec]); }
tracepoint:irq:softirq_entry { @entered[cpu] = nsecs; }
tracepoint:irq:softirq_exit /@entered[cpu]/ { @runs[args->vec] = count(); @ran[args->vec] = sum(nsecs - @entered[cpu]); delete(@entered[cpu]); }
interval:ms:200 { print(@waits); print(@waited); print(@runs); print(@ran); printf("moment\n"); }
`

// softirqMoments compares counts and times of all soft interrupts with what bpftrace had at four moments.
func softirqMoments(t *testing.T, l *lab, counts, times string) (*answer, map[string]*[4]map[string]uint64) {
	t.Helper()
	tracer := trace(t, l.client.dir, softirqScript)
	seen := map[string]*[4]map[string]uint64{"kernel": {}, counts: {}, times: {}}
	answer := l.moments(t, func(moment int) {
		found := tracer.fresh(t)
		for name := range maps.Keys(seen) {
			seen[name][moment] = found[name]
		}
		seen["kernel"][moment] = softirqCounts(t)
	})
	tracer.end(syscall.SIGINT)
	return answer, seen
}

func askSoftirqs(t *testing.T, l *lab) func(*testing.T, *watched) {
	answer, seen := softirqMoments(t, l, "runs", "ran")
	return func(t *testing.T, _ *watched) {
		requireAtLeast(t, seen["kernel"], edge, answer.table("runs"))
		requireAtMost(t, seen["kernel"], edge, answer.table("runs"))
		requireAtLeast(t, seen["runs"], edge, answer.table("runs"))
		requireTimes(t, seen["ran"], answer)
	}
}

func askSoftirqLatency(t *testing.T, l *lab) func(*testing.T, *watched) {
	answer, seen := softirqMoments(t, l, "waits", "waited")
	return func(t *testing.T, _ *watched) {
		requireAtMost(t, seen["kernel"], edge, answer.table("runs"))
		requireAtLeast(t, seen["waits"], edge, answer.table("runs"))
		requireTimes(t, seen["waited"], answer)
	}
}

// requireTimes compares times with bpftrace's: each of the two measures what the other takes as well. bpftrace misses some, and on a busy
// machine a single one may be as long as all others together: so there is a bound above, and a wide one.
func requireTimes(t *testing.T, moments *[4]map[string]uint64, answer *answer) {
	t.Helper()
	slack := uint64(4*time.Millisecond) + answer.sum("total")/4
	requireAtLeast(t, moments, slack, answer.table("total"))
	for key, total := range answer.table("total") {
		assert.LessOrEqual(t, total, 2*(moments[3][key]-moments[0][key])+uint64(50*time.Millisecond), key)
	}
}
