// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/identity/local"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// newResolver runs a resolver until the test ends.
func newResolver(t testing.TB) *local.Resolver {
	t.Helper()
	testkit.RequireRoot(t)
	r, err := local.New(local.Config{Node: "here", Runtimes: []local.RuntimeSocket{}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return r
}

// nameNamespace makes a namespace that `ip netns` knows.
func nameNamespace(t testing.TB, name string) *netlink.Namespace {
	t.Helper()
	testkit.RequireRoot(t)
	output, err := exec.Command("ip", "netns", "add", name).CombinedOutput()
	require.NoError(t, err, string(output))
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", name).Run() })
	n, err := netlink.OpenPath("/run/netns/" + name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	require.NoError(t, n.SetUp("lo"))
	return n
}

// inScope waits until a probe knows of so many owners.
func inScope(t testing.TB, p *Probe, n int) Members {
	t.Helper()
	var m Members
	testkit.Eventually(t, patience, func() string {
		if m = p.Status().Members; len(m.Owners) != n {
			return fmt.Sprintf("%d are in scope instead of %d: %+v", len(m.Owners), n, m)
		}
		return ""
	})
	return m
}

// TestScopeFollows: a probe sees nobody where nobody is in scope, then whoever comes, and nobody else.
func TestScopeFollows(t *testing.T) {
	config := compile(t, `
  hook: {tp_btf: inet_sock_set_state}
  scope: {workload: aeo-scope-*}
  where: newstate == TCP_SYN_SENT
  by: [sock(sk).netns]
  measure: {opens: count()}
`)
	config.Owners = LocalOwners(newResolver(t))
	p := begin(t, config)
	require.Empty(t, p.Status().Members.Owners)
	require.Contains(t, p.Status().Members.Notes[0], "nobody is in scope")
	connect(t, 5)
	s, err := p.Rows()
	require.NoError(t, err)
	require.Empty(t, s.Rows, "an empty scope matches nothing")

	one, other := nameNamespace(t, "aeo-scope-one"), newNamespace(t)
	m := inScope(t, p, 1)
	require.Equal(t, []string{"aeo-scope-one"}, m.Workloads)
	connectIn(t, one, 3)
	connectIn(t, other, 7)
	s, err = p.Rows()
	require.NoError(t, err)
	require.Len(t, s.Rows, 1)
	require.EqualValues(t, 3, inNamespace(s, one.Inode()))

	two := nameNamespace(t, "aeo-scope-two")
	inScope(t, p, 2)
	connectIn(t, two, 4)
	require.NoError(t, exec.Command("ip", "netns", "delete", "aeo-scope-one").Run())
	require.NoError(t, one.Close())
	inScope(t, p, 1)
	s, err = p.Rows()
	require.NoError(t, err)
	require.EqualValues(t, 4, inNamespace(s, two.Inode()))
	require.NoError(t, exec.Command("ip", "netns", "delete", "aeo-scope-two").Run())
	require.NoError(t, two.Close())
	inScope(t, p, 0)
	require.NotEmpty(t, p.Status().Members.Notes)
	require.Equal(t, Running, p.Status().State, "others may come")
}

// TestNamespaceIsGone: a scope of one namespace that is removed while the probe runs.
func TestNamespaceIsGone(t *testing.T) {
	n := nameNamespace(t, "aeo-scope-gone")
	config := compile(t, `
  hook: {tp_btf: inet_sock_set_state}
  scope: {netns: aeo-scope-gone}
  where: newstate == TCP_SYN_SENT
  by: [sock(sk).netns]
  measure: {opens: count()}
`)
	config.Owners = LocalOwners(newResolver(t))
	p := begin(t, config)
	require.Len(t, p.Status().Members.Owners, 1)
	connectIn(t, n, 2)
	connect(t, 2)
	require.NoError(t, exec.Command("ip", "netns", "delete", "aeo-scope-gone").Run())
	m := inScope(t, p, 0)
	require.Contains(t, m.Notes[0], "aeo-scope-gone is not there")
	s, err := p.Rows()
	require.NoError(t, err)
	require.Len(t, s.Rows, 1)
	require.EqualValues(t, 2, inNamespace(s, n.Inode()))
}

// TestScopeOfAGroup: processes that move into a group are seen, and what their sockets do in it.
func TestScopeOfAGroup(t *testing.T) {
	directory, path := newGroup(t)
	config := compile(t, `
  hook: {tp_btf: inet_sock_set_state}
  scope: {cgroup: `+path+`}
  where: newstate == TCP_SYN_SENT
  by: [comm]
  measure: {opens: count()}
`)
	config.Owners = LocalOwners(newResolver(t))
	p := begin(t, config)
	inScope(t, p, 1)
	connect(t, 4)
	inGroup(t, directory, "for i in 1 2 3; do curl -s -m 1 http://127.0.0.1:1/ || true; done")
	require.NoError(t, p.Close())
	s, err := p.Rows()
	require.NoError(t, err)
	require.Len(t, s.Rows, 1)
	require.EqualValues(t, 3, s.Rows[0].Measures[0].Number)
}

func TestNobodyToAsk(t *testing.T) {
	config := compile(t, `
  hook: {tp_btf: inet_sock_set_state}
  scope: {workload: x}
  measure: {opens: count()}
`)
	_, err := Start(context.Background(), config)
	require.ErrorContains(t, err, "nobody is there to ask")
	_, err = Start(context.Background(), Config{})
	require.ErrorContains(t, err, "not compiled")
}

// TestNoTracefs: a tracepoint's record cannot be known, and the way out is said.
func TestNoTracefs(t *testing.T) {
	testkit.RequireRoot(t)
	target, err := Host(context.Background(), HostConfig{TracefsRoot: "/nonexistent"})
	require.NoError(t, err)
	_, err = target.Lang.Formats("sock", "inet_sock_set_state")
	require.ErrorIs(t, err, ErrNoTracefs)
	require.ErrorContains(t, err, "mount -t tracefs")
	for _, name := range []string{"../../etc", "a/b", ".."} {
		_, err = target.Lang.Formats("sock", name)
		require.ErrorContains(t, err, "no name")
	}
	target, err = thisHost()
	require.NoError(t, err)
	_, err = target.Lang.Formats("sock", "no_such_tracepoint")
	require.ErrorContains(t, err, "none of that name")
}
