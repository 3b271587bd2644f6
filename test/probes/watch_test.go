// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// serverPorts are the ports that the questions' servers listen on: tools that write a line for each event must not be flooded by what
// others do.
const serverPorts = "7700,7701,7709,7780,7781"

// foreign is what each tool of others is started with. All of them print without being asked for.
var foreign = map[string][]string{
	"tcplife":        {"tcplife", "-D", serverPorts},
	"tcpstates":      {"tcpstates", "-D", serverPorts},
	"execsnoop":      {"execsnoop"},
	"gethostlatency": {"gethostlatency"},
}

// watched is what the tools of others saw, from before the first question to after the last.
type watched struct {
	maps  map[string]map[string]uint64
	tools map[string]string
}

// watch starts bpftrace with the scripts of all questions, and the other tools. The function it gives ends them.
func watch(t *testing.T, scripts []string, tools map[string]bool) func() *watched {
	t.Helper()
	dir := t.TempDir()
	running := map[string]*started{}
	for name := range tools {
		arguments := foreign[name]
		require.NotEmpty(t, arguments, name)
		cmd := command("nice", append([]string{"-n", "-15", "stdbuf", "-oL"}, arguments...)...)
		running[name] = launchHere(t, cmd, dir)
	}
	var tracer *started
	if len(scripts) > 0 {
		tracer = trace(t, dir, strings.Join(scripts, "\n"))
	}
	for name, p := range running {
		// They print a headline once they are attached.
		p.until(t, name, func(said string) bool { return strings.Contains(said, "\n") })
	}
	return func() *watched {
		w := &watched{tools: map[string]string{}}
		for name, p := range running {
			w.tools[name] = p.end(syscall.SIGINT)
		}
		if tracer != nil {
			w.maps = readMaps(t, tracer.end(syscall.SIGINT))
		}
		return w
	}
}

// launchHere starts a program in the host's own namespace.
func launchHere(t *testing.T, cmd *exec.Cmd, dir string) *started {
	t.Helper()
	here, err := netlink.OpenPID(uint32(os.Getpid()))
	require.NoError(t, err)
	defer func() { _ = here.Close() }()
	return launch(t, cmd, dir, here)
}

// sentinel is a script that says its name as soon as it is attached.
func sentinel(name string) string {
	return fmt.Sprintf("tracepoint:sched:sched_switch /@%[1]s == 0/ { @%[1]s = 1; printf(\"%[1]s\\n\"); }\n", name)
}

// trace starts bpftrace and waits until it watches. It attaches one after the other, which takes a while, and says so before it
// does: hence a sentinel at either end.
func trace(t *testing.T, dir, script string) *started {
	t.Helper()
	file := filepath.Join(dir, "script.bt")
	require.NoError(t, os.WriteFile(file, []byte(sentinel("first")+script+"\n"+sentinel("last")), 0o600))
	cmd := command("bpftrace", "-B", "line", "-f", "json", file)
	cmd.Env = append(os.Environ(), "BPFTRACE_MAP_KEYS_MAX=16384", "BPFTRACE_MAX_PROBES=2048")
	p := launchHere(t, cmd, dir)
	p.until(t, "bpftrace", func(said string) bool {
		return strings.Contains(said, `"first`) && strings.Contains(said, `"last`)
	})
	return p
}

// tail is the last of what a program said.
func (p *started) tail() string {
	said := p.output()
	return said[max(0, len(said)-2000):]
}

func (p *started) until(t *testing.T, name string, holds func(string) bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(p.output()); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.read:
			t.Fatalf("%s has ended: %s", name, p.tail())
		default:
		}
		require.True(t, time.Now().Before(end), "%s has not begun: %s", name, p.tail())
	}
}

// missed is how many of so many events bpftrace may not have seen that happen in interrupts: a program on a tracepoint's record is not
// run where it interrupts another such program on its processor. Programs on typed tracepoints, as probes have, are.
func missed(events uint64) uint64 { return 2 + events/20 }

// requireTraced compares with what bpftrace saw: the same, but for what it may have missed.
func requireTraced(t *testing.T, traced, got map[string]uint64) {
	t.Helper()
	for key, count := range traced {
		require.LessOrEqual(t, count, got[key], "%s: bpftrace has %v, the probe %v", key, traced, got)
	}
	require.LessOrEqual(t, sumOf(got), sumOf(traced)+missed(sumOf(got)), "bpftrace has %v, the probe %v", traced, got)
}

// decimal writes the pointers of a map's keys as numbers.
func decimal(t *testing.T, table map[string]uint64) map[string]uint64 {
	t.Helper()
	found := map[string]uint64{}
	for key, count := range table {
		parts := strings.Split(key, ",")
		for i, part := range parts {
			if hex, pointer := strings.CutPrefix(part, "0x"); pointer {
				address, err := strconv.ParseUint(hex, 16, 64)
				require.NoError(t, err)
				parts[i] = strconv.FormatUint(address, 10)
			}
		}
		found[strings.Join(parts, ",")] = count
	}
	return found
}

// readMaps takes the maps that bpftrace prints at its end.
func readMaps(t *testing.T, said string) map[string]map[string]uint64 {
	t.Helper()
	maps := map[string]map[string]uint64{}
	for line := range strings.Lines(said) {
		var message struct {
			Type string
			Data json.RawMessage
		}
		if json.Unmarshal([]byte(line), &message) != nil {
			continue
		}
		require.NotContains(t, message.Type, "lost", said)
		if message.Type != "map" {
			continue
		}
		var data map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(message.Data, &data), line)
		for name, values := range data {
			found := map[string]uint64{}
			var one uint64
			if json.Unmarshal(values, &one) == nil {
				found[""] = one
			} else {
				require.NoError(t, json.Unmarshal(values, &found), line)
			}
			maps[strings.TrimPrefix(name, "@")] = found
		}
	}
	return maps
}

var (
	netnsOf    = regexp.MustCompile(`NETNS\(([^()]+)\)`)
	skbNetnsOf = regexp.MustCompile(`SKBNETNS\(([^()]+)\)`)
)

// script puts a place's numbers into a question's script for bpftrace.
func (p *place) script(text string) string {
	text = skbNetnsOf.ReplaceAllString(text, `((struct sk_buff *)$1)->dev->nd_net.net->ns.inum`)
	text = netnsOf.ReplaceAllString(text, `((struct sock *)$1)->__sk_common.skc_net.net->ns.inum`)
	return strings.NewReplacer(
		"CLIENT_LINK", p.client.link, "SERVER_LINK", p.server.link,
		"CLIENT_ADDRESS", p.client.address.String(), "SERVER_ADDRESS", p.server.address.String(),
		"CLIENT", fmt.Sprint(p.client.space.Inode()), "SERVER", fmt.Sprint(p.server.space.Inode()),
	).Replace(text)
}
