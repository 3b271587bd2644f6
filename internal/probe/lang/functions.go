// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// function is one function: how many arguments it takes, and what it makes of them.
type function struct {
	documented
	least, most int
	make        func(c *checker, e ast.Expr, arguments []ast.Expr) (value, *Problem)
}

// functionTable are the functions that people may call.
func functionTable() []function {
	return []function{
		{documented{"has(x.f)", "bool", "whether this kernel, or this hook, has it; known while compiling, so that the other branch need not exist"}, 1, 1, (*checker).has},
		{documented{"ip('10.0.0.1')", "ip", "an address; also of a member that holds one: ip(x)"}, 1, 1, (*checker).ip},
		{documented{"cidr('10.0.0.0/8')", "range", "for x in cidr('…'), the same as cidr('…').containsIP(x)"}, 1, 1, (*checker).cidr},
		{documented{"mac('02:00:00:00:00:01')", "mac", "a hardware address; also of six bytes: mac(x)"}, 1, 1, (*checker).mac},
		{documented{"duration('50ms')", "duration", "ns, us, ms, s, m, h, also together: '1m30s'"}, 1, 1, (*checker).duration},
		{documented{"enum('tcp_ca_state', x)", "as x", "the same number, shown by the names of one of the kernel's enumerations, or of the families of constants above"}, 2, 2, (*checker).enum},
		{documented{"size(x)", "int", "bytes of a text before its end, of bytes, elements of an array"}, 1, 1, (*checker).size},
		{documented{"string(p)", "string", "the kernel's text at a pointer to characters, 63 bytes of it; string(p, n) takes n-1"}, 1, 2, (*checker).kernelText},
		{documented{"ustring(p)", "string", "the running process' text at an address, 63 bytes of it; ustring(p, n) takes n-1; raw"}, 1, 2, (*checker).userText},
		{documented{"ksym(x)", "uint", "an address of kernel code, shown by its name; of a pointer it stands by itself, or is raw"}, 1, 1, (*checker).symbol},
		{documented{"stack()", "uint", "the kernel's stack, shown by its names"}, 0, 0, (*checker).stack},
		{documented{"ustack()", "uint", "the process' stack, as addresses"}, 0, 0, (*checker).userStack},
		{documented{"int(x)", "int", "the same 64 bits as a signed number; of a bool 0 or 1, of a duration nanoseconds"}, 1, 1, (*checker).toInt},
		{documented{"uint(x)", "uint", "the same 64 bits as an unsigned number; of a pointer its address, which is raw"}, 1, 1, (*checker).toUint},
		{documented{"bool(x)", "bool", "whether a number is not 0"}, 1, 1, (*checker).toBool},
		{documented{"abs(x)", "as x", "without its sign; the least number has none"}, 1, 1, (*checker).abs},
		{documented{"min(x, y)", "as x", "the lesser one"}, 2, 2, (*checker).least},
		{documented{"max(x, y)", "as x", "the greater one"}, 2, 2, (*checker).greatest},
		{documented{"log2(x)", "int", "the number of the highest bit that is set; 0 for 0"}, 1, 1, (*checker).log2},
		{documented{"ntohs(x)", "int", "the lower 16 bits with their bytes swapped"}, 1, 1, swapped(2)},
		{documented{"ntohl(x)", "int", "the lower 32 bits with their bytes swapped"}, 1, 1, swapped(4)},
		{documented{"bitAnd(x, y)", "as x", "bits that both have"}, 2, 2, bitwise(ir.OpBitAnd)},
		{documented{"bitOr(x, y)", "as x", "bits that one has"}, 2, 2, bitwise(ir.OpBitOr)},
		{documented{"bitXor(x, y)", "as x", "bits that differ"}, 2, 2, bitwise(ir.OpBitXor)},
		{documented{"bitNot(x)", "as x", "all bits turned"}, 1, 1, (*checker).bitNot},
		{documented{"bitShiftLeft(x, n)", "as x", "n from 0 to 63, or it fails"}, 2, 2, shifted(ir.OpShl)},
		{documented{"bitShiftRight(x, n)", "as x", "n from 0 to 63, or it fails; an int keeps its sign"}, 2, 2, shifted(ir.OpShr)},
	}
}

// methods are the functions that are written behind what they are about.
var methods = []documented{
	{"text.startsWith('ng')", "bool", "whether a text begins so; at most 64 bytes"},
	{"cidr('10.0.0.0/8').containsIP(x)", "bool", "whether an address is in a range"},
	{"packet.u8(n), .u16(n), .u32(n)", "int", "bytes of a packet in network order, n bytes behind where its network header begins"},
	{"struct.NAME(p)", "pointer", "takes a pointer for one to a struct, also where a view has that name; raw"},
}

// function resolves the call of a function, a view, or a struct's name.
func (c *checker) function(e ast.Expr) (value, *Problem) {
	call := e.AsCall()
	if call.IsMemberFunction() {
		return c.method(e, call)
	}
	name, arguments := call.FunctionName(), call.Args()
	if c.inside != nil {
		if make, ok := internals[name]; ok {
			return make(c, e, arguments)
		}
	}
	if f, ok := functions[name]; ok {
		if len(arguments) < f.least || len(arguments) > f.most {
			return value{}, c.problem(e, fmt.Sprintf("%s has %s, not %d", name, count(f.least, "argument"), len(arguments)), f.name+": "+f.about)
		}
		return f.make(c, e, arguments)
	}
	if v := callableView(name); v != nil {
		return c.viewCall(e, v, arguments)
	}
	if _, ok := measureKinds[name]; ok {
		return value{}, c.problem(e, name+" is a measure: it stands under spec.measure", "measure: {n: count(), total: sum(x)}")
	}
	if _, ok := c.kernel.Struct(name); ok {
		return c.structCast(e, name, arguments)
	}
	return value{}, c.unknownFunction(e, name)
}

// structCast takes a pointer for one to a struct.
func (c *checker) structCast(e ast.Expr, name string, arguments []ast.Expr) (value, *Problem) {
	whole, ok := c.kernel.Struct(name)
	if !ok {
		return value{}, c.problem(e, fmt.Sprintf("this kernel has no struct %s", name), nearest(name, c.all(c.kernel.Structs)))
	}
	if len(arguments) != 1 {
		return value{}, c.problem(e, fmt.Sprintf("%s wants one pointer", name), name+"(p)")
	}
	v, problem := c.value(arguments[0])
	if problem != nil {
		return v, problem
	}
	if v, problem = c.address(arguments[0], v); problem != nil {
		return v, problem
	}
	if !v.pointer() {
		return v, c.problemf(e, "only a pointer can be taken for one to struct %s, not %s", name, article(&v))
	}
	if problem := c.allowed(e, whole, "…"); problem != nil {
		return v, problem
	}
	if problem := c.takeable(e, v.kernel, name); problem != nil {
		return v, problem
	}
	if v.expr.Type.Struct == name {
		return v, nil
	}
	if c.begins(v.kernel, name) {
		return c.upcast(e, v, whole), nil
	}
	made := ir.Expr{Op: ir.OpCast, Type: castType(v.expr, whole), Args: []*ir.Expr{v.expr}}
	return value{expr: c.make(e, made), kernel: whole}, nil
}

// method is x.f(…).
func (c *checker) method(e ast.Expr, call ast.CallExpr) (value, *Problem) {
	name, target, arguments := call.FunctionName(), call.Target(), call.Args()
	if target.Kind() == ast.IdentKind {
		switch target.AsIdent() {
		case "struct":
			return c.structCast(e, name, arguments)
		case "math":
			if f, ok := functions[name]; ok && len(arguments) >= f.least && len(arguments) <= f.most {
				return f.make(c, e, arguments)
			}
			if _, ok := c.site.argument("math"); !ok {
				return value{}, c.unknownFunction(e, "math."+name)
			}
		}
	}
	if target.Kind() == ast.ListKind && loops(name) {
		return value{}, c.problem(e, "there is no "+name, noLoops)
	}
	v, problem := c.value(target)
	if problem != nil {
		return v, problem
	}
	if v.form == viewed && v.view == packetView && packetSizes[name] > 0 {
		return c.packetNumber(e, packetSizes[name], arguments)
	}
	if v, problem = c.load(target, v); problem != nil {
		return v, problem
	}
	switch {
	case name == "startsWith" && v.kind() == ir.Text && len(arguments) == 1:
		return c.startsWith(e, v, arguments[0])
	case name == "containsIP" && v.form == prefix && len(arguments) == 1:
		x, problem := c.plain(arguments[0])
		if problem != nil {
			return x, problem
		}
		other := value{expr: c.make(e, ir.Expr{Op: ir.OpConst, Type: ir.Type{Kind: ir.IP}, Wide: make([]byte, 16)})}
		c.adapt(arguments[0], &x, &other)
		return c.within(e, x, v)
	case name == "size" && len(arguments) == 0:
		return c.sizeOf(e, v)
	}
	return v, c.problem(e, fmt.Sprintf("%s has no function %s", article(&v), name), methodHint(&v, name))
}

const prefixLimit = 64

func (c *checker) startsWith(e ast.Expr, v value, argument ast.Expr) (value, *Problem) {
	p, problem := c.plain(argument)
	if problem != nil {
		return p, problem
	}
	if p.kind() != ir.Text || !p.constant() {
		return p, c.problem(argument, "startsWith wants a literal text", "comm.startsWith('nginx')")
	}
	wide := p.expr.Wide
	if len(wide) == 1 && wide[0] == 0 {
		return p, c.problem(argument, "every text begins with nothing", "")
	}
	if len(wide) > prefixLimit || len(wide) > room(v.expr) {
		return p, c.problemf(argument, "this never holds: the text has at most %d bytes", min(prefixLimit, room(v.expr)))
	}
	return scalarValue(c.make(e, ir.Expr{Op: ir.OpPrefix, Type: boolean, Args: []*ir.Expr{v.expr}, Wide: wide})), nil
}
