// SPDX-License-Identifier: Apache-2.0

package lang

import "github.com/aeolus-ebpf/aeolus/internal/probe/ir"

// fullSocket holds for what is a whole struct sock: not for the small ones that stand for a handshake or for TIME_WAIT.
const fullSocket = "self.skc_state != TCP_TIME_WAIT && self.skc_state != TCP_NEW_SYN_RECV"

// fullView is what sock(…) uses for members that only whole sockets have.
var fullView = &view{name: "full", of: "sock", guard: fullSocket, from: []string{"sock_common"}}

// socketPointerView is sock(sk). It begins with what every sort of socket has.
var socketPointerView = &view{
	name: "sock", of: "sock_common", about: "a socket of any protocol; of a handshake's or TIME_WAIT's small socket, up to ifindex",
	fields: []field{
		{name: "family", text: "self.skc_family", enum: "address_family", about: "AF_INET, AF_INET6, AF_UNIX, …"},
		{name: "state", text: "self.skc_state", enum: "tcp_state", about: "TCP_ESTABLISHED, TCP_LISTEN, …; other protocols use some of them"},
		{name: "saddr", text: addressOf("self.skc_rcv_saddr", "self.skc_v6_rcv_saddr"), about: "the local address"},
		{name: "daddr", text: addressOf("self.skc_daddr", "self.skc_v6_daddr"), about: "the peer's address"},
		{name: "sport", text: localPort, hint: ir.Port, about: "the local port; also of a socket that has given it back, as closed ones do"},
		{name: "dport", text: "self.skc_dport", hint: ir.Port, about: "the peer's port"},
		{name: "netns", text: "self.skc_net.net.ns.inum", about: "the network namespace's number, as lsns shows it"},
		{name: "cookie", text: "self.skc_cookie.counter", about: "the socket's own number; 0 until somebody asked for it"},
		{name: "ifindex", text: "self.skc_bound_dev_if", about: "the interface that it is bound to, 0 for none"},
		{name: "protocol", text: "full(self).sk_protocol", enum: "ip_protocol", about: "IPPROTO_TCP, IPPROTO_UDP, …"},
		{name: "type", text: "full(self).sk_type", enum: "sock_type", about: "SOCK_STREAM, SOCK_DGRAM, …"},
		{name: "mark", text: "full(self).sk_mark", hint: ir.Hex, about: "SO_MARK"},
		{name: "priority", text: "full(self).sk_priority", about: "SO_PRIORITY"},
		{name: "error", text: "full(self).sk_err", about: "the error that the next call will return"},
		{name: "rx_queue", text: "full(self).sk_backlog.rmem_alloc.counter", hint: ir.Size, about: "memory of what waits to be read"},
		{name: "tx_queue", text: "full(self).sk_wmem_queued", hint: ir.Size, about: "memory of what waits to be sent or acknowledged"},
		{name: "rcvbuf", text: "full(self).sk_rcvbuf", hint: ir.Size, about: "how much rx_queue may be"},
		{name: "sndbuf", text: "full(self).sk_sndbuf", hint: ir.Size, about: "how much tx_queue may be"},
		{name: "drops", text: "full(self).sk_drops.counter", about: "packets that the socket did not take"},
		{name: "backlog", text: "full(self).sk_ack_backlog", about: "of a listener: connections that wait to be accepted"},
		{name: "backlog_limit", text: "full(self).sk_max_ack_backlog", about: "of a listener: how many may wait"},
		{name: "pacing_rate", text: "full(self).sk_pacing_rate", about: "bytes per second that it may send"},
		{
			name: "uid", about: "the user that made it",
			text: "full(self).sk_uid.val",
		},
		{name: "cgroup", text: socketCgroup + " != null ? " + socketCgroup + ".kn.id : 0u", about: "its v2 cgroup's number"},
		{name: "owner", text: "ownerOf(self)", hint: ir.Owner, about: "who holds it; shown as a workload"},
	},
}

// addressOf is the address of either version; a kernel may be built without the sixth.
func addressOf(v4, v6 string) string {
	return "has(" + v6 + ") ? (self.skc_family == AF_INET ? ip(" + v4 + ") : guard(self.skc_family == AF_INET6, ip(" + v6 + ")))" +
		" : guard(self.skc_family == AF_INET, ip(" + v4 + "))"
}

// localPort is 0 in skc_num once the kernel has given the port back, as it does where a connection closes that did not ask for one;
// whole sockets of the internet still say in inet_sport which one it was.
const localPort = "self.skc_num != 0 || self.skc_family != AF_INET && self.skc_family != AF_INET6 || !(" + fullSocket + ")" +
	" ? self.skc_num : cast(inet_sock, self).inet_sport"

// socketCgroup is a whole socket's v2 cgroup; before 5.15 it is in a word that v1 controllers use as well.
const socketCgroup = `(has(cast(sock, self).sk_cgrp_data.cgroup) ? full(self).sk_cgrp_data.cgroup
	: bitAnd(full(self).sk_cgrp_data.val, 1u) == 1u ? pointer(cgroup, 0u) : pointer(cgroup, bitAnd(full(self).sk_cgrp_data.val, bitNot(3u))))`

// addrView is ctx where a process gives an address: connect, bind, sendmsg; addr6View is the same for addresses of version 6, because
// the verifier refuses to read the other version's. Addresses and ports lie in network order there, in numbers that do not say so.
var addrView, addr6View = addrViewWith("address(self.user_ip4)"), addrViewWith("address(self.user_ip6)")

func addrViewWith(address string) *view {
	return &view{
		name: "ctx", about: "what a process asks for, in cgroup hooks of connect, bind and sendmsg",
		fields: []field{
			{name: "family", text: "self.user_family", enum: "address_family", about: "of the address: AF_INET or AF_INET6"},
			{name: "daddr", text: address, about: "the address that is asked for"},
			{name: "dport", text: "ntohs(self.user_port)", hint: ir.Port, about: "the port that is asked for"},
			{name: "type", text: "self.type", enum: "sock_type", about: "SOCK_STREAM, SOCK_DGRAM, …"},
			{name: "protocol", text: "self.protocol", enum: "ip_protocol", about: "IPPROTO_TCP, IPPROTO_UDP, …"},
		},
	}
}
