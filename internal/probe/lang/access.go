// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"cmp"
	"fmt"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// readable are the structs whose members a probe may read, with the permission for raw members. Structs that lie within one of
// them belong to it. What holds secrets, or the contents of processes, is not among them.
var readable = set(
	// sockets
	"sock", "sock_common", "inet_sock", "inet_connection_sock", "tcp_sock", "udp_sock", "raw_sock", "inet_request_sock",
	"tcp_request_sock", "request_sock", "request_sock_queue", "inet_timewait_sock", "tcp_timewait_sock", "socket", "socket_wq",
	"proto", "proto_ops", "sock_reuseport", "inet_bind_bucket", "tcp_congestion_ops", "unix_sock",
	"netlink_sock", "mptcp_sock", "mptcp_subflow_context", "sockaddr", "sockaddr_in", "sockaddr_in6", "in_addr", "in6_addr",
	"msghdr", "flowi", "flowi4", "flowi6", "flowi_common", "net_protocol",
	// packets and their headers
	"sk_buff", "sk_buff_head", "skb_shared_info", "skb_ext", "ethhdr", "vlan_hdr", "arphdr", "iphdr", "ipv6hdr", "tcphdr", "udphdr",
	"icmphdr", "icmp6hdr", "sctphdr", "xdp_buff", "xdp_frame", "xdp_rxq_info", "bpf_sock", "bpf_sock_addr", "__sk_buff",
	// devices, queues, routes
	"net", "net_device", "netdev_queue", "netdev_rx_queue", "net_device_ops", "napi_struct", "softnet_data", "Qdisc", "Qdisc_ops",
	"qdisc_size_table", "dst_entry", "dst_ops", "rtable", "rt6_info", "fib_info", "fib_nh", "fib_result", "neighbour", "neigh_table",
	"neigh_parms", "inet_skb_parm", "ifmcaddr6", "in_device", "inet6_dev", "nf_conn", "nf_conntrack_tuple", "nf_conntrack_tuple_hash",
	"nf_hook_state", "nf_queue_entry", "ip_vs_conn", "sk_psock", "tcp_skb_cb", "bpf_prog", "bpf_prog_aux", "bpf_map",
	// who runs, where
	"task_struct", "cgroup", "kernfs_node", "css_set", "cgroup_subsys_state", "nsproxy", "pid", "upid", "pid_namespace", "uts_namespace",
	"new_utsname", "signal_struct", "sched_entity", "sched_info", "rq", "cpumask", "softirq_action", "irqaction", "irq_desc", "hrtimer",
	"timer_list", "work_struct", "workqueue_struct", "pool_workqueue", "worker", "linux_binprm",
	// files, as far as they name something
	"file", "path", "dentry", "inode", "super_block", "file_system_type", "qstr", "block_device", "gendisk", "request", "request_queue",
	"bio", "kiocb", "vfsmount",
	// what calls an iterator
	"bpf_iter_meta", "seq_file",
)

// secret are structs with what nobody should read in passing, and why.
var secret = map[string]string{
	"cred": "credentials", "key": "keys", "keyring": "keys", "key_type": "keys", "user_struct": "credentials", "user_namespace": "credentials",
	"mm_struct": "the memory of processes", "vm_area_struct": "the memory of processes", "page": "the memory of processes",
	"folio": "the memory of processes", "tls_context": "keys", "crypto_tfm": "keys", "aead_request": "keys", "xfrm_state": "keys",
	"tcp_md5sig_info": "keys", "tcp_md5sig_key": "keys", "tcp_ao_info": "keys", "tcp_ao_key": "keys", "tcp_fastopen_context": "keys", "thread_struct": "the registers of processes", "wg_device": "keys",
	"seccomp": "what a process is held to", "audit_context": "the audit", "files_struct": "the files of processes",
}

// secretParts are beginnings of the names of structs with secrets.
var secretParts = map[string]string{
	"crypto_": "keys", "tls_": "keys", "key_": "keys", "aead_": "keys", "shash_": "keys", "skcipher_": "keys", "fscrypt_": "keys",
	"tcp_md5sig": "keys", "tcp_ao_": "keys", "wg_": "keys", "security_": "security labels", "selinux_": "security labels",
	"apparmor_": "security labels",
}

// secretMembers are members of readable structs that are not.
var secretMembers = map[string]string{
	"stack_canary": "a secret of the kernel", "hash_mix": "a secret of the kernel", "i_crypt_info": "keys",
	"sk_security": "security labels", "security": "security labels", "i_security": "security labels", "f_security": "security labels",
	"tcp_fastopen_ctx": "keys", "syncookie": "keys", "secpath": "keys", "cred": "credentials",
	"task_struct.stack": "the kernel's stack", "linux_binprm.buf": "the contents of files", "seq_file.buf": "the contents of files",
}

func set(names ...string) map[string]bool {
	s := make(map[string]bool, len(names))
	for _, name := range names {
		s[name] = true
	}
	return s
}

// allowed tells whether a probe may look into a struct behind a pointer, and notes that it did.
func (c *checker) allowed(e ast.Expr, t types.Type, member string) *Problem {
	if c.inside != nil || c.asking {
		return nil
	}
	if why := secrecy(t.Name); why != "" {
		return c.problem(e, fmt.Sprintf("struct %s is not for probes: it holds %s", t.Name, why), "")
	}
	if !c.target.Raw {
		return c.problem(e, fmt.Sprintf("%s.%s is a raw member, which needs a permission of its own", structName(t), member),
			c.elsewhere(t, member))
	}
	if t.Name != "" && !readable[t.Name] && !strings.HasPrefix(t.Name, types.IteratorPrefix) {
		return c.problem(e, fmt.Sprintf("struct %s is not among those that a probe may read", t.Name), c.viewOf(t))
	}
	c.probe.Raw = true
	return nil
}

// allowedMember tells whether a probe may read a member of a struct.
func (c *checker) allowedMember(e ast.Expr, t types.Type, name string, typ types.Type) *Problem {
	if c.inside != nil {
		return nil
	}
	why := cmp.Or(secretMembers[name], secretMembers[t.Name+"."+name])
	if why == "" && (typ.Kind == types.Struct || typ.Kind == types.Union) {
		why = secrecy(typ.Name)
	}
	if why == "" {
		return nil
	}
	return c.problem(e, fmt.Sprintf("%s.%s is not for probes: it holds %s", structName(t), name, why), "")
}

// secrecy is why a struct is not for probes, empty for others.
func secrecy(name string) string {
	if why := secret[name]; why != "" {
		return why
	}
	for part, why := range secretParts {
		if strings.HasPrefix(name, part) {
			return why
		}
	}
	return ""
}
