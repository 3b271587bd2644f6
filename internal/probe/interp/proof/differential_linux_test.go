// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp/arbitrary"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// inputs is how many contexts each expression sees: most of the time goes into loading programs.
const inputs = 40

// userArgument is the argument that holds an address of this process.
const userArgument = 6

// pairs is how many pairs of expression and data one variant compares.
func pairs() int {
	if testkit.Full() {
		return 350_000
	}
	return 7_000
}

// TestKernelReadsByHelper compares kernel and interpreter where all memory is read by the helper.
func TestKernelReadsByHelper(t *testing.T) {
	testkit.RequireRoot(t)
	c := newComparison(t, gen.Features{}, 16<<10)
	c.compare(pairs(), func() *arbitrary.Shape { return arbitrary.Thing(c.random) })
}

// TestKernelOfToday does the same with the instructions of newer kernels.
func TestKernelOfToday(t *testing.T) {
	testkit.RequireRoot(t)
	c := newComparison(t, gen.Features{Atomics: true, SignedOps: true}, 16<<10)
	c.compare(pairs(), func() *arbitrary.Shape { return arbitrary.Thing(c.random) })
}

// TestKernelReadsDirectly compares them where the verifier knows what pointers lead to, and programs read through them.
func TestKernelReadsDirectly(t *testing.T) {
	testkit.RequireRoot(t)
	kernel, err := types.Load()
	require.NoError(t, err)
	c := newComparison(t, directFeatures(t, kernel), 128<<10)
	c.direct = true
	shapes := []*arbitrary.Shape{shapeOf(t, kernel, "task_struct"), shapeOf(t, kernel, "sk_buff")}
	c.compare(pairs(), func() *arbitrary.Shape { return shapes[c.random.IntN(len(shapes))] })
}

// comparison runs expressions twice.
type comparison struct {
	t         *testing.T
	seed      uint64
	random    *rand.Rand
	planted   *planted
	evaluator *evaluator
	running   interp.Running
	process   *processMemory
	direct    bool
	shape     *arbitrary.Shape
	// refused expressions are too large for a program; valued, of all pairs, had a value.
	refused, programs, all, valued int
}

func newComparison(t *testing.T, features gen.Features, memory int) *comparison {
	c := &comparison{t: t, seed: seed(t), planted: plant(t, memory), evaluator: newEvaluator(t, features), running: thisThread(t), process: newProcessMemory()}
	c.random = rand.New(rand.NewPCG(c.seed, 0))
	return c
}

func (c *comparison) compare(pairs int, shape func() *arbitrary.Shape) {
	for c.all < pairs {
		c.shape = shape()
		c.planted.region.Fill(c.random, c.shape)
		c.planted.put(c.t)
		for range 20 {
			drawer := &arbitrary.Drawer{Random: c.random, Shape: c.shape, Direct: c.direct, Task: true, Try: true, User: userArgument}
			c.expression(drawer.Expr(drawer.Type(), 1+c.random.IntN(9)))
		}
	}
	c.t.Logf("%d pairs of %d programs, %d with a value; %d expressions were too large", c.all, c.programs, c.valued, c.refused)
	require.Greater(c.t, c.valued, c.all/4)
	require.Less(c.t, c.refused, c.programs/10)
}

// expression compares one on several contexts.
func (c *comparison) expression(e *ir.Expr) {
	contexts := make([][]byte, inputs)
	for i := range contexts {
		contexts[i] = c.context()
	}
	difference, err := c.difference(e, contexts)
	if errors.Is(err, gen.ErrBounds) {
		c.refused++
		return
	}
	c.programs++
	if difference == "" && err == nil {
		return
	}
	small := arbitrary.Shrink(e, 2000, func(smaller *ir.Expr) bool {
		of, smallErr := c.difference(smaller, contexts)
		return of != "" || err != nil && smallErr != nil && !errors.Is(smallErr, gen.ErrBounds)
	})
	difference, err = c.difference(small, contexts)
	require.Fail(c.t, "kernel and interpreter differ", "seed %d (set SEED to draw it again), after %d pairs\n%s%s %v",
		c.seed, c.all, arbitrary.Text(small), difference, err)
}

func (c *comparison) context() []byte {
	into := []byte{}
	for i := range arbitrary.Arguments {
		n := arbitrary.Number(c.random)
		switch {
		case i < arbitrary.Pointers:
			n = c.planted.region.Pointer(c.random, c.shape)
		case i == userArgument:
			n = c.process.pointer(c.random)
		}
		into = binary.LittleEndian.AppendUint64(into, n)
	}
	return into
}

// difference tells on which context kernel and interpreter differ, and how; nothing if on none.
func (c *comparison) difference(e *ir.Expr, contexts [][]byte) (string, error) {
	loaded, err := c.evaluator.load(e)
	if err != nil {
		return "", err
	}
	defer loaded.Close()
	world := interp.World{Memory: c.planted.memory, User: c.process.memory, Running: func() interp.Running { return c.running }}
	for _, context := range contexts {
		got, ok, err := loaded.run(context)
		if err != nil {
			return "", err
		}
		want, err := interp.Evaluate(e, world, context)
		if failed := (*interp.Failure)(nil); err != nil && !errors.As(err, &failed) {
			return "", err
		}
		c.all++
		if ok {
			c.valued++
		}
		if ok != (err == nil) || ok && !reflect.DeepEqual(got, want) {
			return fmt.Sprintf("context %x, memory at %#x\nkernel: %t %x\ninterpreter: %t %x %v",
				context, c.planted.region.Address, ok, got, err == nil, want, err), nil
		}
	}
	return "", nil
}
