// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"cmp"
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// ident is a name.
func (c *checker) ident(e ast.Expr) (value, *Problem) {
	name := e.AsIdent()
	if c.measured {
		return c.measureNamed(e, name)
	}
	if c.inside != nil {
		if v, done, problem := c.insideName(e, name); done {
			return v, problem
		}
	} else if v, ok := c.site.argument(name); ok {
		return c.argument(e, v)
	}
	if v, known, problem := c.builtin(e, name); known {
		return v, problem
	}
	if v, ok := c.enumerator(e, name); ok {
		return v, nil
	}
	if n, ok := abi[name]; ok {
		return value{expr: c.number(e, ir.Type{Kind: ir.Int, Enum: c.family(n.enum)}, uint64(n.value))}, nil
	}
	if c.inside != nil {
		return value{}, c.missing(e, "this kernel has no "+name, "")
	}
	return value{}, c.unknown(e, name)
}

// argument is an argument of the hook.
func (c *checker) argument(e ast.Expr, a argument) (value, *Problem) {
	if a.refused != "" {
		return value{}, c.problemf(e, "%s cannot be read: %s", a.name, a.refused)
	}
	if a.view != nil {
		self := value{form: place, kernel: a.typ, path: a.typ.Name}
		return value{form: viewed, view: a.view, self: &self}, nil
	}
	if a.text {
		return c.recordText(e, a)
	}
	at := value{form: place, kernel: a.typ, offset: a.offset, path: cmp.Or(a.path, a.name)}
	v, problem := c.read(e, at, 0, 0)
	if problem != nil {
		return v, problem
	}
	if v.form != plain {
		return v, nil
	}
	typ := v.expr.Type
	typ.Direct = typ.Kind == ir.Pointer && typ.Struct != "" && c.site.direct
	if a.enum != "" {
		typ.Enum = c.family(a.enum)
	}
	if a.kind != ir.Invalid {
		typ.Kind = a.kind
	}
	if a.hint != ir.Plain {
		typ.Hint = a.hint
	}
	v.expr = c.make(e, ir.Expr{Op: ir.OpContext, Type: typ, Load: v.expr.Load})
	if a.over != nil {
		return value{form: viewed, view: a.over, self: &v}, nil
	}
	return v, nil
}

// builtins are the names that every hook has, for messages and for the reference; builtin makes them.
var builtins = []documented{
	{"now", "duration", "the time since the machine was started (CLOCK_MONOTONIC); one run has one now"},
	{"cpu", "int", "the number of the processor"},
	{"pid", "int", "the running process, as user space numbers it"},
	{"tid", "int", "the running thread, as user space numbers it"},
	{"comm", "string", "the running thread's name, at most 15 bytes"},
	{"task", "view", "the running thread"},
	{"owner", "uint", "who holds the hook's socket, or else the running process; shown as a workload"},
	{"hook", "string", "what this hook is on, as the probe names it: tells several hooks of one probe apart"},
	{"elapsed", "duration", "in the end of a pair: the time since its start"},
}

// documented is a name with what it is, for the reference and for messages.
type documented struct{ name, gives, about string }

func (c *checker) builtin(e ast.Expr, name string) (v value, known bool, problem *Problem) {
	simple := func(op ir.Op, typ ir.Type) (value, bool, *Problem) {
		return scalarValue(c.make(e, ir.Expr{Op: op, Type: typ})), true, nil
	}
	switch name {
	case "pid", "tid", "comm", "task":
		if c.site.hook.Kind == ir.Iterator {
			return v, true, c.problem(e, fmt.Sprintf("an iterator's %s would be of who reads it", name), "in {iter: task}, task.pid is of the thread at hand")
		}
	}
	switch name {
	case "now":
		return simple(ir.OpNow, ir.Type{Kind: ir.Duration})
	case "cpu":
		return simple(ir.OpCPU, ir.Type{Kind: ir.Int})
	case "pid":
		return simple(ir.OpPID, ir.Type{Kind: ir.Int})
	case "tid":
		return simple(ir.OpTID, ir.Type{Kind: ir.Int})
	case "comm":
		return simple(ir.OpComm, ir.Type{Kind: ir.Text, Size: 16})
	case "task":
		v, problem = c.currentTask(e)
	case "owner":
		v, problem = c.owner(e)
	case "hook":
		v = c.hookName(e)
	case "elapsed":
		v, problem = c.elapsed(e)
	default:
		return v, false, nil
	}
	return v, true, problem
}

// currentTask is the running task, through its view.
func (c *checker) currentTask(e ast.Expr) (value, *Problem) {
	pointer, problem := c.taskPointer(e)
	if problem != nil {
		return pointer, problem
	}
	return value{form: viewed, view: currentTaskView, self: &pointer}, nil
}

func (c *checker) taskPointer(e ast.Expr) (value, *Problem) {
	t, ok := c.kernel.Struct("task_struct")
	if !ok {
		return value{}, c.problem(e, "this kernel's types have no task_struct", "")
	}
	kind := c.site.hook.Kind
	typ := ir.Type{Kind: ir.Pointer, Struct: "task_struct", Direct: kind != ir.TCX && kind != ir.Cgroup}
	return value{expr: c.make(e, ir.Expr{Op: ir.OpTask, Type: typ}), kernel: t}, nil
}

// hookName is what the hook is on. At all hooks of a probe it is as long as the longest, so that it can be a column.
func (c *checker) hookName(e ast.Expr) value {
	size := 1
	for _, hooks := range [][]spec.Hook{c.written.Hooks, c.startHooks()} {
		for i := range hooks {
			size = max(size, len(hookWord(hooks[i].Target, hooks[i].Direction)))
		}
	}
	name := make([]byte, min(size, wideLimit))
	copy(name, hookWord(c.site.hook.Target, c.site.hook.Direction))
	return c.wide(e, ir.Text, name)
}

// hookWord is a hook's target; a hook of an interface has a direction alone.
func hookWord(target, direction string) string { return cmp.Or(target, direction) }

func (c *compiler) startHooks() []spec.Hook {
	if c.written.Pair == nil {
		return nil
	}
	return c.written.Pair.Starts
}

// elapsed is the time since the start of a pair.
func (c *checker) elapsed(e ast.Expr) (value, *Problem) {
	if problem := c.wantsEnd(e, "elapsed"); problem != nil {
		return value{}, problem
	}
	return scalarValue(c.make(e, ir.Expr{Op: ir.OpElapsed, Type: ir.Type{Kind: ir.Duration}})), nil
}

func (c *checker) wantsEnd(e ast.Expr, what string) *Problem {
	switch {
	case c.written.Pair == nil:
		return c.problem(e, fmt.Sprintf("%s is of a pair, and this probe has none", what), "spec.pair: {start: {…}, key: …}")
	case c.site.start:
		return c.problem(e, fmt.Sprintf("%s is known at the end of a pair, not at its start", what), "")
	}
	return nil
}

// kept is start.NAME.
func (c *checker) kept(e ast.Expr, sel ast.SelectExpr) (v value, done bool, problem *Problem) {
	if c.inside != nil || c.measured || sel.Operand().Kind() != ast.IdentKind || sel.Operand().AsIdent() != "start" {
		return v, false, nil
	}
	if _, ok := c.site.argument("start"); ok {
		return v, false, nil
	}
	if problem := c.wantsEnd(e, "start."+sel.FieldName()); problem != nil {
		return v, true, problem
	}
	for i, field := range c.probe.Pair.Keep {
		if field.Name == sel.FieldName() {
			v.expr = c.make(e, ir.Expr{Op: ir.OpKept, Type: field.Type, Const: uint64(i)})
			if field.Type.Struct != "" {
				v.kernel, _ = c.kernel.Struct(field.Type.Struct)
			}
			return v, true, nil
		}
	}
	var names []string
	for _, field := range c.probe.Pair.Keep {
		names = append(names, field.Name)
	}
	return v, true, c.problem(e, fmt.Sprintf("the start keeps no %s", sel.FieldName()), keptHint(sel.FieldName(), names))
}

// enumerator is a name of one of the kernel's enumerations.
func (c *checker) enumerator(e ast.Expr, name string) (value, bool) {
	n, ok := c.kernel.Enumerator(name)
	if !ok {
		return value{}, false
	}
	typ := ir.Type{Kind: ir.Int}
	if n.Enum.Size == 8 && !n.Enum.Signed {
		typ.Kind = ir.Uint
	}
	c.enumerate(&typ, n.Enum)
	return value{expr: c.number(e, typ, uint64(n.Value))}, true
}

// enumerate notes the enumeration of a number, with its names for whoever shows it.
func (c *checker) enumerate(typ *ir.Type, enum types.Type) {
	if enum.Kind != types.Enum || enum.Name == "" || typ.Kind == ir.Bool {
		return
	}
	typ.Enum = enum.Name
	if _, known := c.probe.Enums[enum.Name]; known {
		return
	}
	c.probe.Enums[enum.Name] = c.names(enum.Name, enum)
}

func (c *checker) names(name string, enum types.Type) ir.Enum {
	all := c.kernel.Enumerators(enum)
	made := ir.Enum{Name: name, Values: make(map[int64]string, len(all))}
	for _, n := range all {
		if _, taken := made.Values[n.Value]; !taken {
			made.Values[n.Value] = n.Name
		}
	}
	return made
}
