// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// enum is enum('NAME', x): a number that is shown by the names of an enumeration which its own type does not tell.
func (c *checker) enum(e ast.Expr, arguments []ast.Expr) (value, *Problem) {
	name, ok := literalText(arguments[0])
	if !ok {
		return value{}, c.problem(arguments[0], "enum wants the name of an enumeration as a literal text", "enum('tcp_ca_state', x)")
	}
	v, problem := c.plain(arguments[1])
	if problem != nil {
		return v, problem
	}
	if !v.numeric() {
		return v, c.problemf(arguments[1], "only a number can be named by an enumeration, not %s", article(&v))
	}
	made := *v.expr
	made.Type.Hint = ir.Plain
	if slices.Contains(families(), name) {
		made.Type.Enum = c.family(name)
	} else if enum, ok := c.kernel.Enumeration(name); ok {
		c.enumerate(&made.Type, enum)
	} else {
		all := append(families(), c.all(c.kernel.Enumerations)...)
		return v, c.problem(arguments[0], fmt.Sprintf("this kernel has no enumeration %s", name), nearest(name, all))
	}
	return value{expr: c.make(e, made)}, nil
}

// families are the names of the numbers that belong together without an enumeration of that name.
func families() []string {
	names := keys(samples)
	for _, n := range abi {
		if n.enum != "" {
			names = append(names, n.enum)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
