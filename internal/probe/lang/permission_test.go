// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

const dropped = "event:kfree_skb"

// permissions are texts, and what they need: nothing, the permission for raw members, or what nobody gets.
var permissions = []struct {
	hook, text string
	needs      string
}{
	{dropped, "skb == null", ""},
	{dropped, "skb != skb", ""},
	{dropped, "bool(skb)", ""},
	{dropped, "ksym(location)", ""},
	{dropped, "skb", "raw"},
	{dropped, "location", "raw"},
	{dropped, "skb(skb).sk", "raw"},
	{dropped, "uint(skb)", "raw"},
	{dropped, "int(skb)", "raw"},
	{dropped, "int(uint(skb)) > 5", "raw"},
	{dropped, "bitAnd(uint(location), 255u)", "raw"},
	{dropped, "ksym(skb)", "raw"},
	{dropped, "ksym(location) + 0u", "raw"},
	{dropped, "int(ksym(location))", "raw"},
	{dropped, "ksym(location) > 5u", "raw"},
	{dropped, "skb(location).len", "raw"},
	{dropped, "task(location).comm", "raw"},
	{dropped, "sock(location).saddr", "raw"},
	{dropped, "ustring(location)", "raw"},
	{"uprobe:/lib/libc.so.6:getaddrinfo", "ustring(arg0)", "raw"},
	{dropped, "skb.sk.sk_socket.file.f_cred", "never"},
	{dropped, "struct.iphdr(skb.data).ttl", "raw"},
	{dropped, "struct.new_utsname(skb.data).sysname", "never"},
	{dropped, "struct.new_utsname(skb.head).sysname", "never"},
	{dropped, "struct.new_utsname(skb.sk.sk_peer_cred).sysname", "never"},
	{dropped, "struct.tcp_sock(skb.sk.sk_peer_cred).srtt_us", "never"},
	{dropped, "struct.new_utsname(struct.task_struct(location).mm).sysname", "never"},
	{dropped, "struct.new_utsname(struct.task_struct(location).fs).sysname", "never"},
	{dropped, "struct.new_utsname(struct.task_struct(location).stack).sysname", "never"},
	{dropped, "struct.task_struct(location).thread.sp", "never"},
	{dropped, "struct.tcp_fastopen_context(location).key[0].key[0]", "never"},
	{dropped, "struct.tcp_fastopen_context(location).num", "never"},
	{dropped, "string(struct.seq_file(location).buf)", "never"},
	{dropped, "struct.linux_binprm(location).buf", "never"},
}

// TestCompile_tellsNoMoreThanIsAllowed holds what is to be had with which permission.
func TestCompile_tellsNoMoreThanIsAllowed(t *testing.T) {
	for _, row := range permissions {
		t.Run(row.text, func(t *testing.T) {
			for _, raw := range []bool{false, true} {
				target := testTarget(t)
				target.Raw = raw
				p := hooked(row.hook)
				p.Emit = []spec.Named{column(row.text)}
				made, err := Compile(p, target)
				if row.needs == "never" || row.needs == "raw" && !raw {
					require.Error(t, err)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, row.needs == "raw", made.Raw)
			}
		})
	}
}

// TestCompile_keepsAddressesOfPairs holds that pointers tell starts and ends apart without a permission, but are not shown.
func TestCompile_keepsAddressesOfPairs(t *testing.T) {
	target := testTarget(t)
	target.Raw = false
	p := hooked(state)
	p.Pair = &spec.Pair{Starts: p.Hooks, StartKey: written("sk"), Keep: []spec.Named{{Name: "socket", Expression: written("sk")}}}
	p.Where = written("start.socket == sk")
	p.Measure = []spec.Named{{Name: "sockets", Expression: written("distinct(sk)")}}
	_, err := Compile(p, target)
	require.NoError(t, err)
	p.Emit = []spec.Named{column("start.socket")}
	_, err = Compile(p, target)
	require.ErrorContains(t, err, "permission")
}
