// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostQuestions are about programs and processors.
func hostQuestions() []question {
	return []question{
		{
			example: "connect4", checks: "bpftrace on the system call, the program's own account", ask: askCgroup,
			script: `tracepoint:syscalls:sys_enter_connect /((struct task_struct *)curtask)->nsproxy->net_ns->ns.inum == CLIENT && comm == "python3"/ { @connect4 = count(); }`,
		},
		{
			example: "execs", checks: "bpftrace, execsnoop", tools: []string{"execsnoop"}, ask: askExecs,
			script: `tracepoint:sched:sched_process_exec /((struct task_struct *)curtask)->nsproxy->net_ns->ns.inum == CLIENT/ { @execs[comm] = count(); }`,
		},
		{
			example: "runqlat", checks: "bpftrace, /proc/PID/schedstat", ask: askRunQueue,
			script: `tracepoint:sched:sched_wakeup, tracepoint:sched:sched_wakeup_new /args->comm == "` + napper + `"/ { @runqbegin[args->pid] = nsecs; }
				tracepoint:sched:sched_switch /args->next_comm == "` + napper + `" && @runqbegin[args->next_pid]/
				{ @runqlat = count(); @runqtotal = sum(nsecs - @runqbegin[args->next_pid]); delete(@runqbegin[args->next_pid]); }`,
		},
		{example: "gethostlatency", checks: "gethostlatency, the program's own clock", tools: []string{"gethostlatency"}, ask: askResolver},
	}
}

// inside runs a job of testdata/work.py in a control group.
func (s *side) inside(t *testing.T, group string, arguments ...string) {
	t.Helper()
	script := fmt.Sprintf("echo $$ > %s/cgroup.procs; exec %s %s %s", group, python, workFile(t), strings.Join(arguments, " "))
	s.run(t, "sh", "-c", script)
}

func askCgroup(t *testing.T, l *lab) func(*testing.T, *watched) {
	name := fmt.Sprintf("aeo7-questions-%d", os.Getpid())
	group := cgroup(t, name)
	l.server.serve(t, "accept-server", "7700")
	probe := l.probeAll(t, "path: /", "path: /"+name)
	server := l.server.address.String()
	l.client.inside(t, group, "connect", server, "7700", "6")
	l.client.inside(t, group, "connect", server, "7709", "2")
	l.client.inside(t, group, "spread", server+":3:10")
	// This one is outside.
	l.client.work(t, nil, "connect", server, "7700", "5")
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		require.Equal(t, map[string]uint64{server + ",7700,6": 6, server + ",7709,6": 2, server + ",9,17": 1}, answer.table("connects"))
		require.Equal(t, w.maps["connect4"][""], answer.sum("connects")+5)
	}
}

func askExecs(t *testing.T, l *lab) func(*testing.T, *watched) {
	probe := l.probe(t, l.client)
	for i := range 5 {
		l.client.run(t, "echo", fmt.Sprintf("%s-%d", l.client.link, i))
	}
	l.client.run(t, "sh", "-c", fmt.Sprintf("for i in 5 6 7; do /bin/echo %s-$i; done; /bin/true", l.client.link))
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		got := answer.table("execs")
		require.Equal(t, w.maps["execs"], got)
		require.Equal(t, map[string]uint64{"echo": 8, "sh": 1, "true": 1}, got)
		var seen uint64
		for line := range strings.Lines(w.tools["execsnoop"]) {
			if strings.HasPrefix(line, "echo ") && strings.Contains(line, " "+l.client.link+"-") {
				seen++
			}
		}
		require.Equal(t, seen, got["echo"])
		require.Equal(t, got, answer.table("pace"), "what a rate counts")
	}
}

// napper is what the program calls itself whose naps are counted.
const napper = "aeo7-napper"

func askRunQueue(t *testing.T, l *lab) func(*testing.T, *watched) {
	probe := l.probeAll(t)
	var naps struct{ Waited, Slices uint64 }
	l.client.work(t, &naps, "nap", napper, "300", "0.002")
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		wakeups, waited := answer.table("wakeups")[napper], answer.table("waited")[napper]
		requireTraced(t, w.maps["runqlat"], map[string]uint64{"": wakeups})
		require.GreaterOrEqual(t, wakeups, uint64(290))
		// What was missed has waited as well, and for how long nobody knows.
		mean := float64(waited) / float64(wakeups)
		assert.InDelta(t, float64(w.maps["runqtotal"][""])/float64(w.maps["runqlat"][""]), mean, 20e3+mean/4)
		// The kernel's account begins a little later than the wakeup and counts waits after being interrupted as well.
		require.GreaterOrEqual(t, naps.Slices+5, wakeups)
	}
}

// lookup is one call of the C library.
type lookup struct {
	Name    string
	Seconds float64
}

func askResolver(t *testing.T, l *lab) func(*testing.T, *watched) {
	names := []string{"localhost", l.client.address.String(), l.server.address.String(), l.server.address.String(), "::1"}
	probe := l.probe(t, l.client)
	var looked []lookup
	l.client.work(t, &looked, "resolve", names...)
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		want, seconds := map[string]uint64{}, map[string]float64{}
		for _, one := range looked {
			want["python3,"+one.Name]++
			seconds["python3,"+one.Name] += one.Seconds
		}
		require.Equal(t, want, answer.table("lookups"))
		for key, total := range answer.table("total") {
			assert.LessOrEqual(t, float64(total)/1e9, seconds[key], key)
		}
		tool, ms := 0, 0.0
		for line := range strings.Lines(w.tools["gethostlatency"]) {
			f := strings.Fields(line)
			if len(f) == 5 && f[4] == l.server.address.String() {
				took, err := strconv.ParseFloat(f[3], 64)
				require.NoError(t, err)
				tool, ms = tool+1, ms+took
			}
		}
		require.Equal(t, 2, tool)
		assert.InDelta(t, ms*1e6, answer.table("total")["python3,"+l.server.address.String()], 1e6)
	}
}
