// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// constant is a number of the kernel's ABI that is no enumerator in its types, with the family that it belongs to.
type constant struct {
	value int64
	enum  string
}

// abi are such constants: they are the same in all kernels.
var abi = map[string]constant{
	"AF_UNSPEC": {0, "address_family"}, "AF_UNIX": {1, "address_family"}, "AF_INET": {2, "address_family"},
	"AF_INET6": {10, "address_family"}, "AF_NETLINK": {16, "address_family"}, "AF_PACKET": {17, "address_family"},
	"AF_VSOCK": {40, "address_family"}, "AF_XDP": {44, "address_family"},
	"IPPROTO_IP": {0, "ip_protocol"}, "IPPROTO_ICMP": {1, "ip_protocol"}, "IPPROTO_TCP": {6, "ip_protocol"},
	"IPPROTO_UDP": {17, "ip_protocol"}, "IPPROTO_DCCP": {33, "ip_protocol"}, "IPPROTO_IPV6": {41, "ip_protocol"},
	"IPPROTO_GRE": {47, "ip_protocol"}, "IPPROTO_ESP": {50, "ip_protocol"}, "IPPROTO_ICMPV6": {58, "ip_protocol"},
	"IPPROTO_SCTP": {132, "ip_protocol"}, "IPPROTO_UDPLITE": {136, "ip_protocol"}, "IPPROTO_RAW": {255, "ip_protocol"},
	"IPPROTO_MPTCP": {262, "ip_protocol"},
	"ETH_P_IP":      {0x0800, "ethertype"}, "ETH_P_ARP": {0x0806, "ethertype"}, "ETH_P_8021Q": {0x8100, "ethertype"},
	"ETH_P_8021AD": {0x88a8, "ethertype"}, "ETH_P_IPV6": {0x86dd, "ethertype"}, "ETH_P_LLDP": {0x88cc, "ethertype"},
	"SOCK_STREAM": {1, "sock_type"}, "SOCK_DGRAM": {2, "sock_type"}, "SOCK_RAW": {3, "sock_type"}, "SOCK_SEQPACKET": {5, "sock_type"},
	"TCP_FIN": {1, ""}, "TCP_SYN": {2, ""}, "TCP_RST": {4, ""}, "TCP_PSH": {8, ""}, "TCP_ACK": {16, ""}, "TCP_URG": {32, ""},
	"TCP_ECE": {64, ""}, "TCP_CWR": {128, ""},
	"NUD_NONE": {0, "neighbour_state"}, "NUD_INCOMPLETE": {1, "neighbour_state"}, "NUD_REACHABLE": {2, "neighbour_state"},
	"NUD_STALE": {4, "neighbour_state"}, "NUD_DELAY": {8, "neighbour_state"}, "NUD_PROBE": {16, "neighbour_state"},
	"NUD_FAILED": {32, "neighbour_state"}, "NUD_NOARP": {64, "neighbour_state"}, "NUD_PERMANENT": {128, "neighbour_state"},
	"EPERM": {1, ""}, "EINTR": {4, ""}, "EAGAIN": {11, ""}, "ENOMEM": {12, ""}, "EACCES": {13, ""}, "EINVAL": {22, ""}, "EPIPE": {32, ""},
	"EADDRINUSE": {98, ""}, "EADDRNOTAVAIL": {99, ""}, "ENETDOWN": {100, ""}, "ENETUNREACH": {101, ""}, "ECONNABORTED": {103, ""},
	"ECONNRESET": {104, ""}, "ENOBUFS": {105, ""}, "EISCONN": {106, ""}, "ENOTCONN": {107, ""}, "ETIMEDOUT": {110, ""},
	"ECONNREFUSED": {111, ""}, "EHOSTUNREACH": {113, ""}, "EALREADY": {114, ""}, "EINPROGRESS": {115, ""},
}

// samples are one enumerator of enumerations that have no name of their own, and how their names begin.
var samples = map[string]struct{ sample, prefix string }{
	"tcp_state":    {"TCP_ESTABLISHED", "TCP_"},
	"tcp_ca_state": {"TCP_CA_Open", "TCP_CA_"},
	"sock_type":    {"SOCK_STREAM", "SOCK_"},
	"softirq":      {"NET_RX_SOFTIRQ", ""},
}

// family notes the names of a family of numbers, and returns its name.
func (c *compiler) family(name string) string {
	if name == "" {
		return ""
	}
	if _, known := c.probe.Enums[name]; known {
		return name
	}
	made := ir.Enum{Name: name, Values: map[int64]string{}}
	for constant, n := range abi {
		if n.enum == name {
			made.Values[n.value] = constant
		}
	}
	if s, ok := samples[name]; ok {
		if sample, there := c.kernel.Enumerator(s.sample); there {
			for _, n := range c.kernel.Enumerators(sample.Enum) {
				if strings.HasPrefix(n.Name, s.prefix) && !strings.HasPrefix(n.Name, "TCP_MAX") {
					made.Values[n.Value] = n.Name
				}
			}
		}
	}
	c.probe.Enums[name] = made
	return name
}
