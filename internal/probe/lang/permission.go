// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// needsRaw refuses what tells more than the views where there is no permission for raw members, and notes that it was used.
func (c *checker) needsRaw(e ast.Expr, what, hint string) *Problem {
	if c.inside != nil || c.asking {
		return nil
	}
	if !c.target.Raw {
		return c.problem(e, what+" needs the permission for raw members", hint)
	}
	c.probe.Raw = true
	return nil
}

// unveiled refuses to make a number of an address, which would tell where the kernel lies in memory.
func (c *checker) unveiled(e ast.Expr, v value) *Problem {
	if !v.pointer() {
		return nil
	}
	return c.needsRaw(e, "an address as a number", "pointers compare with each other and with null, are counted by distinct, and are keys of pairs")
}

// named refuses names for addresses that are of no code, which would be shown as numbers, or that are computed with.
func (c *checker) named(e ast.Expr, v value) *Problem {
	if !v.pointer() || v.kernel.Kind != types.Struct && v.kernel.Kind != types.Union && e.ID() == c.text.root.ID() {
		return nil
	}
	return c.unveiled(e, v)
}

// headers are the structs that bytes may be taken for.
var headers = set("ethhdr", "vlan_hdr", "arphdr", "iphdr", "ipv6hdr", "tcphdr", "udphdr", "icmphdr", "icmp6hdr", "sctphdr")

// takeable refuses to take what a probe may not read for something that it may.
func (c *checker) takeable(e ast.Expr, from types.Type, name string) *Problem {
	if c.inside != nil {
		return nil
	}
	switch from.Kind {
	case types.Struct, types.Union:
		if why := secrecy(from.Name); why != "" {
			return c.problem(e, fmt.Sprintf("struct %s is not for probes: it holds %s", from.Name, why), "")
		}
		if from.Name != "" && !readable[from.Name] {
			return c.problem(e, fmt.Sprintf("struct %s is not among those that a probe may read", from.Name), "")
		}
	case types.Int, types.Char:
		if !headers[name] {
			return c.problem(e, fmt.Sprintf("bytes can be taken for a packet's header, not for struct %s", name), "")
		}
	}
	return nil
}
