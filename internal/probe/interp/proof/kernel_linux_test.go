// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp/arbitrary"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// evaluator runs expressions in the kernel. Result maps are used again: to make one takes longer than to run a program often.
type evaluator struct {
	features gen.Features
	results  map[uint32]*result
}

type result struct {
	array  *ebpf.Map
	memory *ebpf.Memory
}

func newEvaluator(t testing.TB, features gen.Features) *evaluator {
	e := &evaluator{features: features, results: map[uint32]*result{}}
	t.Cleanup(func() {
		for _, r := range e.results {
			_ = r.array.Close()
		}
	})
	return e
}

// evaluation is one expression, loaded.
type evaluation struct {
	made       *gen.Evaluation
	collection *ebpf.Collection
	result     *result
	buffer     []byte
}

// load makes a program of an expression and lets the kernel check it.
func (e *evaluator) load(of *ir.Expr) (*evaluation, error) {
	made, err := gen.Evaluate(of, 0, gen.Options{Features: e.features})
	if err != nil {
		return nil, err
	}
	delete(made.Spec.Programs, gen.ProgramAddress)
	delete(made.Spec.Maps, gen.MapMemory)
	into, err := e.result(made.Spec.Maps[gen.MapResult])
	if err != nil {
		return nil, err
	}
	collection, err := ebpf.NewCollectionWithOptions(made.Spec, ebpf.CollectionOptions{
		MapReplacements: map[string]*ebpf.Map{gen.MapResult: into.array},
	})
	if err != nil {
		return nil, err
	}
	return &evaluation{made: made, collection: collection, result: into, buffer: make([]byte, 8+of.Type.Width())}, nil
}

func (e *evaluator) result(spec *ebpf.MapSpec) (*result, error) {
	if r, ok := e.results[spec.ValueSize]; ok {
		return r, nil
	}
	array, err := ebpf.NewMap(spec)
	if err != nil {
		return nil, err
	}
	memory, err := array.Memory()
	if err != nil {
		_ = array.Close()
		return nil, err
	}
	e.results[spec.ValueSize] = &result{array, memory}
	return e.results[spec.ValueSize], nil
}

func (e *evaluation) Close() { e.collection.Close() }

// run evaluates the expression once.
func (e *evaluation) run(context []byte) (ir.Value, bool, error) {
	if _, err := e.result.memory.WriteAt(make([]byte, 8), 0); err != nil {
		return ir.Value{}, false, err
	}
	if _, err := e.collection.Programs[gen.ProgramEvaluate].Run(&ebpf.RunOptions{Context: context}); err != nil {
		return ir.Value{}, false, err
	}
	if _, err := e.result.memory.ReadAt(e.buffer, 0); err != nil {
		return ir.Value{}, false, err
	}
	return e.made.Result(e.buffer)
}

// directFeatures are those with which a raw tracepoint's program may read through pointers that the verifier knows.
func directFeatures(t testing.TB, kernel *types.Kernel) gen.Features {
	t.Helper()
	cast, ok := kernel.FunctionNumber("bpf_rdonly_cast")
	require.True(t, ok)
	return gen.Features{Atomics: true, SignedOps: true, ReadOnlyCast: cast, TypeNumber: kernel.StructNumber}
}

// shapeOf is a kernel's struct as far as its members can be read.
func shapeOf(t testing.TB, kernel *types.Kernel, name string) *arbitrary.Shape {
	t.Helper()
	of, ok := kernel.Struct(name)
	require.True(t, ok)
	shape := &arbitrary.Shape{Name: name, Size: (of.Size + 7) &^ 7}
	for _, name := range kernel.Members(of) {
		member, ok := kernel.Member(of, name)
		if !ok || member.Shared && member.Type.Size == 8 {
			// The verifier takes it for the pointer that lies at the same place.
			continue
		}
		load := ir.Load{
			Offset: member.Offset, Size: member.Type.Size, Signed: member.Type.Signed, BigEndian: member.Type.BigEndian,
			Bits: member.Bits, Shift: member.Shift, Path: of.Name + "." + name,
		}
		readAs := ir.Type{}
		switch element := kernel.Elem(member.Type); {
		case member.Type.Kind == types.Bool:
			readAs.Kind = ir.Bool
		case member.Type.Kind == types.Int && member.Type.Size == 8 && !member.Type.Signed:
			readAs.Kind = ir.Uint
		case member.Type.Kind == types.Int, member.Type.Kind == types.Enum && member.Type.Size <= 8:
			readAs.Kind = ir.Int
		case member.Type.Kind == types.Array && element.Kind == types.Char && member.Type.Size <= 64:
			readAs = ir.Type{Kind: ir.Text, Size: member.Type.Size}
		case member.Type.Kind == types.Pointer && element.Kind == types.Struct && element.Name == of.Name && !member.Shared:
			readAs = ir.Type{Kind: ir.Pointer, Struct: of.Name, Direct: true}
		}
		if readAs.Kind != ir.Invalid {
			shape.Members = append(shape.Members, arbitrary.Member{Type: readAs, Load: load})
		}
	}
	return shape
}
