// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/lang"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestAgreesWithCEL lets cel-go evaluate random texts, and the interpreter what package lang makes of them.
func TestAgreesWithCEL(t *testing.T) {
	count := 3000
	if testkit.Full() {
		count = 50_000
	}
	seed := seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	target := lang.Target{Kernel: madeUpKernel(t), Arch: "amd64", Cgroup1Index: -1, Raw: true}
	environment, err := cel.NewEnv(
		cel.Variable("sk", cel.DynType), cel.Variable("n", cel.IntType), cel.Variable("u", cel.UintType), cel.Variable("yes", cel.BoolType),
		cel.CrossTypeNumericComparisons(true))
	require.NoError(t, err)
	agree := agreement{}
	for range count {
		draw := &texts{random: random}
		text := draw.boolean(1 + random.IntN(4))
		switch random.IntN(3) {
		case 0:
			text = draw.integer(1 + random.IntN(4))
		case 1:
			text = draw.unsigned(1 + random.IntN(4))
		}
		e, err := resolve(text, target)
		if err != nil && strings.Contains(err.Error(), "division by zero") {
			agree.Refused++
			continue
		}
		require.NoError(t, err, "seed %d: %s", seed, text)
		program, err := compileCEL(environment, text)
		require.NoError(t, err, "seed %d: %s", seed, text)
		for range 5 {
			agree.check(t, text, e, program, random)
		}
	}
	t.Logf("%+v", agree)
	require.Greater(t, agree.Same, count*2)
	require.Positive(t, agree.Failed)
}

// resolve gives the meaning of a text at the made-up hook.
func resolve(text string, target lang.Target) (*ir.Expr, error) {
	probe, err := lang.Compile(&spec.Probe{
		Name: "proof", Hooks: []spec.Hook{{Kind: "raw_tp", Target: madeUpHook}}, SampleOneIn: 1, Entries: 1,
		Emit: []spec.Named{{Name: "value", Expression: spec.Expression{Text: text, Field: "spec.emit[0]"}}},
	}, target)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", text, err)
	}
	return probe.Hooks[0].Emit[0], nil
}

func compileCEL(environment *cel.Env, text string) (cel.Program, error) {
	tree, issues := environment.Parse(text)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return environment.Program(tree)
}

// agreement counts what became of the pairs.
type agreement struct {
	// Same values; Failed on both sides; Absorbed failures, which CEL forgives where the other side of && or || decides;
	// Overflowed, which is an error in CEL alone. Refused texts divide by a zero that is written down.
	Same, Failed, Absorbed, Overflowed, Refused int
}

func (a *agreement) check(t *testing.T, text string, e *ir.Expr, program cel.Program, random *rand.Rand) {
	t.Helper()
	memory := newSocks(random)
	sk, n, u, yes := memory.pick(random), random.Int32(), random.Uint64()>>random.IntN(64), random.IntN(2)
	if random.IntN(12) == 0 {
		sk = 0
	}
	if random.IntN(2) == 0 {
		n = -n
	}
	theirs, _, celErr := program.Eval(map[string]any{"sk": memory.value(sk, 5), "n": int64(n), "u": u, "yes": yes == 1})
	seen := []byte{}
	for _, argument := range []uint64{sk, uint64(int64(n)), u, uint64(yes)} {
		seen = binary.LittleEndian.AppendUint64(seen, argument)
	}
	ours, err := interp.Evaluate(e, interp.World{Memory: memory.memory}, seen)
	failed := (*interp.Failure)(nil)
	overflow := celErr != nil && (strings.Contains(celErr.Error(), "overflow") || strings.Contains(celErr.Error(), "range"))
	switch {
	case overflow:
		a.Overflowed++
	case errors.As(err, &failed) && celErr != nil:
		a.Failed++
	case errors.As(err, &failed) && strings.ContainsAny(text, "&|"):
		a.Absorbed++
	case err == nil && celErr == nil && asNumber(theirs.Value()) == ours.Number:
		a.Same++
	default:
		require.Fail(t, "they do not agree", "%s\nsk %#x n %d u %d yes %d\nCEL: %v, %v\nhere: %d, %v", text, sk, n, u, yes, theirs, celErr, ours.Number, err)
	}
}

func asNumber(value any) uint64 {
	switch v := value.(type) {
	case bool:
		if v {
			return 1
		}
		return 0
	case int64:
		return uint64(v)
	case uint64:
		return v
	}
	panic(fmt.Sprintf("a value of type %T", value))
}
