// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// view hides what is particular to kernels: a table of fields, each a text of this same language over raw members. Names in it are
// self, the view's other fields, enumerators and the functions of internal.go.
type view struct {
	name, about string
	// of is the struct that self points to; guard is what has to hold for it, empty for nothing.
	of, guard string
	// from are the structs that it can be looked for in, beside those that begin with of.
	from   []string
	fields []field
}

// field is one field of a view; without an about, it is for the view's other fields alone.
type field struct {
	name, text, about string
	// hint and enum say how the number is shown.
	hint ir.Hint
	enum string
}

// frame is a view whose text is being resolved.
type frame struct {
	view *view
	self value
	// user and at are what the person wrote to get there.
	user *text
	at   ir.Pos
	// depth is how many views are being resolved for each other.
	depth int
}

// viewDepth bounds that.
const viewDepth = 16

// viewTexts are the parsed texts of all views: they are part of the program, and never wrong (a test sees to it).
var viewTexts = sync.OnceValue(func() map[string]*text {
	texts := map[string]*text{}
	add := func(written string) {
		if t, problem := parse(spec.Expression{Text: written}); problem == nil {
			texts[written] = t
		}
	}
	for _, v := range allViews() {
		add(v.guard)
		for _, f := range v.fields {
			add(f.text)
		}
	}
	for _, written := range ownerTexts {
		add(written)
	}
	return texts
})

func (v *view) field(name string) *field {
	for i := range v.fields {
		if v.fields[i].name == name {
			return &v.fields[i]
		}
	}
	return nil
}

func (v *view) fieldNames() []string {
	names := make([]string, 0, len(v.fields))
	for i := range v.fields {
		if v.fields[i].about == "" {
			continue
		}
		names = append(names, v.fields[i].name)
	}
	return names
}

func (v *view) list() string { return strings.Join(v.fieldNames(), ", ") }

// internalText resolves one of the program's own texts with self.
func (c *checker) internalText(e ast.Expr, v *view, self value, written string) (value, *Problem) {
	t := viewTexts()[written]
	if t == nil {
		return value{}, c.problemf(e, "the program's own text %q cannot be read", written)
	}
	f := &frame{view: v, self: self, user: c.text, at: c.pos(e)}
	if c.inside != nil {
		f.user, f.at, f.depth = c.inside.user, c.inside.at, c.inside.depth+1
	}
	if f.depth > viewDepth {
		return value{}, c.problem(e, "views look into each other too deeply", "")
	}
	inner := &checker{compiler: c.compiler, site: c.site, text: t, inside: f}
	return inner.plain(t.root)
}

// viewField is a field of a view.
func (c *checker) viewField(e ast.Expr, v value, name string) (value, *Problem) {
	f := v.view.field(name)
	if f != nil && f.about == "" && c.inside == nil {
		f = nil
	}
	if f == nil && v.self.form == place {
		if _, ok := c.kernel.Member(v.self.kernel, name); ok {
			return c.memberAt(e, *v.self, name)
		}
	}
	if f == nil {
		problem := c.problem(e, fmt.Sprintf("%s has no field %s", v.view.shown(), name), c.viewHint(v.view, name))
		return v, c.field(e, name, problem)
	}
	found, problem := c.internalText(e, v.view, *v.self, f.text)
	if problem != nil {
		problem.Message = fmt.Sprintf("%s.%s is not to be had here: %s", v.view.shown(), name, problem.Message)
		problem.Hint, problem.missing = "", true
		return v, problem
	}
	return c.shown(e, found, f), nil
}

// shown says what a person calls the view: tcp(sk), or packet.
func (v *view) shown() string {
	if v.of == "" {
		return v.name
	}
	return v.name + "(…)"
}

// shown gives a field's number the way it is shown.
func (c *checker) shown(e ast.Expr, v value, f *field) value {
	if v.form != plain || f.hint == ir.Plain && f.enum == "" {
		return v
	}
	made := *v.expr
	made.Type.Hint = f.hint
	if f.enum != "" {
		made.Type.Enum = c.family(f.enum)
	}
	v.expr = c.make(e, made)
	return v
}

// viewCall is view(pointer).
func (c *checker) viewCall(e ast.Expr, v *view, arguments []ast.Expr) (value, *Problem) {
	if len(arguments) != 1 {
		return value{}, c.problem(e, fmt.Sprintf("%s wants one pointer", v.name), v.name+"("+c.pointerHint(v)+")")
	}
	given, problem := c.value(arguments[0])
	if problem != nil {
		return given, problem
	}
	if given, problem = c.address(arguments[0], given); problem != nil {
		return given, problem
	}
	return c.look(e, v, given)
}

// look takes a pointer for what a view looks at.
func (c *checker) look(e ast.Expr, v *view, given value) (value, *Problem) {
	if !given.pointer() {
		return given, c.problem(e, fmt.Sprintf("%s looks at a pointer, not at %s", v.name, article(&given)), v.name+"("+c.pointerHint(v)+")")
	}
	whole, ok := c.kernel.Struct(v.of)
	if !ok {
		return given, c.problemf(e, "this kernel's types have no %s", v.of)
	}
	if c.begins(given.kernel, v.of) {
		self := c.upcast(e, given, whole)
		return value{form: viewed, view: v, self: &self}, nil
	}
	if given.kernel.Kind != types.Void && given.kernel.Kind != types.Other && !c.anyBegins(given.kernel, v.from) {
		return given, c.problem(e, fmt.Sprintf("%s does not look at %s", v.name, article(&given)), c.viewOf(given.kernel))
	}
	if given.kernel.Kind == types.Void || given.kernel.Kind == types.Other {
		if problem := c.needsRaw(e, "a pointer to nobody knows what, taken for one to struct "+v.of+",", ""); problem != nil {
			return given, problem
		}
	}
	self, problem := c.cast(e, given, whole, v)
	if problem != nil {
		return given, problem
	}
	return value{form: viewed, view: v, self: &self}, nil
}

// cast takes a pointer for one to a view's struct, guarded by what the view says.
func (c *checker) cast(e ast.Expr, given value, whole types.Type, v *view) (value, *Problem) {
	origin := given.expr
	for origin.Op == ir.OpAddress && origin.Load.Offset == 0 {
		origin = origin.Args[0]
	}
	made := ir.Expr{Op: ir.OpCast, Type: castType(origin, whole), Args: []*ir.Expr{origin}}
	if v.guard != "" {
		self, problem := c.anySocket(e, given)
		if problem != nil {
			return given, problem
		}
		holds, problem := c.internalText(e, nil, self, v.guard)
		if problem != nil {
			return given, problem
		}
		made.Args = append(made.Args, holds.expr)
	}
	return value{expr: c.make(e, made), kernel: whole}, nil
}

// anySocket takes a pointer for one to what all sockets begin with.
func (c *checker) anySocket(e ast.Expr, given value) (value, *Problem) {
	whole, ok := c.kernel.Struct("sock_common")
	if !ok {
		return given, c.problem(e, "this kernel's types have no sock_common", "")
	}
	if c.begins(given.kernel, whole.Name) {
		return c.upcast(e, given, whole), nil
	}
	made := ir.Expr{Op: ir.OpCast, Type: castType(given.expr, whole), Args: []*ir.Expr{given.expr}}
	return value{expr: c.make(e, made), kernel: whole}, nil
}

// castType is the type of a pointer that is taken for one to another struct: the generator may know a way to read it directly.
func castType(from *ir.Expr, to types.Type) ir.Type {
	return ir.Type{Kind: ir.Pointer, Struct: to.Name, Direct: from.Type.Direct}
}

// upcast is the struct that another one begins with.
func (c *checker) upcast(e ast.Expr, given value, whole types.Type) value {
	if given.expr.Type.Struct == whole.Name {
		return given
	}
	typ := ir.Type{Kind: ir.Pointer, Struct: whole.Name, Direct: given.expr.Type.Direct}
	made := ir.Expr{Op: ir.OpAddress, Type: typ, Args: []*ir.Expr{given.expr}, Load: ir.Load{Path: c.pathTo(given.kernel, whole.Name)}}
	return value{expr: c.make(e, made), kernel: whole}
}

// pathTo is how the struct that another one begins with is reached.
func (c *checker) pathTo(t types.Type, name string) string {
	path := t.Name
	for range 8 {
		first, ok := c.kernel.First(t)
		if t.Name == name || !ok {
			break
		}
		path, t = path+"."+first.Name, first.Type
	}
	return path
}

// begins tells whether a struct is one of a name, or has that one as its first member, or that one's first member.
func (c *checker) begins(t types.Type, name string) bool {
	for range 8 {
		if t.Kind != types.Struct && t.Kind != types.Union {
			return false
		}
		if t.Name == name {
			return true
		}
		first, ok := c.kernel.First(t)
		if !ok || first.Offset != 0 {
			return false
		}
		t = first.Type
	}
	return false
}

func (c *checker) anyBegins(t types.Type, names []string) bool {
	for _, name := range names {
		if c.begins(t, name) {
			return true
		}
	}
	return false
}

// insideName is a name in a view's own text.
func (c *checker) insideName(e ast.Expr, name string) (v value, done bool, problem *Problem) {
	f := c.inside
	switch name {
	case "self":
		return f.self, true, nil
	case "anyCgroup1":
		return value{expr: c.truth(e, c.target.Cgroup1Index >= 0), static: true}, true, nil
	case "cgroup1":
		// An iterator's running task is whoever reads it, and holds none of the sockets.
		return value{expr: c.truth(e, c.target.Cgroup1Index >= 0 && c.site.hook.Kind != ir.Iterator), static: true}, true, nil
	case "cgroup1Index":
		return scalarValue(c.number(e, ir.Type{Kind: ir.Int}, uint64(max(0, c.target.Cgroup1Index)))), true, nil
	case "currentTask":
		v, problem = c.taskPointer(e)
		return v, true, problem
	case "currentPID", "currentTID", "currentComm":
		v, _, problem = c.builtin(e, strings.ToLower(strings.TrimPrefix(name, "current")))
		return v, true, problem
	case "currentCgroup":
		return scalarValue(c.make(e, ir.Expr{Op: ir.OpCgroup, Type: ir.Type{Kind: ir.Uint}})), true, nil
	case "networkOffset":
		return scalarValue(c.number(e, ir.Type{Kind: ir.Int}, c.networkOffset())), true, nil
	}
	if f.view != nil && f.view.field(name) != nil {
		v, problem = c.viewField(e, value{form: viewed, view: f.view, self: &f.self}, name)
		return v, true, problem
	}
	return v, false, nil
}

// networkOffset is where a packet's network header begins: behind the Ethernet header where there is one.
func (c *checker) networkOffset() uint64 {
	if c.site.hook.Kind == ir.TCX {
		return 14
	}
	return 0
}
