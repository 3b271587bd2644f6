// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// license lets programs use the helpers that the kernel keeps for free software.
const license = "Dual BSD/GPL"

// generator makes an object.
type generator struct {
	probe   *ir.Probe
	options Options
	object  *Object
	sets    sets
	used    map[string]bool
}

// Generate makes the programs and maps of a probe.
func Generate(probe *ir.Probe, options Options) (*Object, error) {
	if len(probe.Hooks) == 0 {
		return nil, fmt.Errorf("generating %s: no hooks", probe.Name)
	}
	if err := validate(probe); err != nil {
		return nil, fmt.Errorf("generating %s: %w", probe.Name, err)
	}
	g := &generator{probe: probe, options: options, used: map[string]bool{},
		object: &Object{Spec: &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{}}, Sampled: sampled(probe)}}
	if err := g.programs(); err != nil {
		return nil, fmt.Errorf("generating %s: %w", probe.Name, err)
	}
	maps, first := mapsOf(probe, len(g.object.Programs), g.used, &g.sets, options.CPUs)
	for err := first; err != nil; maps, err = mapsOf(probe, len(g.object.Programs), g.used, &g.sets, options.CPUs) {
		if options.Lower == nil || !options.Lower(probe) {
			return nil, fmt.Errorf("generating %s: %w", probe.Name, first)
		}
	}
	g.object.Spec.Maps, g.object.Maps = maps.specs, maps.list
	g.object.Layout = &Layout{probe: probe}
	g.object.Capabilities = capabilities(probe)
	g.object.Hash = hashOf(g.object)
	return g.object, nil
}

func (g *generator) programs() error {
	if n := eventBytes(g.probe); n > maxEvent && (len(g.probe.Emit) > 0 || g.probe.Trigger != nil) {
		return fmt.Errorf("%w: an event of %d bytes of at most %d: emit less, or shorter texts", ErrBounds, n, maxEvent)
	}
	if pair := g.probe.Pair; pair != nil {
		for i := range pair.Starts {
			if err := g.program(&pair.Starts[i], i, true); err != nil {
				return err
			}
		}
	}
	for i := range g.probe.Hooks {
		if err := g.program(&g.probe.Hooks[i], i, false); err != nil {
			return err
		}
	}
	return nil
}

func newBuilder(probe *ir.Probe, hook *ir.Hook, features Features, sets *sets) *builder {
	shared := newInterner()
	if probe.Trigger != nil {
		copied, trigger := *probe, *probe.Trigger
		trigger.When = shared.expr(trigger.When)
		copied.Trigger = &trigger
		probe = &copied
	}
	b := &builder{code: newCode(), probe: probe, hook: shared.hook(hook), features: features, sets: sets, joins: map[label]*fact{}}
	b.loads = findBlocks(b, roots(probe, b.hook))
	return b
}

func (g *generator) program(hook *ir.Hook, index int, start bool) error {
	name := fmt.Sprintf("hook%d", index)
	if start {
		name = fmt.Sprintf("start%d", index)
	}
	spec, err := programSpec(name, hook)
	if err != nil {
		return err
	}
	b := newBuilder(g.probe, hook, g.options.Features, &g.sets)
	b.triggerOneIn = g.object.Sampled
	if start {
		b.startProgram(len(g.object.Programs))
	} else {
		b.hookProgram(len(g.object.Programs), index)
	}
	made, err := b.finish()
	if err != nil {
		return fmt.Errorf("%s on %s: %w", hook.Kind, hook.Target, err)
	}
	made.Name, made.Hook, made.Start = name, index, start
	spec.Instructions = made.code
	for _, i := range made.code {
		if i.IsLoadFromMap() {
			g.used[i.Reference()] = true
		}
	}
	g.object.Spec.Programs[name] = spec
	g.object.Programs = append(g.object.Programs, made.Program)
	return nil
}

// finish turns what was built into a program.
func (b *builder) finish() (*finished, error) {
	if b.err != nil {
		return nil, b.err
	}
	b.prune()
	b.skipJumps()
	b.prune()
	if err := b.allocate(); err != nil {
		return nil, err
	}
	stack, err := b.layStack()
	if err != nil {
		return nil, b.explain(err)
	}
	cost := b.cost()
	code, lines, err := b.assemble()
	if err != nil {
		return nil, err
	}
	made := &finished{code: code}
	for _, i := range code {
		made.Instructions += int(i.Width())
	}
	made.StackBytes, made.Lines, made.Cost = stack, lines, cost
	return made, nil
}

// explain names the expression that finds no room on the stack.
func (b *builder) explain(err error) error {
	var full *stackError
	if errors.As(err, &full) && full.expr != nil {
		if at := full.expr.Pos.Source; at >= 0 && at < len(b.probe.Sources) {
			source := b.probe.Sources[at]
			return fmt.Errorf("%w: no room for what %s needs (%q): use fewer or shorter texts", err, source.Where, part(source, full.expr.Pos))
		}
	}
	return err
}

// part is the piece of a text that an expression comes from.
func part(source ir.Source, pos ir.Pos) string {
	text := []rune(source.Text)
	from, to := max(0, min(pos.From, len(text))), max(0, min(pos.To, len(text)))
	if from >= to {
		return source.Text
	}
	return string(text[from:to])
}
