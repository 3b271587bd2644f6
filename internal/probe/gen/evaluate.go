// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Names in an Evaluation.
const (
	// ProgramEvaluate evaluates the expression: a raw tracepoint's program, whose context is the 64-bit arguments that a test run
	// hands over. ProgramAddress writes the kernel address of MapMemory's value to MapResult instead.
	ProgramEvaluate = "evaluate"
	ProgramAddress  = "address"
	// MapMemory is an array of one value, for what expressions are to read; MapResult one for what comes out. Both can be mapped.
	MapMemory = "memory"
	MapResult = "result"
)

// Evaluation is one expression as a program: for proofs that programs do what they should.
type Evaluation struct {
	Spec    *ebpf.CollectionSpec
	Program Program
	kind    ir.Type
}

// Result of an evaluation is in the first word of MapResult: one of these.
const (
	resultValue  = 1
	resultFailed = 2
)

// Evaluate makes a program of one expression, with memory bytes to plant things in. Direct pointers in the context are given
// their types by bpf_rdonly_cast where the features have it; they must point to what kernel's structs of that name are, and be
// readable. Others are read by the helper.
func Evaluate(e *ir.Expr, memory int, options Options) (*Evaluation, error) {
	b, err := evaluator(e, options)
	if err != nil {
		return nil, err
	}
	b.setMapValue(b.result, MapResult, 0)
	b.evaluateInto(b.expr)
	made, err := b.finish()
	if err != nil {
		return nil, fmt.Errorf("generating an evaluation: %w", err)
	}
	made.Name = ProgramEvaluate
	out := &Evaluation{Program: made.Program, kind: e.Type, Spec: &ebpf.CollectionSpec{
		Programs: map[string]*ebpf.ProgramSpec{
			ProgramEvaluate: {Name: ProgramEvaluate, Type: ebpf.RawTracepoint, License: license, Instructions: made.code},
			ProgramAddress:  addressProgram(),
		},
		Maps: map[string]*ebpf.MapSpec{
			MapMemory: {Name: MapMemory, Type: ebpf.Array, KeySize: 4, ValueSize: uint32(max(memory, 8)), MaxEntries: 1, Flags: mmapFlag},
			MapResult: {Name: MapResult, Type: ebpf.Array, KeySize: 4, ValueSize: uint32(8 + e.Type.Width()), MaxEntries: 1, Flags: mmapFlag},
		},
	}}
	out.addMaps(made.code, b.sets)
	return out, nil
}

// evaluating is a builder for one expression.
type evaluating struct {
	*builder
	result register
	expr   *ir.Expr
}

func evaluator(e *ir.Expr, options Options) (*evaluating, error) {
	if e == nil || e.Type.Kind == ir.Invalid {
		return nil, fmt.Errorf("generating an evaluation: no expression")
	}
	if err := (&validator{depths: map[*ir.Expr]int{}}).expr(e); err != nil {
		return nil, fmt.Errorf("generating an evaluation: %w", err)
	}
	e = newInterner().expr(e)
	hook := &ir.Hook{Kind: ir.RawTracepoint, Emit: []*ir.Expr{e}}
	b := &builder{code: newCode(), probe: &ir.Probe{}, hook: hook, features: options.Features, sets: &sets{}, planted: true,
		joins: map[label]*fact{}}
	b.loads = findBlocks(b, []*ir.Expr{e})
	b.context = b.value()
	b.move(b.context, 1)
	return &evaluating{builder: b, result: b.value(), expr: e}, nil
}

func (b *evaluating) evaluateInto(e *ir.Expr) {
	b.fail = b.label()
	out := b.label()
	b.nowFor([]*ir.Expr{e})
	if e.Type.Kind.Scalar() {
		b.store(b.result, 8, b.reg(b.scalar(e)), asm.DWord)
	} else {
		value := b.wide(e)
		for i := range e.Type.Width() / 8 {
			b.store(b.result, 8+8*i, b.reg(b.word(value, i)), asm.DWord)
		}
	}
	b.storeImm(b.result, 0, resultValue, asm.DWord)
	b.jump(out)
	b.place(b.fail)
	if !b.dead {
		b.storeImm(b.result, 0, resultFailed, asm.DWord)
	}
	b.place(out)
	b.set(0, 0)
	b.exit()
}

func addressProgram() *ebpf.ProgramSpec {
	pointer := func(dst asm.Register, name string) asm.Instruction {
		return asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: dst, Src: asm.PseudoMapValue}.WithReference(name)
	}
	return &ebpf.ProgramSpec{Name: ProgramAddress, Type: ebpf.RawTracepoint, License: license, Instructions: asm.Instructions{
		pointer(asm.R1, MapMemory), pointer(asm.R2, MapResult),
		asm.StoreMem(asm.R2, 0, asm.R1, asm.DWord), asm.Mov.Imm(asm.R0, 0), asm.Return(),
	}}
}

// addMaps adds the maps that the program refers to.
func (e *Evaluation) addMaps(code asm.Instructions, sets *sets) {
	for i, s := range sets.list {
		e.Spec.Maps[setName(i)] = s.spec(setName(i))
	}
	optional := map[string]*ebpf.MapSpec{
		MapScope:  {Name: MapScope, Type: ebpf.Hash, KeySize: 8, ValueSize: 1, MaxEntries: scopeEntries, Flags: noPreallocFlag},
		MapStacks: {Name: MapStacks, Type: ebpf.StackTrace, KeySize: 4, ValueSize: 8 * stackDepth, MaxEntries: 16},
		MapLosses: {Name: MapLosses, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8 * uint32(ir.Counted), MaxEntries: 1},
	}
	for _, i := range code {
		if spec, ok := optional[i.Reference()]; ok && i.IsLoadFromMap() {
			e.Spec.Maps[spec.Name] = spec
		}
	}
}

// Result decodes MapResult's value: whether there is one, and which.
func (e *Evaluation) Result(from []byte) (result ir.Value, ok bool, err error) {
	if want := 8 + e.kind.Width(); len(from) < want {
		return ir.Value{}, false, fmt.Errorf("decoding a result: %d bytes of %d", len(from), want)
	}
	switch status := binary.NativeEndian.Uint64(from); status {
	case resultValue:
		return value(e.kind, from[8:]), true, nil
	case resultFailed:
		return ir.Value{}, false, nil
	default:
		return ir.Value{}, false, fmt.Errorf("decoding a result: status %d", status)
	}
}
