// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// slot is the number of bytes of an argument in a context.
const slot = 8

// tracepoint gives a BTF or raw tracepoint its arguments: one slot each.
func (c *compiler) tracepoint(s *site) *Problem {
	if _, name, ok := strings.Cut(s.hook.Target, "/"); ok {
		s.hook.Target = name
	}
	arguments, ok := c.kernel.Tracepoint(s.hook.Target)
	if !ok {
		return &Problem{
			Message: fmt.Sprintf("this kernel has no tracepoint %s", s.hook.Target),
			Hint:    nearest(s.hook.Target, c.all(c.kernel.Tracepoints)),
		}
	}
	s.slots(arguments)
	return nil
}

// slots lays out arguments in slots; a struct that is handed over by value takes two or more, and cannot be read.
func (s *site) slots(arguments []types.Argument) {
	at := 0
	for _, given := range arguments {
		a := argument{name: given.Name, typ: given.Type, offset: at}
		if given.Type.Kind == types.Struct || given.Type.Kind == types.Union || given.Type.Kind == types.Other {
			a.refused = "it is a whole struct"
			at += max(slot, (given.Type.Size+slot-1)/slot*slot)
		} else {
			at += slot
		}
		a.refine()
		s.arguments = append(s.arguments, a)
	}
}

// refine says what arguments of some names are, which the kernel's types do not.
func (a *argument) refine() {
	if a.typ.Kind != types.Int {
		return
	}
	switch a.name {
	case "oldstate", "newstate":
		a.enum = "tcp_state"
	case "nud_state":
		a.enum = "neighbour_state"
	case "vec_nr":
		a.enum = "softirq"
	case "family":
		a.enum = "address_family"
	case "sport", "dport":
		a.hint = ir.Port
	}
}

// trampoline gives the call or the return of a function its arguments and, at the return, what it returns.
func (c *compiler) trampoline(s *site) *Problem {
	f, problem := c.functionNamed(s.hook.Target)
	if problem != nil {
		return problem
	}
	s.slots(f.Arguments)
	if s.hook.Kind != ir.Exit {
		return nil
	}
	end := 0
	if n := len(s.arguments); n > 0 {
		last := &s.arguments[n-1]
		end = last.offset + max(slot, (last.typ.Size+slot-1)/slot*slot)
	}
	s.result(f.Return, end)
	return nil
}

// result adds what a function returns.
func (s *site) result(typ types.Type, offset int) {
	a := argument{name: "ret", typ: typ, offset: offset}
	switch typ.Kind {
	case types.Void:
		a.refused = "the function returns nothing"
	case types.Struct, types.Union, types.Other:
		a.refused = "it is a whole struct"
	}
	s.arguments = append(s.arguments, a)
}

func (c *compiler) functionNamed(name string) (*types.Function, *Problem) {
	f, ok := c.kernel.Function(name)
	if !ok {
		hint := nearest(name, c.all(c.kernel.Functions))
		if hint == "" {
			hint = "a function that the compiler put into its callers cannot be hooked, and modules' functions are not known"
		}
		return nil, &Problem{Message: fmt.Sprintf("this kernel's types have no function %s", name), Hint: hint}
	}
	return f, nil
}

// passed are the offsets in pt_regs of what passes arguments, and of what returns a value.
var passed = map[string]struct {
	arguments []int
	result    int
}{
	"amd64": {arguments: []int{112, 104, 96, 88, 72, 64}, result: 80},
	"arm64": {arguments: []int{0, 8, 16, 24, 32, 40, 48, 56}, result: 0},
}

// registers gives kprobes and uprobes their arguments out of the registers.
func (c *compiler) registers(s *site) *Problem {
	abi, ok := passed[c.target.Arch]
	if !ok {
		return &Problem{Message: fmt.Sprintf("the registers of %q are not known", c.target.Arch), Hint: "amd64 and arm64 are"}
	}
	if s.hook.Kind == ir.Uprobe || s.hook.Kind == ir.Uretprobe {
		s.userRegisters(abi.arguments, abi.result)
		return nil
	}
	f, problem := c.functionNamed(s.hook.Target)
	if problem != nil {
		return problem
	}
	if s.hook.Kind == ir.Kretprobe {
		s.result(f.Return, abi.result)
		return nil
	}
	for i, given := range f.Arguments {
		a := argument{name: given.Name, typ: given.Type}
		switch {
		case i >= len(abi.arguments):
			a.refused = "it is not in a register"
		case given.Type.Kind == types.Struct || given.Type.Kind == types.Union || given.Type.Kind == types.Other:
			a.refused = "it is a whole struct"
		default:
			a.offset = abi.arguments[i]
		}
		s.arguments = append(s.arguments, a)
		if a.refused == "it is a whole struct" {
			// Those behind it are in other registers than their place says.
			for _, rest := range f.Arguments[i+1:] {
				s.arguments = append(s.arguments, argument{name: rest.Name, typ: rest.Type, refused: "it stands behind a whole struct"})
			}
			return nil
		}
	}
	return nil
}

// userRegisters are arg0 to arg5, or ret: nothing says what types they have.
func (s *site) userRegisters(arguments []int, result int) {
	word := types.Type{Kind: types.Int, Size: slot, Name: "unsigned long"}
	if s.hook.Kind == ir.Uretprobe {
		s.arguments = []argument{{name: "ret", typ: word, offset: result}}
		return
	}
	for i, offset := range arguments[:6] {
		s.arguments = append(s.arguments, argument{name: fmt.Sprintf("arg%d", i), typ: word, offset: offset})
	}
}

// iterator gives an iterator the members of its context.
func (c *compiler) iterator(s *site) *Problem {
	context, ok := c.kernel.Struct(types.IteratorPrefix + s.hook.Target)
	if !ok {
		return &Problem{
			Message: fmt.Sprintf("this kernel has no iterator %s", s.hook.Target),
			Hint:    nearest(s.hook.Target, c.all(c.kernel.Iterators)),
		}
	}
	for _, name := range c.kernel.Members(context) {
		m, ok := c.kernel.Member(context, name)
		if !ok {
			continue
		}
		a := argument{name: name, typ: m.Type, offset: m.Offset}
		if name == "task" && c.kernel.Elem(m.Type).Name == taskView.of {
			a.over = taskView
		}
		s.arguments = append(s.arguments, a)
		if strings.HasSuffix(name, "_sk") || name == "sk_common" {
			a.name, a.path = "sk", name
			s.arguments = append(s.arguments, a)
		}
	}
	return nil
}

// Attach points of cgroups, by what their context is.
var (
	packetPoints = []string{"ingress", "egress"}
	addrPoints   = []string{
		"bind4", "bind6", "connect4", "connect6", "sendmsg4", "sendmsg6", "recvmsg4", "recvmsg6", "getpeername4", "getpeername6",
		"getsockname4", "getsockname6",
	}
)

// packetHook gives hooks in a packet's or a socket call's way their context.
func (c *compiler) packetHook(s *site) *Problem {
	v, context, name := packetView, "__sk_buff", "packet"
	if s.hook.Kind == ir.TCX {
		if !slices.Contains(packetPoints, s.hook.Direction) {
			return &Problem{Message: fmt.Sprintf("no direction is called %q", s.hook.Direction), Hint: "ingress or egress"}
		}
	} else {
		switch target := s.hook.Target; {
		case slices.Contains(packetPoints, target):
		case slices.Contains(addrPoints, target):
			v, context, name = addrView, "bpf_sock_addr", "ctx"
			if strings.HasSuffix(target, "6") {
				v = addr6View
			}
		default:
			all := slices.Concat(packetPoints, addrPoints)
			return &Problem{Message: fmt.Sprintf("no attach point of cgroups is called %q", target), Hint: "there are: " + strings.Join(all, ", ")}
		}
	}
	t, ok := c.kernel.Struct(context)
	if !ok {
		return &Problem{Message: fmt.Sprintf("this kernel's types have no %s", context)}
	}
	s.arguments = []argument{{name: name, typ: t, view: v}}
	return nil
}

// record gives a tracepoint the members of its record: from tracefs, which knows records by the event, or else from the
// kernel's types, which know them by the class of events.
func (c *compiler) record(s *site) *Problem {
	category, name, ok := strings.Cut(s.hook.Target, "/")
	if !ok {
		return &Problem{Message: "its category is missing", Hint: "for instance sock/inet_sock_set_state"}
	}
	if c.target.Formats != nil {
		if format, err := c.target.Formats(category, name); err == nil && format != nil {
			for _, f := range format.Fields {
				c.field(s, c.kernel.FormatMember(f))
			}
			return nil
		}
	}
	t, ok := c.kernel.Struct("trace_event_raw_" + name)
	if !ok {
		return &Problem{
			Message: fmt.Sprintf("nothing is known of the record of tracepoint %s", s.hook.Target),
			Hint:    "is there /sys/kernel/tracing/events/" + s.hook.Target + "/format? event and tp_btf need none",
		}
	}
	for _, member := range c.kernel.Members(t) {
		if m, ok := c.kernel.Member(t, member); ok && member != "ent" && member != "__data" {
			c.field(s, m)
		}
	}
	return nil
}

// field adds a member of a tracepoint's record. Records do not say that addresses of sockets and packets are such.
func (c *compiler) field(s *site, m types.Member) {
	a := argument{name: m.Name, typ: m.Type, offset: m.Offset}
	if m.Type.Kind == types.Pointer && c.kernel.Elem(m.Type).Kind == types.Void {
		switch m.Name {
		case "skaddr":
			a.typ = c.kernel.PointerTo("sock")
		case "skbaddr":
			a.typ = c.kernel.PointerTo("sk_buff")
		}
	}
	if rest, ok := strings.CutPrefix(m.Name, "__data_loc_"); ok {
		a.name, a.text = rest, true
	} else if rest, ok := strings.CutPrefix(m.Name, "__rel_loc_"); ok {
		a.name, a.text, a.relative = rest, true, true
	} else if strings.HasPrefix(m.Name, "common_") {
		return
	}
	a.refine()
	s.arguments = append(s.arguments, a)
}

// stringSize is how many bytes a text has that is read from memory, if nothing else is said.
const stringSize = 64

// recordText is a text in a tracepoint's record: its offset is in the lower half of a number of the record.
func (c *checker) recordText(e ast.Expr, a argument) (value, *Problem) {
	unsigned := ir.Type{Kind: ir.Uint}
	where := c.make(e, ir.Expr{Op: ir.OpContext, Type: unsigned, Load: ir.Load{Offset: a.offset, Size: 4, Path: a.name}})
	offset := c.binary(e, ir.OpBitAnd, unsigned, where, c.number(e, unsigned, 0xffff))
	if a.relative {
		offset = c.binary(e, ir.OpAdd, unsigned, offset, c.number(e, unsigned, uint64(a.offset)+4))
	}
	record := c.make(e, ir.Expr{Op: ir.OpRecord, Type: ir.Type{Kind: ir.Pointer}})
	address := c.binary(e, ir.OpAdd, unsigned, c.unary(e, ir.OpConvert, unsigned, record), offset)
	pointer := c.unary(e, ir.OpConvert, ir.Type{Kind: ir.Pointer}, address)
	typ := ir.Type{Kind: ir.Text, Size: stringSize}
	return scalarValue(c.make(e, ir.Expr{Op: ir.OpString, Type: typ, Args: []*ir.Expr{pointer}})), nil
}
