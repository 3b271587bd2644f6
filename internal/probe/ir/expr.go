// SPDX-License-Identifier: Apache-2.0

package ir

// Op is what an expression does.
type Op uint8

// The operations. Unless it says otherwise, operands are scalars, and both operands of a binary operation are of the same
// kind: where the text mixes int and uint, the language has resolved what is meant.
const (
	OpInvalid Op = iota

	// OpConst is Expr.Const, or Expr.Wide for a wide type (Type.Bytes bytes).
	OpConst
	// OpContext is read from the hook's context: Expr.Load without a base.
	OpContext
	// OpLoad reads Expr.Load through the pointer Args[0]; it fails if that is null or cannot be read. A wide type is
	// copied: for IP, Load.Size 4 or 16 tells the version; Text ends at its first zero byte.
	OpLoad
	// OpAddress is Args[0] + Load.Offset: the address of a struct within a struct. It fails if Args[0] is null.
	OpAddress
	// OpCast takes the pointer Args[0] for one to another struct. With a second argument it fails unless that holds. A
	// generator may use a helper that does the same (bpf_skc_to_tcp_sock) for Direct pointers.
	OpCast
	// OpString reads a string of at most Type.Size-1 bytes from the kernel address Args[0]; OpUserString from the address
	// space of the running process.
	OpString
	OpUserString
	// OpPacket reads Load.Size bytes (at most 8, or 16 for IP) at Args[0] + Load.Offset of the packet that the context
	// stands for; it fails beyond the packet's end. Only in hooks whose context is a packet.
	OpPacket

	// OpRecord is the address of the context itself, a pointer to nothing known: for what lies in a tracepoint's record at an
	// offset that the record tells (__data_loc). Only in hooks of kind Tracepoint.
	OpRecord

	// OpTask is the running task, Direct in tracing hooks: a generator without a helper that gives a typed task has to take
	// all that is reached from it for not Direct. OpNow is CLOCK_MONOTONIC as a Duration; one run of a program has one now. OpCPU is the
	// processor's number. OpPID and OpTID are the process and thread as user space numbers them. OpComm is the running
	// thread's name, Text of 16. OpCgroup is the number of the running process' v2 cgroup. OpRandom is 32 random bits.
	OpTask
	OpNow
	OpCPU
	OpPID
	OpTID
	OpComm
	OpCgroup
	OpRandom
	// OpElapsed is the time since the start of a pair, OpKept is Probe.Pair.Keep[Expr.Const] as it was then. Only in the
	// end's hooks.
	OpElapsed
	OpKept
	// OpStack is the number of the kernel stack, OpUserStack of the process' stack, as a Uint.
	OpStack
	OpUserStack

	// OpNot is of a Bool, OpNegate and OpInvert (bitwise) of an Int, Uint or Duration.
	OpNot
	OpNegate
	OpInvert
	// OpConvert gives a scalar another scalar kind with the same 64 bits. OpNarrow keeps the lower Load.Size bytes and
	// widens them by Load.Signed.
	OpConvert
	OpNarrow
	// OpSwap reverses the order of the lower Load.Size bytes (2, 4, 8); the rest becomes zero.
	OpSwap
	// OpLog2 is the number of the highest set bit; 0 for 0 and 1.
	OpLog2
	// OpLength is the number of bytes of the Text Args[0] before its end, an Int.
	OpLength

	// Arithmetic, by the sign of the type. Division and remainder fail if the divisor is 0; the least number divided by -1
	// is itself, with remainder 0.
	OpAdd
	OpSub
	OpMul
	OpDiv
	OpMod
	OpBitAnd
	OpBitOr
	OpBitXor
	OpShl
	OpShr

	// Comparisons are of type Bool; the order minds the sign of the operands' kind. OpEq and OpNe compare wide values of one
	// kind as well; texts of different sizes compare as if the shorter one went on with zeros.
	OpEq
	OpNe
	OpLt
	OpLe
	OpGt
	OpGe
	// OpPrefix tells whether the Text Args[0] begins with Expr.Wide (at most 64 bytes).
	OpPrefix
	// OpWithin tells whether the IP Args[0] is in the prefix Expr.Wide (16 bytes) of Expr.Const bits (counted from the start of
	// the 16 bytes, so that a version 4 prefix has 96 more).
	OpWithin
	// OpOneOf tells whether the scalar or wide value Args[0] is one of Expr.Set: each Width bytes, as they lie in memory,
	// sorted, without repetition. It is made for more than a handful; fewer are an OpOr of OpEq.
	OpOneOf
	// OpScoped tells whether the Owner Args[0] is in the probe's scope, a set that changes while it runs.
	OpScoped

	// OpAnd, OpOr and OpCond (Args: condition, then, else) evaluate only what they need. The branches of OpCond may be wide.
	OpAnd
	OpOr
	OpCond
	// OpGuard is Args[1] if Args[0] holds; else it fails.
	OpGuard

	// OpTry is Args[0], or Args[1] where Args[0] fails. Only in what a recording emits (interp.Recorder): nothing that a person
	// writes catches a failure.
	OpTry

	// OpMeasured is the value of Probe.Measures[Expr.Const] for the key at hand, within the trigger's window. Only in
	// Trigger.When.
	OpMeasured

	opEnd
)

// Load says what to read.
type Load struct {
	// Offset in bytes from the base; Size is 1, 2, 4 or 8, or the size of a wide value.
	Offset, Size int
	// Signed values are widened by their sign.
	Signed bool
	// BigEndian values are turned into the host's order.
	BigEndian bool
	// Bits is the width of a bit field, 0 for none; Shift is by how much the loaded value is shifted right first.
	Bits, Shift int
	// Path is how a person would name it, for explanations and recordings: "tcp_sock.srtt_us".
	Path string
}

// Pos says from where in the probe's texts an expression comes.
type Pos struct {
	// Source is an index into Probe.Sources; From and To are characters in its text, counted from 0.
	Source, From, To int
}

// Expr is one expression. Expressions are immutable and may share parts: the same pointer is the same value for as long as
// nothing but time passes, so that it need be evaluated once.
type Expr struct {
	Op    Op
	Type  Type
	Args  []*Expr
	Const uint64
	Wide  []byte
	Set   [][]byte
	Load  Load
	Pos   Pos
}

// Walk calls visit for every distinct expression below and including e, operands first.
func (e *Expr) Walk(visit func(*Expr)) {
	seen := map[*Expr]bool{}
	var walk func(*Expr)
	walk = func(e *Expr) {
		if e == nil || seen[e] {
			return
		}
		seen[e] = true
		for _, arg := range e.Args {
			walk(arg)
		}
		visit(e)
	}
	walk(e)
}
