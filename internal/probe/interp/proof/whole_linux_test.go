// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp/arbitrary"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestWholeProbes runs drawn probes in the kernel and in a Machine: the same rows, events and losses.
func TestWholeProbes(t *testing.T) {
	testkit.RequireRoot(t)
	rounds := 100
	if testkit.Full() {
		rounds = 5000
	}
	seed := seed(t)
	random := rand.New(rand.NewPCG(seed, 9))
	p, running, process := plant(t, 16<<10), thisThread(t), newProcessMemory()
	total, losses := totals{}, [ir.Losses]uint64{}
	for round := range rounds {
		shape := arbitrary.Thing(random)
		p.region.Fill(random, shape)
		p.put(t)
		w := &wholes{random: random, draw: &arbitrary.Drawer{Random: random, Shape: shape, Task: true}}
		probe := w.probe()
		features := gen.Features{}
		if round%2 == 1 {
			features = gen.Features{Atomics: true, SignedOps: true}
		}
		k, err := start(probe, features)
		if errors.Is(err, gen.ErrBounds) {
			total.Refused++
			continue
		}
		require.NoError(t, err, "seed %d round %d: %s", seed, round, describe(probe))
		clock := uint64(1_000_000)
		machine := interp.New(probe, interp.World{
			Memory:  p.memory,
			Running: func() interp.Running { clock += 10; running.Now = clock; return running },
			Scoped:  func(owner uint64) bool { return scoped[owner] },
		})
		for range 60 {
			context := []byte{}
			c := &comparison{t: t, random: random, planted: p, shape: shape, process: process}
			context = append(context, c.context()...)
			index, isStart := random.IntN(len(probe.Hooks)), probe.Pair != nil && w.one(2)
			if isStart {
				index = 0
			}
			_, err := machine.Run(index, isStart, context)
			require.NoError(t, err)
			require.NoError(t, k.run(index, isStart, context))
		}
		told := func() string { return describe(probe) }
		require.Equal(t, machine.Losses(), k.losses(t), "seed %d round %d: losses of %s", seed, round, lazily(told))
		require.Equal(t, sorted(machine.Rows()), sorted(k.rows(t)), "seed %d round %d: rows of %s", seed, round, lazily(told))
		require.Equal(t, timeless(machine.Events()), timeless(k.events(t)), "seed %d round %d: events of %s", seed, round, lazily(told))
		total.add(machine)
		for cause, count := range machine.Losses() {
			losses[cause] += count
		}
		k.Close()
	}
	t.Logf("%+v losses %v", total, losses)
	for _, cause := range []ir.Loss{ir.ReadFailed, ir.KeysFull, ir.PairsFull, ir.PairsMissing} {
		require.Positive(t, losses[cause], cause.String())
	}
	require.Greater(t, total.Events, rounds)
	require.Greater(t, total.Rows, rounds)
	require.Less(t, total.Refused, rounds/4)
}

type totals struct{ Rows, Events, Triggered, Refused int }

func (t *totals) add(m *interp.Machine) {
	t.Rows += len(m.Rows())
	t.Events += len(m.Events())
	for _, event := range m.Events() {
		if event.Triggered {
			t.Triggered++
		}
	}
}

// lazily writes a message only if it is asked for.
type lazily func() string

func (l lazily) String() string { return l() }

// loadedProbe is a probe in the kernel that is run by hand.
type loadedProbe struct {
	*ebpf.Collection
	object *gen.Object
	reader *ringbuf.Reader
}

func start(probe *ir.Probe, features gen.Features) (*loadedProbe, error) {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, err
	}
	object, err := gen.Generate(probe, gen.Options{Features: features, CPUs: cpus})
	if err != nil {
		return nil, err
	}
	if scope := object.Spec.Maps[gen.MapScope]; scope != nil {
		for owner := range scoped {
			scope.Contents = append(scope.Contents, ebpf.MapKV{Key: owner, Value: uint8(1)})
		}
	}
	collection, err := ebpf.NewCollection(object.Spec)
	if err != nil {
		return nil, err
	}
	k := &loadedProbe{Collection: collection, object: object}
	if ring := collection.Maps[gen.MapEvents]; ring != nil {
		if k.reader, err = ringbuf.NewReader(ring); err != nil {
			collection.Close()
			return nil, err
		}
	}
	return k, nil
}

func (k *loadedProbe) Close() {
	if k.reader != nil {
		_ = k.reader.Close()
	}
	k.Collection.Close()
}

func (k *loadedProbe) run(hook int, start bool, context []byte) error {
	for _, p := range k.object.Programs {
		if p.Hook == hook && p.Start == start {
			_, err := k.Programs[p.Name].Run(&ebpf.RunOptions{Context: context})
			return err
		}
	}
	return errors.New("no such program")
}

func (k *loadedProbe) losses(t *testing.T) [ir.Losses]uint64 {
	t.Helper()
	values := [][]byte{}
	require.NoError(t, k.Maps[gen.MapLosses].Lookup(uint32(0), &values))
	return k.object.Layout.Losses(values)
}

// rows are those that something was counted in: without keys, or for what found no room, there is a row of zeros from the start.
func (k *loadedProbe) rows(t *testing.T) []ir.Row {
	t.Helper()
	rows := []ir.Row{}
	for _, name := range []string{gen.MapRows, gen.MapOther} {
		from := k.Maps[name]
		if from == nil {
			continue
		}
		key, values := []byte{}, [][]byte{}
		entries := from.Iterate()
		for entries.Next(&key, &values) {
			if from.Type() == ebpf.PerCPUArray && len(bytes.Trim(bytes.Join(values, nil), "\x00")) == 0 {
				continue
			}
			if name == gen.MapOther {
				key = nil
			}
			row, err := k.object.Layout.Row(key, values...)
			require.NoError(t, err)
			rows = append(rows, row)
		}
		require.NoError(t, entries.Err())
	}
	return rows
}

func (k *loadedProbe) events(t *testing.T) []ir.Event {
	t.Helper()
	events := []ir.Event{}
	for k.reader != nil && k.reader.AvailableBytes() > 0 {
		k.reader.SetDeadline(time.Now().Add(10 * time.Second))
		record, err := k.reader.Read()
		require.NoError(t, err)
		event, err := k.object.Layout.Event(record.RawSample)
		require.NoError(t, err)
		events = append(events, event)
	}
	return events
}

// timeless takes away what the kernel alone knows.
func timeless(events []ir.Event) []ir.Event {
	out := []ir.Event{}
	for _, event := range events {
		event.Time, event.CPU = 0, 0
		if len(event.Keys) == 0 {
			event.Keys = nil
		}
		if len(event.Emit) == 0 {
			event.Emit = nil
		}
		out = append(out, event)
	}
	return out
}

func sorted(rows []ir.Row) []ir.Row {
	name := func(row ir.Row) []byte {
		if row.Keys == nil {
			return bytes.Repeat([]byte{0xff}, 256)
		}
		out := []byte{}
		for _, key := range row.Keys {
			for i := range 8 {
				out = append(out, byte(key.Number>>(8*i)))
			}
			out = append(out, key.Wide...)
		}
		return out
	}
	out := slices.Clone(rows)
	slices.SortFunc(out, func(a, b ir.Row) int { return bytes.Compare(name(a), name(b)) })
	return out
}

func describe(p *ir.Probe) string {
	out := &bytes.Buffer{}
	hooks := slices.Clone(p.Hooks)
	if p.Pair != nil {
		hooks = append(hooks, p.Pair.Starts...)
	}
	for i, hook := range hooks {
		all := map[string][]*ir.Expr{
			"guard": {hook.Guard}, "where": {hook.Where}, "pair key": {hook.PairKey}, "keep": hook.Keep, "keys": hook.Keys,
			"measures": hook.Measures, "emit": hook.Emit,
		}
		for _, what := range []string{"guard", "where", "pair key", "keep", "keys", "measures", "emit"} {
			for _, e := range all[what] {
				if e != nil {
					out.WriteString("hook " + string(rune('0'+i)) + " " + what + ":\n" + arbitrary.Text(e))
				}
			}
		}
	}
	if p.Trigger != nil {
		out.WriteString("trigger:\n" + arbitrary.Text(p.Trigger.When))
	}
	return out.String()
}
