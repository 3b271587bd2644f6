// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func count(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// nearestNames is how many names are offered at most.
const nearestNames = 3

// near are the names that differ least from a name, if there are any that one could have meant.
func near(name string, names []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	most := max(1, len(name)/3)
	lower := strings.ToLower(name)
	for _, n := range names {
		if n == "" || n == name {
			continue
		}
		d := most + 1
		if abs(len(n)-len(name)) <= most {
			d = distance(lower, strings.ToLower(n), most)
		}
		if d > most && len(name) >= 4 && strings.Contains(strings.ToLower(n), lower) {
			d = most // it is a part of that name
		}
		if d <= most {
			found = append(found, candidate{n, d})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	found = slices.CompactFunc(found, func(a, b candidate) bool { return a.name == b.name })
	var out []string
	for _, c := range found[:min(nearestNames, len(found))] {
		out = append(out, c.name)
	}
	return out
}

func nearest(name string, names []string) string {
	found := near(name, names)
	if len(found) == 0 {
		return ""
	}
	return "there is " + strings.Join(found, ", ")
}

func abs(n int) int { return max(n, -n) }

// distance is how many letters are put in, left out, changed or exchanged, if these are not more than most.
func distance(a, b string, most int) int {
	if len(a) > 128 || len(b) > 128 {
		return most + 1
	}
	var before, last, now [129]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			d := last[j-1]
			if a[i-1] != b[j-1] {
				d = min(d, last[j], now[j-1]) + 1
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					d = min(d, before[j-2]+1)
				}
			}
			now[j] = d
			least = min(least, d)
		}
		if least > most {
			return most + 1
		}
		before, last = last, now
	}
	return last[len(b)]
}

// searchLimit bounds how often all of the kernel's names of a kind are looked through: that takes milliseconds.
const searchLimit = 4

// all are the kernel's names of a kind, for a suggestion; none if that was asked too often.
func (c *compiler) all(names func() []string) []string {
	if c.searches >= searchLimit {
		return nil
	}
	c.searches++
	return names()
}

// unknown is a name that nobody has.
func (c *checker) unknown(e ast.Expr, name string) *Problem {
	if c.asking {
		return c.missing(e, "there is no "+name+" here", "")
	}
	site := c.site
	if v := callableView(name); v != nil {
		return c.problem(e, fmt.Sprintf("%s is a view: it looks at a pointer", name), name+"("+c.pointerHint(v)+")")
	}
	if _, ok := functions[name]; ok {
		return c.problem(e, name+" is a function", functions[name].name+": "+functions[name].about)
	}
	for _, m := range c.written.Measure {
		if m.Name == name {
			return c.problem(e, name+" is a measure: it can only be used in trigger.when", "")
		}
	}
	if _, ok := c.kernel.Struct(name); ok {
		return c.problem(e, name+" is a struct: its name takes a pointer for one", name+"(p)")
	}
	if site.hook.Kind == ir.Kretprobe && c.isArgument(name) {
		return c.problem(e, fmt.Sprintf("%s is known at the call, not at the return", name), "pair: {start: {call: "+site.hook.Target+"}, keep: {…}}, or fexit")
	}
	if where, ok := elsewhereKnown[name]; ok {
		return c.missing(e, fmt.Sprintf("there is no %s here", name), where)
	}
	own := append(site.names(), builtinNames()...)
	names := near(name, own)
	if len(names) == 0 && name == strings.ToUpper(name) {
		names = near(name, append(c.all(c.kernel.AllEnumerators), keys(abi)...))
	}
	if upper := strings.ToUpper(name); len(names) == 0 && upper != name {
		if _, ok := c.kernel.Enumerator(upper); ok {
			names = []string{upper}
		}
	}
	if len(names) == 0 {
		names = c.fieldsOfViews(name)
	}
	hint := "there is " + strings.Join(names, ", ")
	if len(names) == 0 {
		hint = fmt.Sprintf("at %s there are %s", site.shown(), strings.Join(append(site.names(), "task", "owner", "now", "cpu", "pid", "tid", "comm"), ", "))
		if name == strings.ToLower(name) {
			hint += "; texts stand in quotes: '" + name + "'"
		}
	}
	return c.missing(e, "there is no "+name+" here", hint)
}

// fieldsOfViews are the fields of a name that the hook's arguments have through views.
func (c *checker) fieldsOfViews(name string) []string {
	var found []string
	for _, v := range callable {
		if p := c.pointerHint(v); p != "p" && v.field(name) != nil {
			found = append(found, fmt.Sprintf("%s(%s).%s", v.name, p, name))
		}
	}
	return found[:min(nearestNames, len(found))]
}

// elsewhereKnown are names that only some kinds of hooks have.
var elsewhereKnown = map[string]string{
	"packet": "packet is known in tcx and in cgroup ingress and egress; elsewhere skb(skb) looks at one",
	"ctx":    "ctx is known in cgroup hooks of connect, bind, sendmsg and the like",
	"ret":    "ret is known where a function returns: {return: …}, fexit, kretprobe, uretprobe",
	"start":  "start.NAME is known at the end of a pair",
}

// shown names a hook for messages.
func (s *site) shown() string {
	if s.hook.Target == "" {
		return kindNames[s.hook.Kind]
	}
	return s.hook.Target
}

func (c *checker) isArgument(name string) bool {
	f, ok := c.kernel.Function(c.site.hook.Target)
	return ok && slices.ContainsFunc(f.Arguments, func(a types.Argument) bool { return a.Name == name })
}

func builtinNames() []string {
	var names []string
	for _, b := range builtins {
		names = append(names, b.name)
	}
	return names
}

// unknownFunction is the call of what nobody has.
func (c *checker) unknownFunction(e ast.Expr, name string) *Problem {
	names := keys(functions)
	for _, v := range callable {
		names = append(names, v.name)
	}
	hint := habitualFunctions[strings.TrimPrefix(name, "math.")]
	if hint == "" {
		hint = nearest(name, names)
	}
	if hint == "" {
		hint = nearest(name, c.all(c.kernel.Structs))
	}
	return c.problem(e, fmt.Sprintf("there is no function, view or struct %s", name), hint)
}

// elsewhere says where a field is that a struct does not have, or that needs a permission: in views, or under a name like it.
func (c *checker) elsewhere(t types.Type, name string) string {
	if c.inside != nil || c.asking {
		return ""
	}
	var found []string
	for _, v := range callable {
		if v.of != t.Name && !c.begins(t, v.of) && !slices.ContainsFunc(v.from, func(from string) bool { return c.begins(t, from) }) {
			continue
		}
		if v.field(name) != nil {
			found = append(found, fmt.Sprintf("%s(%s).%s", v.name, c.pointerHint(v), name))
		} else if f := v.showing(name); f != "" {
			found = append(found, fmt.Sprintf("%s(%s).%s", v.name, c.pointerHint(v), f))
		}
	}
	if _, ok := c.kernel.Member(t, name); !ok {
		prefix := ""
		if t.Name != "" {
			prefix = t.Name + "."
		}
		for _, n := range near(name, c.kernel.Members(t)) {
			found = append(found, prefix+n)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return strings.Join(found, " or ")
}

// showing is the field of a view that shows a raw member.
func (v *view) showing(member string) string {
	if len(member) < 4 || v.field(member) != nil {
		return ""
	}
	for i := range v.fields {
		if text := v.fields[i].text; strings.HasSuffix(text, "."+member) || strings.Contains(text, "."+member+" ") ||
			strings.Contains(text, "."+member+",") || strings.Contains(text, "."+member+")") {
			return v.fields[i].name
		}
	}
	return ""
}

// viewOf says by which views a struct can be looked at.
func (c *checker) viewOf(t types.Type) string {
	var found []string
	for _, v := range callable {
		if c.begins(t, v.of) || c.anyBegins(t, v.from) {
			found = append(found, v.name+"(…): "+v.about)
		}
	}
	if len(found) == 0 && t.Name == "socket" {
		return "a struct socket is the file: its sk is the socket"
	}
	return strings.Join(found, "; ")
}

// viewHint says which fields a view has.
func (c *checker) viewHint(v *view, name string) string {
	if c.inside != nil || c.asking {
		return ""
	}
	if f := v.showing(name); f != "" {
		return f + " shows it"
	}
	if hint := nearest(name, v.fieldNames()); hint != "" {
		return hint
	}
	for _, other := range callable {
		if other != v && other.field(name) != nil {
			return fmt.Sprintf("%s(%s).%s is one", other.name, c.pointerHint(other), name)
		}
	}
	return "there are " + v.list()
}

// pointerHint is the name of an argument that a view could look at.
func (c *checker) pointerHint(v *view) string {
	for i := range c.site.arguments {
		a := &c.site.arguments[i]
		if a.typ.Kind != types.Pointer {
			continue
		}
		if to := c.kernel.Elem(a.typ); c.begins(to, v.of) || c.anyBegins(to, v.from) {
			return a.name
		}
	}
	return "p"
}

// some are the first members of a struct.
func (c *checker) some(t types.Type) string {
	names := c.kernel.Members(t)
	if len(names) == 0 {
		return ""
	}
	return "it has " + strings.Join(names[:min(8, len(names))], ", ")
}

func keptHint(name string, names []string) string {
	if len(names) == 0 {
		return "pair.start.keep: {" + name + ": …}"
	}
	if hint := nearest(name, names); hint != "" {
		return hint
	}
	return "it keeps " + strings.Join(names, ", ")
}
