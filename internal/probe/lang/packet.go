// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// packetSizes are packet.u8(n) and its like.
var packetSizes = map[string]int{"u8": 1, "u16": 2, "u32": 4}

// packetNumber is a number in a packet, some bytes behind where the network header begins.
func (c *checker) packetNumber(e ast.Expr, size int, arguments []ast.Expr) (value, *Problem) {
	if len(arguments) != 1 {
		return value{}, c.problem(e, "one offset is wanted here", "packet.u16(packet.payload + 2)")
	}
	n, problem := c.plain(arguments[0])
	if problem != nil {
		return n, problem
	}
	if !n.numeric() {
		return n, c.problem(arguments[0], fmt.Sprintf("an offset is a number, not %s", article(&n)), "packet.u16(packet.payload + 2)")
	}
	return c.packetAt(e, n, size, ir.Type{Kind: ir.Int}), nil
}

// packetAt reads at an offset; what is constant of that goes into the load.
func (c *checker) packetAt(e ast.Expr, n value, size int, typ ir.Type) value {
	load := ir.Load{Offset: int(c.networkOffset()), Size: size, BigEndian: size > 1 && typ.Kind != ir.IP, Path: "packet"}
	return scalarValue(c.make(e, ir.Expr{Op: ir.OpPacket, Type: typ, Args: []*ir.Expr{n.expr}, Load: load}))
}

func packetRead(size int) func(*checker, ast.Expr, []ast.Expr) (value, *Problem) {
	return func(c *checker, e ast.Expr, arguments []ast.Expr) (value, *Problem) {
		return c.packetNumber(e, size, arguments)
	}
}

func packetAddress(size int) func(*checker, ast.Expr, []ast.Expr) (value, *Problem) {
	return func(c *checker, e ast.Expr, arguments []ast.Expr) (value, *Problem) {
		n, problem := c.plain(arguments[0])
		if problem != nil {
			return n, problem
		}
		return c.packetAt(e, n, size, ir.Type{Kind: ir.IP}), nil
	}
}

// withPorts holds for protocols whose headers begin with two ports.
const withPorts = "(l4 == IPPROTO_TCP || l4 == IPPROTO_UDP)"

// packetView is packet, in tcx and in cgroup ingress and egress. Offsets are counted from where the network header begins. Extension
// headers of version 6 are not passed over, and of a fragmented packet only the first part has ports.
var packetView = &view{
	name: "packet", about: "the packet, in hooks of packets",
	fields: []field{
		{name: "len", text: "self.len", hint: ir.Size, about: "bytes, with the headers that the hook sees"},
		{name: "ethertype", text: "ntohs(self.protocol)", enum: "ethertype", about: "ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, …"},
		{name: "ifindex", text: "self.ifindex", about: "the interface"},
		{name: "mark", text: "self.mark", hint: ir.Hex, about: "the packet's mark"},
		{name: "queue", text: "self.queue_mapping", about: "the queue of the interface"},
		{name: "priority", text: "self.priority", about: "the packet's priority"},
		{name: "v4", text: "ethertype == ETH_P_IP"},
		{name: "v6", text: "ethertype == ETH_P_IPV6"},
		{
			name: "family", enum: "address_family", about: "AF_INET or AF_INET6; fails for what is no IP",
			text: "v4 ? AF_INET : guard(v6, AF_INET6)",
		},
		{name: "saddr", text: "v4 ? packetIP4(12) : guard(v6, packetIP6(8))", about: "the sender's address"},
		{name: "daddr", text: "v4 ? packetIP4(16) : guard(v6, packetIP6(24))", about: "the receiver's address"},
		{name: "l4", text: "v4 ? packet8(9) : guard(v6, packet8(6))", enum: "ip_protocol", about: "IPPROTO_TCP, IPPROTO_UDP, …"},
		{name: "ttl", text: "v4 ? packet8(8) : guard(v6, packet8(7))", about: "how many hops are left"},
		{
			name: "transport", about: "where the transport header begins; fails for later fragments",
			text: "v4 ? guard(bitAnd(packet16(6), 0x1fff) == 0, bitAnd(packet8(0), 15) * 4) : guard(v6, 40)",
		},
		{name: "sport", text: "packet16(guard(" + withPorts + ", transport))", hint: ir.Port, about: "the sender's port, of TCP and UDP"},
		{name: "dport", text: "packet16(guard(" + withPorts + ", transport) + 2)", hint: ir.Port, about: "the receiver's port, of TCP and UDP"},
		{name: "tcp_flags", text: "packet8(guard(l4 == IPPROTO_TCP, transport) + 13)", hint: ir.Hex, about: "FIN 1, SYN 2, RST 4, PSH 8, ACK 16, …"},
		{name: "tcp_seq", text: "packet32(guard(l4 == IPPROTO_TCP, transport) + 4)", about: "TCP's sequence number"},
		{
			name: "payload", about: "where the data behind TCP's or UDP's header begins",
			text: "l4 == IPPROTO_UDP ? transport + 8 : transport + bitShiftRight(packet8(guard(l4 == IPPROTO_TCP, transport) + 12), 4) * 4",
		},
	},
}

// packetPointerView is skb(skb). Where headers lie is told by the buffer; one that has none yet fails.
var packetPointerView = &view{
	name: "skb", of: "sk_buff", about: "a packet in the kernel; addresses and ports fail where its headers are not there yet",
	fields: []field{
		{name: "len", text: "self.len", hint: ir.Size, about: "bytes, with the headers that are there now"},
		{name: "truesize", text: "self.truesize", hint: ir.Size, about: "memory that it takes"},
		{name: "ethertype", text: "self.protocol", enum: "ethertype", about: "ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, …"},
		{name: "protocol", text: "self.protocol", enum: "ethertype", about: "the same"},
		{name: "ifindex", text: "self.dev.ifindex", about: "the interface; fails where there is none"},
		{name: "ifname", text: "self.dev.name", about: "its name"},
		{name: "iif", text: "self.skb_iif", about: "the interface that it came in by, 0 for none"},
		{name: "netns", text: "self.dev.nd_net.net.ns.inum", about: "the network namespace's number"},
		{name: "mark", text: "self.mark", hint: ir.Hex, about: "the packet's mark"},
		{name: "hash", text: "self.hash", hint: ir.Hex, about: "the flow's hash, 0 if not computed"},
		{name: "priority", text: "self.priority", about: "the packet's priority"},
		{name: "queue", text: "self.queue_mapping", about: "the queue of the interface"},
		{name: "segments", text: "at(skb_shared_info, self.head, self.end).gso_segs", about: "how many segments it stands for, 0 for one"},
		{name: "has_socket", text: "self.sk != null", about: "it belongs to a socket: sock(skb(skb).sk)"},
		{name: "sk", text: "self.sk", about: "the socket, or null"},
		{
			name: "network", about: "where the network header begins, behind the buffer's head",
			text: "guard(self.network_header > 0, self.network_header)",
		},
		{name: "v4", text: ipVersion + " == 4"},
		{name: "v6", text: ipVersion + " == 6"},
		{
			name: "family", enum: "address_family", about: "AF_INET or AF_INET6; fails for what is no IP",
			text: "v4 ? AF_INET : guard(v6, AF_INET6)",
		},
		{name: "saddr", text: "v4 ? ip(" + ip4Header + ".saddr) : guard(v6, ip(" + ip6Header + ".saddr))", about: "the sender's address"},
		{name: "daddr", text: "v4 ? ip(" + ip4Header + ".daddr) : guard(v6, ip(" + ip6Header + ".daddr))", about: "the receiver's address"},
		{name: "l4", text: "v4 ? " + ip4Header + ".protocol : guard(v6, " + ip6Header + ".nexthdr)", enum: "ip_protocol", about: "IPPROTO_TCP, …"},
		{name: "ttl", text: "v4 ? " + ip4Header + ".ttl : guard(v6, " + ip6Header + ".hop_limit)", about: "how many hops are left"},
		{
			name: "transport", about: "where the transport header begins, behind the buffer's head; fails for later fragments",
			text: "v4 ? guard(bitAnd(" + ip4Header + ".frag_off, 0x1fff) == 0, network + " + ip4Header + ".ihl * 4) : guard(v6, network + 40)",
		},
		{name: "sport", text: "at(udphdr, self.head, guard(" + withPorts + ", transport)).source", hint: ir.Port, about: "the sender's port, of TCP and UDP"},
		{name: "dport", text: "at(udphdr, self.head, guard(" + withPorts + ", transport)).dest", hint: ir.Port, about: "the receiver's port, of TCP and UDP"},
		{
			name: "tcp_flags", hint: ir.Hex, about: "FIN 1, SYN 2, RST 4, PSH 8, ACK 16, …",
			text: "peek(at(tcphdr, self.head, guard(l4 == IPPROTO_TCP, transport)), 13)",
		},
		{name: "tcp_seq", text: "at(tcphdr, self.head, guard(l4 == IPPROTO_TCP, transport)).seq", about: "TCP's sequence number"},
		{name: "smac", text: "mac(" + ethHeader + ".h_source)", about: "the sender's hardware address; fails where there is none"},
		{name: "dmac", text: "mac(" + ethHeader + ".h_dest)", about: "the receiver's hardware address; fails where there is none"},
		{name: "owner", text: ownerPacket, hint: ir.Owner, about: "who holds its socket, else its interface's network namespace"},
	},
}

// Headers of a packet in the kernel.
const (
	ip4Header = "at(iphdr, self.head, network)"
	ethHeader = "at(ethhdr, self.head, guard(self.mac_header < 0xffff && self.mac_header < self.network_header, self.mac_header))"
	ip6Header = "at(ipv6hdr, self.head, network)"
	ipVersion = "bitShiftRight(peek(" + ip4Header + ", 0), 4)"
)
