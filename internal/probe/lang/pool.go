// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// poolLimit bounds how many different expressions a probe may have.
const poolLimit = 8192

// pool makes expressions, and makes each but once: what two texts have in common is the same pointer.
type pool struct {
	known map[poolKey]*ir.Expr
}

type poolKey struct {
	op        ir.Op
	typ       ir.Type
	arguments [3]*ir.Expr
	constant  uint64
	load      ir.Load
	wide, set string
}

func newPool() *pool { return &pool{known: make(map[poolKey]*ir.Expr, 128)} }

func (p *pool) full() bool { return len(p.known) >= poolLimit }

// add is the expression like e, made now or before.
func (p *pool) add(e ir.Expr) *ir.Expr {
	key := poolKey{op: e.Op, typ: e.Type, constant: e.Const, load: e.Load, wide: string(e.Wide)}
	copy(key.arguments[:], e.Args)
	if len(e.Set) > 0 {
		var all strings.Builder
		for _, element := range e.Set {
			all.Write(element)
		}
		key.set = all.String()
	}
	if known := p.known[key]; known != nil {
		return known
	}
	made := new(ir.Expr)
	*made = e
	p.known[key] = made
	return made
}
