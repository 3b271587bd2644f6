// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// connectionQuestions are about how connections come and go.
func connectionQuestions() []question {
	return []question{
		{
			example: "tcpconnect", checks: "bpftrace, tcpstates, nstat TcpActiveOpens", tools: []string{"tcpstates"}, ask: askConnect,
			script: `tracepoint:sock:inet_sock_set_state /args->newstate == 2 && NETNS(args->skaddr) == CLIENT && args->family == 2/
				{ @tcpconnect[comm, ntop(args->daddr), args->dport] = count(); }
				tracepoint:sock:inet_sock_set_state /args->newstate == 2 && NETNS(args->skaddr) == CLIENT && args->family == 10/
				{ @tcpconnect[comm, ntop(args->daddr_v6), args->dport] = count(); }`,
		},
		{
			example: "tcpaccept", checks: "bpftrace, nginx's log, nstat TcpPassiveOpens", ask: askAccept,
			script: `tracepoint:sock:inet_sock_set_state /args->oldstate == 3 && args->newstate == 1 && NETNS(args->skaddr) == SERVER/
				{ @tcpaccept[ntop(args->family, args->daddr), args->sport] = count(); }`,
		},
		{
			example: "tcpconnlat", checks: "tcpstates, the program's own clock, a packet filter's counter", tools: []string{"tcpstates"}, ask: askLatency,
		},
		{
			example: "tcplife", checks: "tcplife, the program's own account", tools: []string{"tcplife"}, ask: askLife,
		},
		{
			example: "tcpstates", checks: "bpftrace, tcpstates", tools: []string{"tcpstates"}, ask: askStates,
			script: `tracepoint:sock:inet_sock_set_state /NETNS(args->skaddr) == CLIENT/ { @tcpstates[args->oldstate, args->newstate] = count(); }`,
		},
		{
			example: "distinct-peers", checks: "bpftrace, the program's own account", ask: askDistinct,
			script: `tracepoint:sock:inet_sock_set_state /args->oldstate == 3 && args->newstate == 1 && NETNS(args->skaddr) == SERVER/
				{ @distinctpeers[args->sport, ntop(args->family, args->daddr)] = count(); }`,
		},
	}
}

// nginx serves a small page on a port, and writes down which connection each request came by.
func (s *side) nginx(t *testing.T, port int) (log string) {
	t.Helper()
	log = filepath.Join(s.dir, "requests")
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "index.html"), []byte(strings.Repeat("w", 3000)), 0o644))
	config := filepath.Join(s.dir, "nginx.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
		daemon off; pid %[1]s/nginx.pid; error_log stderr; worker_processes 1; user root;
		events { worker_connections 256; }
		http {
			log_format by '$connection $remote_addr $body_bytes_sent';
			access_log %[2]s by;
			client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
			server { listen %[3]d; root %[1]s; }
		}`, s.dir, log, port), 0o600))
	s.start(t, "nginx", "-c", config)
	s.listening(t, port)
	return log
}

// listening waits until somebody listens, without connecting.
func (s *side) listening(t *testing.T, port int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if strings.Contains(s.run(t, "ss", "-Hltn"), ":"+strconv.Itoa(port)+" ") {
			return
		}
		require.True(t, time.Now().Before(end), "nobody listens on %d", port)
	}
}

func (s *side) url(port int) string { return fmt.Sprintf("http://%s:%d/", s.address, port) }

func askConnect(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.nginx(t, 7780)
	opened := l.client.growth(t)
	probe := l.probe(t, l.client)
	for range 4 {
		l.client.run(t, "curl", "-sf", "-o", "/dev/null", l.server.url(7780))
	}
	var tried []attempt
	l.client.work(t, &tried, "connect", l.server.address.String(), "7781", "7")
	l.client.run(t, "socat", "-u", "OPEN:/dev/null", fmt.Sprintf("TCP:%s:7780", l.server.address))
	refused, err := l.client.try("socat", "-u", "OPEN:/dev/null", "TCP6:[::1]:7781")
	require.Error(t, err, refused)
	answer := probe.end(t)
	opens := opened("TcpActiveOpens")
	return func(t *testing.T, w *watched) {
		got := answer.table("connects")
		require.Equal(t, w.maps["tcpconnect"], got)
		server := l.server.address.String()
		require.Equal(t, map[string]uint64{
			"curl," + server + ",7780": 4, "python3," + server + ",7781": 7, "socat," + server + ",7780": 1,
			"socat,::1,7781": 1,
		}, got)
		require.Equal(t, opens, sumOf(got))
		var begun uint64
		for _, change := range l.states(t, w) {
			if change.to == "SYN_SENT" && change.remote == server {
				begun++
			}
		}
		require.Equal(t, begun, sumOf(got)-got["socat,::1,7781"])
	}
}

// attempt is what became of one connect.
type attempt struct {
	Port    int
	Error   string
	Seconds float64
	At      uint64
}

func askAccept(t *testing.T, l *lab) func(*testing.T, *watched) {
	log := l.server.nginx(t, 7780)
	require.NoError(t, l.client.space.AddAddress(l.client.link, prefix(l.client.address, 100)))
	opened := l.server.growth(t)
	probe := l.probe(t, l.server)
	other := prefix(l.client.address, 100).Addr().String()
	for range 5 {
		l.client.run(t, "curl", "-sf", "-o", "/dev/null", "-o", "/dev/null", l.server.url(7780), l.server.url(7780)+"index.html")
	}
	for range 3 {
		l.client.run(t, "curl", "-sf", "--interface", other, "-o", "/dev/null", l.server.url(7780))
	}
	answer := probe.end(t)
	opens := opened("TcpPassiveOpens")
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	connections := map[string]map[string]bool{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if connections[fields[1]] == nil {
			connections[fields[1]] = map[string]bool{}
		}
		connections[fields[1]][fields[0]] = true
	}
	return func(t *testing.T, w *watched) {
		got := answer.table("connections")
		requireTraced(t, w.maps["tcpaccept"], got)
		require.Equal(t, opens, sumOf(got))
		want := map[string]uint64{}
		for peer, numbers := range connections {
			want[peer+",7780"] = uint64(len(numbers))
		}
		require.Equal(t, want, got)
		require.Len(t, got, 2)
	}
}

func askLatency(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "accept-server", "7700", "7701")
	// The first SYN to one of the ports does not arrive: the kernel tries again after a second.
	require.NoError(t, l.server.space.Nft(`table ip q { counter lost { }; chain in { type filter hook input priority 0;
		tcp dport 7701 tcp flags & (syn | ack) == syn numgen inc mod 2 == 0 counter name lost drop; }; }`))
	probe := l.probe(t, l.client)
	var quick, slow []attempt
	l.client.work(t, &quick, "connect", l.server.address.String(), "7700", "9")
	l.client.work(t, &slow, "connect", l.server.address.String(), "7701", "2")
	answer := probe.end(t)
	require.EqualValues(t, 2, l.server.counter(t, "lost"))
	return func(t *testing.T, w *watched) {
		require.Equal(t, map[string]uint64{"python3," + l.server.address.String() + ",7700": 9, "python3," + l.server.address.String() + ",7701": 2}, answer.table("connections"))
		seen := map[string]float64{}
		for _, change := range l.states(t, w) {
			if change.from == "SYN_SENT" && change.to == "ESTABLISHED" && change.remote == l.server.address.String() {
				seen["python3,"+change.remote+","+change.remotePort] += change.ms
			}
		}
		for _, r := range answer.rows {
			key := strings.Join(r.keys, ",")
			total := float64(r.figures["total"].number) / 1e6
			// Both look at the same instants, one after the other: the bound is for what may come between.
			assert.InDelta(t, seen[key], total, 5*float64(r.figures["connections"].number), key)
			attempts, at := quick, 0
			if r.keys[2] == "7701" {
				attempts, at = slow, 4
			}
			whole := 0.0
			for _, a := range attempts {
				whole += a.Seconds * 1e3
			}
			assert.LessOrEqual(t, total, whole, "no handshake takes longer than the call that waits for it")
			if at > 0 {
				assert.Equal(t, r.figures["connections"].number, r.figures["handshake"].buckets[at], "a second and no more than two: %v", r.figures["handshake"].buckets)
			}
		}
	}
}

// trade is one connection of exchange.
type trade struct {
	Port           int
	Sent, Received uint64
	Seconds        float64
}

func askLife(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "exchange-server", "7700")
	probe := l.probe(t, l.client)
	var trades []trade
	l.client.work(t, &trades, "exchange", l.server.address.String(), "7700", "100:50:0", "20000:300000:0", "1000000:8:0.05", "8:8:0.3")
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		require.Len(t, answer.events, len(trades))
		lives := l.lives(t, w)
		for i, e := range answer.events {
			v := e.values
			require.Equal(t, l.client.address.String(), v["address"])
			require.Equal(t, l.server.address.String()+":7700", v["peer"]+":"+v["peer_port"])
			require.Equal(t, strconv.Itoa(trades[i].Port), v["port"])
			// SYN and FIN count among what was acknowledged, by what the kernel counts.
			sent, received := number(t, v["sent"]), number(t, v["received"])
			assert.InDelta(t, trades[i].Sent+1, sent, 1)
			assert.InDelta(t, trades[i].Received, received, 1)
			life, found := lives[v["port"]]
			require.True(t, found, "tcplife has not seen port %s", v["port"])
			assert.Equal(t, fmt.Sprintf("%.2f", float64(sent)/1024), life.sent)
			assert.Equal(t, fmt.Sprintf("%.2f", float64(received)/1024), life.received)
			lived := float64(number(t, v["lived"])) / 1e6
			assert.InDelta(t, life.ms, lived, 5)
			assert.LessOrEqual(t, lived, trades[i].Seconds*1e3+50)
		}
	}
}

func askStates(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "exchange-server", "7700")
	probe := l.probe(t, l.client)
	l.client.work(t, nil, "exchange", l.server.address.String(), "7700", "100:50:0.2", "20000:300000:0.1", "8:8:0.1")
	l.client.work(t, nil, "connect", l.server.address.String(), "7709", "3")
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		traced := w.maps["tcpstates"]
		// Connections begin closed: no start is known of the first change.
		require.EqualValues(t, 6, traced["7,2"])
		delete(traced, "7,2")
		requireTraced(t, traced, answer.table("changes"))
		stayed := map[string]float64{}
		for _, change := range l.states(t, w) {
			if change.local == l.client.address.String() {
				stayed[change.from+" "+change.to] += change.ms
			}
		}
		for _, r := range answer.rows {
			names := tcpStates[r.keys[0]] + " " + tcpStates[r.keys[1]]
			assert.InDelta(t, stayed[names], float64(r.figures["stayed"].number)/1e6, 5*float64(r.figures["changes"].number), names)
		}
		require.Greater(t, stayed["ESTABLISHED FIN_WAIT1"], 400.0)
	}
}

func askDistinct(t *testing.T, l *lab) func(*testing.T, *watched) {
	l.server.serve(t, "accept-server", "7720", "7721")
	const clients, first = 150, 10
	for i := range clients {
		require.NoError(t, l.client.space.AddAddress(l.client.link, prefix(l.client.address, first+i)))
	}
	probe := l.probe(t, l.server)
	l.client.work(t, nil, "connect", l.server.address.String(), "7721", "20")
	l.client.work(t, nil, "connect", l.server.address.String(), "7720", "400", prefix(l.client.address, first).Addr().String(), strconv.Itoa(clients))
	deviation := probe.standardError("clients")
	answer := probe.end(t)
	return func(t *testing.T, w *watched) {
		real := map[string]uint64{}
		connections := map[string]uint64{}
		for key, count := range w.maps["distinctpeers"] {
			port, _, _ := strings.Cut(key, ",")
			real[port]++
			connections[port] += count
		}
		requireTraced(t, real, map[string]uint64{"7720": clients, "7721": 1})
		requireTraced(t, connections, answer.table("connections"))
		require.Equal(t, map[string]uint64{"7720": 400, "7721": 20}, answer.table("connections"))
		got := answer.table("clients")
		require.EqualValues(t, 1, got["7721"])
		require.InEpsilon(t, clients, got["7720"], 3*deviation, "three standard errors")
	}
}
