// SPDX-License-Identifier: Apache-2.0

package run

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/identity/local"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// newNamespace makes a network namespace of the test's own, with loopback.
func newNamespace(t testing.TB) *netlink.Namespace {
	t.Helper()
	testkit.RequireRoot(t)
	n, err := netlink.New()
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	require.NoError(t, n.SetUp("lo"))
	return n
}

// connectIn makes connections in a namespace.
func connectIn(t testing.TB, n *netlink.Namespace, times int) {
	t.Helper()
	var listener net.Listener
	require.NoError(t, n.Do(func() (err error) {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	}))
	defer listener.Close()
	go func() {
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(accepted, accepted)
			_ = accepted.Close()
		}
	}()
	for range times {
		var c net.Conn
		require.NoError(t, n.Do(func() (err error) {
			c, err = net.Dial("tcp", listener.Addr().String())
			return err
		}))
		require.NoError(t, c.(*net.TCPConn).CloseWrite())
		_, err := io.ReadAll(c)
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
}

// inNamespace is the first measure of the row whose key is a namespace's number.
func inNamespace(s Snapshot, inode uint32) uint64 {
	for _, row := range s.Rows {
		if row.Keys[0].Number&0xffffffff == uint64(inode) {
			return row.Measures[0].Number
		}
	}
	return 0
}

// TestKindsOfTracepoints counts active opens through each of three ways to the same tracepoint, and compares with the kernel's
// own counter of the namespace.
func TestKindsOfTracepoints(t *testing.T) {
	for _, hook := range []string{"{tp_btf: inet_sock_set_state}", "{raw_tp: inet_sock_set_state}", "{event: inet_sock_set_state}"} {
		t.Run(hook, func(t *testing.T) {
			n := newNamespace(t)
			p := begin(t, compile(t, `
  hook: `+hook+`
  where: newstate == TCP_SYN_SENT
  by: [sock(sk).netns]
  measure: {opens: count()}
`))
			connectIn(t, n, 11)
			counters, err := n.Counters()
			require.NoError(t, err)
			require.EqualValues(t, 11, counters["TcpActiveOpens"])
			require.NoError(t, p.Close())
			s, err := p.Rows()
			require.NoError(t, err)
			require.Equal(t, counters["TcpActiveOpens"], inNamespace(s, n.Inode()))
		})
	}
}

// TestTracepoint reads a record of tracefs; the port tells the test's connections from others.
func TestTracepoint(t *testing.T) {
	if tried := feature.Try(t.Context(), feature.Config{}, feature.TracefsMounted); tried.Verdict != feature.Yes {
		t.Skip("tracefs is not mounted")
	}
	p := begin(t, compile(t, `
  hook: {tracepoint: sock/inet_sock_set_state}
  where: newstate == TCP_SYN_SENT
  by: [dport]
  measure: {opens: count()}
`))
	port := connect(t, 5)
	rows(t, p, func(s Snapshot) string {
		for _, row := range s.Rows {
			if row.Keys[0].Number == uint64(port) && row.Measures[0].Number == 5 {
				return ""
			}
		}
		return fmt.Sprintf("five connects to port %d are not counted: %v", port, s.Rows)
	})
}

func TestIteratorSeesEveryNamespace(t *testing.T) {
	n := newNamespace(t)
	var listener net.Listener
	require.NoError(t, n.Do(func() (err error) {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	}))
	t.Cleanup(func() { _ = listener.Close() })
	p := begin(t, compile(t, `
  hook: {iter: tcp, every: 100ms}
  where: sock(sk_common).state == TCP_LISTEN
  by: [sock(sk_common).netns, sock(sk_common).sport]
  measure: {seen: count()}
`))
	port := uint64(listener.Addr().(*net.TCPAddr).Port)
	// A namespace that nothing but an open file keeps alive cannot be found: somebody has to live in it.
	command := exec.Command("sleep", "60")
	require.NoError(t, n.Start(command))
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	rows(t, p, func(s Snapshot) string {
		for _, row := range s.Rows {
			if row.Keys[1].Number == port && row.Measures[0].Number == 1 {
				return ""
			}
		}
		return "the listener in another namespace is not walked over"
	})
}

func TestTrafficControl(t *testing.T) {
	p := begin(t, compile(t, `
  hooks: [{tcx: {interface: lo, direction: ingress}}, {tcx: {interface: lo, direction: egress}}]
  where: packet.l4 == IPPROTO_UDP && packet.dport == 7
  measure: {packets: count(), size: sum(packet.len)}
`))
	c, err := net.Dial("udp", "127.0.0.1:7")
	require.NoError(t, err)
	defer c.Close()
	for range 4 {
		_, _ = c.Write(make([]byte, 100)) // refused, once an answer has come
	}
	rows(t, p, func(s Snapshot) string {
		if len(s.Rows) != 1 || s.Rows[0].Measures[0].Number < 4 || s.Rows[0].Measures[0].Number%2 != 0 {
			return fmt.Sprintf("packets are not seen at both hooks: %v", s.Rows)
		}
		return ""
	})
}

// newGroup makes a version 2 control group.
func newGroup(t testing.TB) (directory, path string) {
	t.Helper()
	testkit.RequireRoot(t)
	resolver, err := local.New(local.Config{Runtimes: []local.RuntimeSocket{}})
	require.NoError(t, err)
	root := resolver.Hierarchy().V2
	require.NotEmpty(t, root)
	directory, err = os.MkdirTemp(root, "aeo-run-")
	require.NoError(t, err)
	t.Cleanup(func() {
		testkit.Eventually(t, patience, func() string {
			if err := os.Remove(directory); err != nil && !os.IsNotExist(err) {
				return err.Error()
			}
			return ""
		})
	})
	return directory, strings.TrimPrefix(directory, root)
}

// inGroup runs a shell command in a control group.
func inGroup(t testing.TB, directory, script string) {
	t.Helper()
	command := exec.Command("sh", "-c", "echo $$ >"+filepath.Join(directory, "cgroup.procs")+"; "+script)
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
}

func TestCgroup(t *testing.T) {
	directory, path := newGroup(t)
	p := begin(t, compile(t, `
  hook: {cgroup: {attach: connect4, path: `+path+`}}
  measure: {connects: count()}
`))
	connect(t, 3)
	inGroup(t, directory, "for i in 1 2 3 4 5; do curl -s -m 1 http://127.0.0.1:1/ || true; done")
	require.NoError(t, p.Close())
	s, err := p.Rows()
	require.NoError(t, err)
	require.Len(t, s.Rows, 1)
	require.EqualValues(t, 5, s.Rows[0].Measures[0].Number, "the group's five, and nobody else's three")
}

// TestUserFunctions counts how often a program calls a function of a library, and how long that takes.
func TestUserFunctions(t *testing.T) {
	output, err := exec.Command("sh", "-c", "ldd $(command -v curl) | awk '/libcurl/ {print $3}'").Output()
	require.NoError(t, err)
	library := strings.TrimSpace(string(output))
	require.NotEmpty(t, library)
	p := begin(t, compile(t, `
  hook: {uretprobe: "`+library+`:curl_easy_perform"}
  pair: {start: {hook: {uprobe: "`+library+`:curl_easy_init"}, key: tid}, key: tid}
  measure: {calls: count(), took: max(elapsed)}
`))
	for range 3 {
		_ = exec.Command("curl", "-s", "-m", "1", "http://127.0.0.1:1/").Run()
	}
	require.NoError(t, p.Close())
	s, err := p.Rows()
	require.NoError(t, err)
	require.Len(t, s.Rows, 1, "losses %v", p.Status().Losses)
	require.EqualValues(t, 3, s.Rows[0].Measures[0].Number)
	require.Greater(t, s.Rows[0].Measures[1].Number, uint64(1000))
}

// TestRefusedKinds: what this kernel has not got, or denies, is said in one sentence, and never as a guess at locked memory.
func TestRefusedKinds(t *testing.T) {
	for kind, hook := range map[ir.HookKind]string{ir.Entry: "{fentry: tcp_connect}", ir.Kprobe: "{kprobe: tcp_connect}"} {
		name := hookFeatures[kind]
		if feature.Try(t.Context(), feature.Config{}, name).Verdict != feature.No {
			continue
		}
		target, err := thisHost()
		require.NoError(t, err)
		target.Lang.Supports = nil
		config := compileFor(t, target, "\n  hook: "+hook+"\n  measure: {calls: count()}\n")
		p, err := Start(t.Context(), config)
		require.Error(t, err)
		require.Nil(t, p)
		require.NotContains(t, strings.ToLower(err.Error()), "memlock")
		require.NotContains(t, err.Error(), "\n")
		t.Log(err)
	}
}
