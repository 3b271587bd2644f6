// SPDX-License-Identifier: Apache-2.0

package ir

import "fmt"

// opNames are part of the recordings' format: they do not change.
var opNames = [opEnd]string{
	OpConst: "const", OpContext: "context", OpLoad: "load", OpAddress: "address", OpCast: "cast", OpString: "string",
	OpUserString: "ustring", OpPacket: "packet", OpRecord: "record",
	OpTask: "task", OpNow: "now", OpCPU: "cpu", OpPID: "pid", OpTID: "tid", OpComm: "comm", OpCgroup: "cgroup", OpRandom: "random",
	OpElapsed: "elapsed", OpKept: "kept", OpStack: "stack", OpUserStack: "ustack",
	OpNot: "not", OpNegate: "negate", OpInvert: "invert", OpConvert: "convert", OpNarrow: "narrow", OpSwap: "swap", OpLog2: "log2",
	OpLength: "length",
	OpAdd:    "add", OpSub: "sub", OpMul: "mul", OpDiv: "div", OpMod: "mod", OpBitAnd: "bitand", OpBitOr: "bitor", OpBitXor: "bitxor",
	OpShl: "shl", OpShr: "shr",
	OpEq: "eq", OpNe: "ne", OpLt: "lt", OpLe: "le", OpGt: "gt", OpGe: "ge",
	OpPrefix: "prefix", OpWithin: "within", OpOneOf: "oneof", OpScoped: "scoped",
	OpAnd: "and", OpOr: "or", OpCond: "cond", OpGuard: "guard", OpTry: "try", OpMeasured: "measured",
}

func (o Op) String() string {
	if o < opEnd && opNames[o] != "" {
		return opNames[o]
	}
	return fmt.Sprintf("op %d", o)
}
