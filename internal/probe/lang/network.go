// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// mappedBits is by how much a version 4 prefix is longer in its mapped form.
const mappedBits = 96

func parseIP(text string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(text)
	return address, err == nil && address.Zone() == ""
}

func parseMAC(text string) ([]byte, bool) {
	address, err := net.ParseMAC(text)
	return address, err == nil && len(address) == 6
}

// parseDuration reads what Go writes; a number without a unit is none.
func parseDuration(text string) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	return d, err == nil && text != "0"
}

// literalText is the text of an argument that is a literal.
func literalText(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	text, ok := e.AsLiteral().Value().(string)
	return text, ok
}

func (c *checker) ipConstant(e ast.Expr, address netip.Addr) value {
	wide := address.As16()
	return value{expr: c.make(e, ir.Expr{Op: ir.OpConst, Type: ir.Type{Kind: ir.IP}, Wide: wide[:]})}
}

// ip is an address: written, or of a member that holds one.
func (c *checker) ip(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	if text, ok := literalText(arguments[0]); ok {
		address, ok := parseIP(text)
		if !ok {
			return value{}, c.problem(arguments[0], fmt.Sprintf("%q is no address", text), "ip('10.0.0.1'), ip('2001:db8::1'); ranges are cidr('10.0.0.0/8')")
		}
		return c.ipConstant(e, address), nil
	}
	return c.ipOf(e, arguments[0], false)
}

// ipOf is the address in a member; any says that a number need not tell that it is in network order.
func (c *checker) ipOf(e, argument ast.Expr, any bool) (value, *Problem) {
	v, problem := c.value(argument)
	if problem != nil {
		return v, problem
	}
	if v.form == place {
		if typ, ok := c.addressType(v); ok {
			return c.loadIP(e, v, typ)
		}
		return v, c.problem(argument, fmt.Sprintf("%s is no address", v.path), "struct in6_addr, __be32, and 4 or 16 bytes are")
	}
	if v.kind() == ir.IP {
		return v, nil
	}
	if v.form == plain && (v.expr.Op == ir.OpLoad || v.expr.Op == ir.OpContext || v.expr.Op == ir.OpPacket) &&
		v.expr.Load.Size == 4 && v.expr.Load.Bits == 0 && (any || v.expr.Load.BigEndian || strings.HasPrefix(v.expr.Load.Path, "bpf_sock_addr.")) {
		made := *v.expr
		made.Type = ir.Type{Kind: ir.IP}
		made.Load.BigEndian, made.Load.Signed = false, false
		return value{expr: c.make(e, made)}, nil
	}
	return v, c.problem(argument, fmt.Sprintf("%s is no address", article(&v)), "ip('10.0.0.1'), or a member: ip(sk.__sk_common.skc_daddr)")
}

// addressType tells whether what lies at a place can only be an address: 16 bytes of a struct in6_addr, or an array of 4 or 16.
func (c *checker) addressType(v value) (size int, ok bool) {
	switch {
	case v.kernel.Kind == types.Struct && (v.kernel.Name == "in6_addr" || v.kernel.Name == "in_addr"):
		return v.kernel.Size, true
	case v.kernel.Kind == types.Array && (v.kernel.Size == 4 || v.kernel.Size == 16):
		element := c.kernel.Elem(v.kernel)
		return v.kernel.Size, element.Kind == types.Int && (element.Size == 1 || v.kernel.Size == 16)
	}
	return 0, false
}

func (c *checker) loadIP(e ast.Expr, v value, size int) (value, *Problem) {
	if size != 4 && size != 16 {
		return v, c.problemf(e, "%s has not the size of an address", v.path)
	}
	load := ir.Load{Offset: v.offset, Size: size, Path: v.path}
	return value{expr: c.loadFrom(e, v.base, ir.Type{Kind: ir.IP}, load)}, nil
}

// cidr is a range of addresses.
func (c *checker) cidr(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	text, ok := literalText(arguments[0])
	if !ok {
		return value{}, c.problem(arguments[0], "a range is written as a literal", "cidr('10.0.0.0/8')")
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return value{}, c.problem(arguments[0], fmt.Sprintf("%q is no range of addresses", text), "cidr('10.0.0.0/8'), cidr('2001:db8::/32')")
	}
	if p.Masked() != p {
		return value{}, c.problem(arguments[0], fmt.Sprintf("%q has bits behind its length", text), fmt.Sprintf("cidr('%s')", p.Masked()))
	}
	wide := p.Addr().As16()
	length := p.Bits()
	if p.Addr().Is4() {
		length += mappedBits
	}
	v := c.ipConstant(e, netip.AddrFrom16(wide))
	v.form, v.bits = prefix, length
	return v, nil
}

// contains tells whether an address is in a prefix.
func contains(prefix []byte, length int, address []byte) bool {
	for i := range length {
		bit := byte(0x80) >> (i % 8)
		if prefix[i/8]&bit != address[i/8]&bit {
			return false
		}
	}
	return true
}

// mac is a hardware address: written, or six bytes.
func (c *checker) mac(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	if text, ok := literalText(arguments[0]); ok {
		address, ok := parseMAC(text)
		if !ok {
			return value{}, c.problem(arguments[0], fmt.Sprintf("%q is no hardware address", text), "mac('02:00:00:00:00:01')")
		}
		return value{expr: c.make(e, ir.Expr{Op: ir.OpConst, Type: ir.Type{Kind: ir.MAC}, Wide: address})}, nil
	}
	v, problem := c.plain(arguments[0])
	if problem != nil || v.kind() == ir.MAC {
		return v, problem
	}
	if v.kind() != ir.Bytes || v.expr.Type.Size != 6 || v.expr.Op == ir.OpCond {
		return v, c.problem(arguments[0], fmt.Sprintf("%s is no hardware address", article(&v)), "mac('02:00:00:00:00:01'), or a member of six bytes")
	}
	made := *v.expr
	made.Type = ir.Type{Kind: ir.MAC}
	return value{expr: c.make(e, made)}, nil
}

// duration is a length of time.
func (c *checker) duration(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	text, ok := literalText(arguments[0])
	if !ok {
		v, problem := c.plain(arguments[0])
		if problem != nil || v.kind() == ir.Duration {
			return v, problem
		}
		return v, c.problem(arguments[0], "a duration is written as a literal", "duration('50ms'); x * duration('1us') makes one of a number")
	}
	d, ok := parseDuration(text)
	if !ok {
		return value{}, c.problem(arguments[0], fmt.Sprintf("%q is no duration", text), "for instance 250us, 50ms, 1.5s, 1m30s")
	}
	return scalarValue(c.number(e, ir.Type{Kind: ir.Duration}, uint64(d))), nil
}

func article(v *value) string {
	said := v.String()
	switch {
	case v.form != plain, strings.HasPrefix(said, "a "):
		return said
	case strings.HasPrefix(said, "bytes"):
		return said
	case strings.ContainsRune("aeiou", rune(said[0])) && !strings.HasPrefix(said, "uint"):
		return "an " + said
	}
	return "a " + said
}
