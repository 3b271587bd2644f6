// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// nginxArguments makes a configuration in a directory of its own: two workers, files of several sizes, and an access log
// that counts bytes.
func nginxArguments(t *testing.T, listen ...string) []string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	for name, size := range map[string]int{"index.html": 1, "small": 1000, "large": 1_000_000} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("x", size)), 0o644))
	}
	configuration := fmt.Sprintf(`user root;
worker_processes 2;
daemon off;
pid %[1]s/pid;
error_log %[1]s/error.log;
events {}
http {
  log_format bytes '$remote_addr:$remote_port $request_length $bytes_sent';
  access_log %[1]s/access.log bytes;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  server { listen %[2]s; root %[1]s; }
}
`, dir, strings.Join(listen, "; listen "))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(configuration), 0o644))
	return []string{"-p", dir, "-c", filepath.Join(dir, "nginx.conf")}
}

// account is what both programs of an edge say they have moved.
type account struct{ sent, received uint64 }

// TestForeignPrograms lets nginx, curl and socat talk, keep-alive and not, and compares bytes edge by edge with what they
// say themselves.
func TestForeignPrograms(t *testing.T) {
	testkit.RequireRoot(t)
	l := newLab(t, newPrefix("af"), 4)
	web, pipe := l.places[0], l.places[3]
	arguments := nginxArguments(t, web.v4+":80")
	a := up(t)
	l.daemon(web, "nginx", arguments...)
	l.awaitListener(&edge{server: web, port: 80})

	want := map[string]account{
		l.places[1].name + " → " + web.name: l.curl(l.places[1], web, 20, true),
		l.places[2].name + " → " + web.name: l.curl(l.places[2], web, 20, false),
		web.name + " → " + pipe.name:        l.socat(web, pipe, 300_000, 70_000),
	}
	testkit.Eventually(t, 20*time.Second, func() string {
		got := map[string]account{}
		open := 0
		for _, c := range a.connections(l.prefix + "-*") {
			name := c.GetClientName() + " → " + c.GetServerName()
			got[name] = account{got[name].sent + c.GetSentBytes(), got[name].received + c.GetReceivedBytes()}
			if c.GetClosed() == nil {
				open++
			}
		}
		if open > 0 || fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Sprintf("%d open, want %v, got %v", open, want, got)
		}
		return ""
	})
	require.Len(t, a.connections(l.prefix+"-*"), 1+2*20+2)
	log, err := os.ReadFile(filepath.Join(arguments[1], "access.log"))
	require.NoError(t, err)
	require.Equal(t, map[string]account{
		l.places[1].v4: want[l.places[1].name+" → "+web.name], l.places[2].v4: want[l.places[2].name+" → "+web.name],
	}, served(t, string(log)), "nginx' own account")
}

// curl asks n times for two files, over one connection or each time over a new one, and gives its own account.
func (l *lab) curl(client, server *place, n int, keepAlive bool) account {
	l.t.Helper()
	arguments := []string{"-sS", "-w", `%{stderr}%{size_request} %{size_upload} %{size_header} %{size_download}\n`}
	if !keepAlive {
		arguments = append(arguments, "-H", "Connection: close")
	}
	for range n {
		for _, file := range []string{"small", "large"} {
			arguments = append(arguments, "-o", "/dev/null", "http://"+server.v4+"/"+file)
		}
	}
	cmd := l.in(client, "curl", arguments...)
	said := new(lockedBuffer)
	cmd.Stderr = said
	require.NoError(l.t, cmd.Run(), "%s", said)
	var sum account
	for line := range strings.Lines(said.String()) {
		var request, upload, header, download uint64
		_, err := fmt.Sscan(line, &request, &upload, &header, &download)
		require.NoError(l.t, err, line)
		sum.sent += request + upload
		sum.received += header + download
	}
	return sum
}

// socat sends so many bytes one way over one connection, and the other way over another.
func (l *lab) socat(client, server *place, there, back int) account {
	l.t.Helper()
	dir := l.t.TempDir()
	file := func(name string, size int) string {
		path := filepath.Join(dir, name)
		require.NoError(l.t, os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o644))
		return path
	}
	l.daemon(server, "socat", "-u", "TCP4-LISTEN:9000", "OPEN:/dev/null")
	l.daemon(server, "socat", "-u", "OPEN:"+file("back", back), "TCP4-LISTEN:9001")
	for port, arguments := range map[int][]string{
		9000: {"-u", "OPEN:" + file("there", there), "TCP4:" + server.v4 + ":9000"},
		9001: {"-u", "TCP4:" + server.v4 + ":9001", "OPEN:/dev/null"},
	} {
		l.awaitListener(&edge{server: server, port: port})
		out, err := l.in(client, "socat", arguments...).CombinedOutput()
		require.NoError(l.t, err, "%s", out)
	}
	return account{sent: uint64(there), received: uint64(back)}
}

// served sums nginx' access log by client.
func served(t *testing.T, log string) map[string]account {
	t.Helper()
	sums := map[string]account{}
	for line := range strings.Lines(log) {
		var client string
		var received, sent uint64
		_, err := fmt.Sscan(line, &client, &received, &sent)
		require.NoError(t, err, line)
		client, _, _ = strings.Cut(client, ":")
		sums[client] = account{sums[client].sent + received, sums[client].received + sent}
	}
	return sums
}
