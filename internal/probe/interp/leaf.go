// SPDX-License-Identifier: Apache-2.0

package interp

import "github.com/aeolus-ebpf/aeolus/internal/probe/ir"

// IsLeaf tells whether an expression's value comes from outside, and is not computed.
func IsLeaf(e *ir.Expr) bool {
	switch e.Op {
	case ir.OpContext, ir.OpLoad, ir.OpString, ir.OpUserString, ir.OpPacket, ir.OpTask, ir.OpPID, ir.OpTID, ir.OpComm, ir.OpCgroup,
		ir.OpRandom, ir.OpStack, ir.OpUserStack, ir.OpScoped:
		return true
	}
	return false
}
