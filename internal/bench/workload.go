// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// The two ends of the link between the client's namespace and the server's: reserved for benchmarks by RFC 2544.
const (
	clientEnd = "198.18.0.1/30"
	serverEnd = "198.18.0.2/30"
	serverIP  = "198.18.0.2"
	httpPort  = "8080"
	bulkPort  = "5201"
)

// bed is where the workloads run: two network namespaces with a link between, a server in each kind, and a cgroup that
// accounts for clients and servers together.
type bed struct {
	client, server *netlink.Namespace
	group          *group
	closers        closers
}

// nginxConfig serves one fixed answer from one process, and never ends a connection by itself.
const nginxConfig = `daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
	access_log off;
	keepalive_requests 1000000000;
	keepalive_timeout 1h;
	server { listen 8080 backlog=4096 reuseport; location / { default_type text/plain; return 200 "0123456789abcdef\n"; } }
}
`

// newBed makes the namespaces and starts the servers.
func newBed(ctx context.Context) (_ *bed, err error) {
	if err := needPrograms("wrk", "nginx", "iperf3"); err != nil {
		return nil, err
	}
	b := &bed{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if err := b.connect(); err != nil {
		return nil, err
	}
	if b.group, err = newGroup("load"); err != nil {
		return nil, err
	}
	b.closers.add(b.group.remove)
	directory, err := workDirectory()
	if err != nil {
		return nil, err
	}
	b.closers.add(func() error { return os.RemoveAll(directory) })
	config := filepath.Join(directory, "nginx.conf")
	if err := os.WriteFile(config, []byte(nginxConfig), 0o600); err != nil {
		return nil, fmt.Errorf("writing nginx' configuration: %w", err)
	}
	nginx, _ := findProgram("nginx")
	iperf, _ := findProgram("iperf3")
	for _, server := range []struct {
		port    string
		command *exec.Cmd
	}{
		{httpPort, exec.Command(nginx, "-p", directory, "-c", config)},
		{bulkPort, exec.Command(iperf, "--server", "--port", bulkPort)},
	} {
		running, err := serve(b.server, b.group, server.command)
		if err != nil {
			return nil, err
		}
		b.closers.add(func() error { running.stop(); return nil })
		if err := running.answers(ctx, b.client, serverIP+":"+server.port); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *bed) connect() (err error) {
	for _, namespace := range []**netlink.Namespace{&b.client, &b.server} {
		made, err := netlink.New()
		if err != nil {
			return err
		}
		*namespace = made
		b.closers.add(made.Close)
	}
	if err := b.client.AddVeth("load0", b.server, "load1"); err != nil {
		return err
	}
	return errors.Join(
		b.client.AddAddress("load0", netip.MustParsePrefix(clientEnd)), b.client.SetUp("load0"), b.client.SetUp("lo"),
		b.server.AddAddress("load1", netip.MustParsePrefix(serverEnd)), b.server.SetUp("load1"), b.server.SetUp("lo"),
		// A connection a request takes ports faster than they become free.
		b.client.WriteSysctl("net.ipv4.ip_local_port_range", "10000 65000"),
		b.client.WriteSysctl("net.ipv4.tcp_tw_reuse", "1"),
	)
}

func (b *bed) close() error { return b.closers.close() }

// workload drives the servers for some whole seconds.
type workload struct {
	name string
	// unit is what it counts, and ends how many ends of connections there are to one.
	unit string
	ends float64
	// rate is the unit of its throughput, of which there are size to one.
	rate string
	size float64
	run  func(ctx context.Context, b *bed, seconds int) (units float64, err error)
}

func workloads() []workload {
	return []workload{
		{name: "keep-alive", unit: "request", rate: PerSecond, size: 1, run: func(ctx context.Context, b *bed, seconds int) (float64, error) {
			return b.wrk(ctx, seconds)
		}},
		{name: "connection per request", unit: "request", ends: 2, rate: PerSecond, size: 1, run: func(ctx context.Context, b *bed, seconds int) (float64, error) {
			return b.wrk(ctx, seconds, "-H", "Connection: close")
		}},
		{name: "bulk", unit: "megabyte", rate: BytesPerSecond, size: 1e6, run: func(ctx context.Context, b *bed, seconds int) (float64, error) {
			bytes, err := b.iperf3(ctx, seconds)
			return bytes / 1e6, err
		}},
	}
}

var (
	wrkCount  = regexp.MustCompile(`(\d+) requests in`)
	wrkErrors = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)|Non-2xx`)
)

// wrk gives how many requests were answered.
func (b *bed) wrk(ctx context.Context, seconds int, more ...string) (float64, error) {
	path, err := findProgram("wrk")
	if err != nil {
		return 0, err
	}
	arguments := append([]string{"-t1", "-c32", fmt.Sprintf("-d%ds", seconds)}, more...)
	var out bytes.Buffer
	command := exec.CommandContext(ctx, path, append(arguments, "http://"+serverIP+":"+httpPort+"/")...)
	if _, err := runProgram(b.client, b.group, command, &out); err != nil {
		return 0, err
	}
	return parseWrk(out.String())
}

func parseWrk(text string) (float64, error) {
	if found := wrkErrors.FindString(text); found != "" {
		return 0, fmt.Errorf("driving requests: wrk says: %s", found)
	}
	found := wrkCount.FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("driving requests: wrk has not said how many: %s", strings.TrimSpace(text))
	}
	return strconv.ParseFloat(found[1], 64)
}

// iperf3 gives how many bytes have arrived.
func (b *bed) iperf3(ctx context.Context, seconds int) (float64, error) {
	path, err := findProgram("iperf3")
	if err != nil {
		return 0, err
	}
	var out bytes.Buffer
	command := exec.CommandContext(ctx, path, "--client", serverIP, "--port", bulkPort, "--time", strconv.Itoa(seconds), "--json")
	if _, err := runProgram(b.client, b.group, command, &out); err != nil {
		return 0, errors.Join(err, errors.New(strings.TrimSpace(out.String())))
	}
	var said struct {
		End struct {
			Received struct {
				Bytes float64 `json:"bytes"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		return 0, fmt.Errorf("reading what iperf3 says: %w", err)
	}
	if said.End.Received.Bytes == 0 {
		return 0, errors.New("driving bytes: none have arrived")
	}
	return said.End.Received.Bytes, nil
}

// cpu is the CPU time of clients, servers, and of the kernel's threads that process packets for them.
func (b *bed) cpu() (time.Duration, error) {
	used, err := CgroupCPU(b.group.cpu)
	if err != nil {
		return 0, err
	}
	soft, err := softirqThreads("/proc")
	return used + soft, err
}

// softirqThreads is the CPU time of all ksoftirqd together: what the kernel did not do in somebody's context.
func softirqThreads(proc string) (time.Duration, error) {
	var sum time.Duration
	entries, err := os.ReadDir(proc)
	if err != nil {
		return 0, fmt.Errorf("looking for ksoftirqd: %w", err)
	}
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		name, err := os.ReadFile(filepath.Join(proc, entry.Name(), "comm"))
		if err != nil || !bytes.HasPrefix(name, []byte("ksoftirqd/")) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(proc, entry.Name(), "schedstat"))
		first, _, _ := strings.Cut(string(text), " ")
		nanoseconds, parseErr := strconv.ParseInt(first, 10, 64)
		if err := errors.Join(err, parseErr); err != nil {
			return 0, fmt.Errorf("reading the CPU time of ksoftirqd: %w", err)
		}
		sum += time.Duration(nanoseconds)
	}
	return sum, nil
}
