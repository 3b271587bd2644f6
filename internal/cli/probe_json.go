// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	proberun "github.com/aeolus-ebpf/aeolus/internal/probe/run"
)

// ordered is an object whose fields keep their order.
type ordered []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the fields one after the other.
func (o ordered) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	text.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			text.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		text.Write(name)
		text.WriteByte(':')
		text.Write(value)
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}

// writeLine writes one of many values: a line of JSON, or a YAML document after its separator.
func (a *app) writeLine(f format, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	if f == formatJSON {
		_, err = a.Out.Write(append(escape(text, f), '\n'))
		return err
	}
	document, err := toYAML(text)
	if err != nil {
		return err
	}
	_, err = a.Out.Write(append([]byte("---\n"), document...))
	return err
}

// probeObjects makes objects of a probe's answers.
type probeObjects struct {
	probe *ir.Probe
	names *probeNames
	hooks []string
}

func newProbeObjects(p *ir.Probe, names *probeNames) *probeObjects {
	o := &probeObjects{probe: p, names: names}
	for i := range p.Hooks {
		o.hooks = append(o.hooks, probe.HookName(&p.Hooks[i]))
	}
	return o
}

// values are fields with their names.
func (o *probeObjects) values(fields []ir.Field, values []ir.Value) ordered {
	all := ordered{}
	for i, field := range fields[:min(len(fields), len(values))] {
		all = append(all, member{field.Name, o.names.machine(values[i], field.Type)})
	}
	return all
}

// event is a match that left at once.
func (o *probeObjects) event(e *ir.Event, at time.Time) ordered {
	hook := ""
	if e.Hook >= 0 && e.Hook < len(o.hooks) {
		hook = o.hooks[e.Hook]
	}
	measures := ordered{}
	if o.probe.Trigger != nil {
		for i, index := range o.probe.Trigger.Measures[:min(len(o.probe.Trigger.Measures), len(e.Measured))] {
			m := &o.probe.Measures[index]
			measures = append(measures, member{m.Name, o.names.machine(ir.Value{Number: e.Measured[i]}, plainType(m))})
		}
	}
	return ordered{
		{"type", "event"}, {"time", at.UTC().Format(time.RFC3339Nano)}, {"hook", hook}, {"cpu", e.CPU}, {"triggered", e.Triggered},
		{"keys", o.values(o.probe.Keys, e.Keys)}, {"values", o.values(o.probe.Emit, e.Emit)}, {"measures", measures},
	}
}

// plainType is the type of a measure's number.
func plainType(m *ir.Measure) ir.Type {
	if m.Kind == ir.Count || m.Type.Kind == ir.Invalid {
		return ir.Type{Kind: ir.Uint}
	}
	return m.Type
}

// row is what was kept for one key; one without keys is all others together.
func (o *probeObjects) row(row *ir.Row, other bool, s *proberun.Snapshot) ordered {
	measures, missing := ordered{}, ordered{}
	for i := range o.probe.Measures {
		m := &o.probe.Measures[i]
		measures = append(measures, member{m.Name, figureObject(m, &row.Measures[i], s.Time.Sub(s.Since))})
		if row.Measures[i].Error > 0 {
			missing = append(missing, member{m.Name, row.Measures[i].Error})
		}
	}
	return ordered{
		{"type", "row"}, {"time", s.Time.UTC().Format(time.RFC3339Nano)}, {"other", other}, {"keys", o.values(o.probe.Keys, row.Keys)},
		{"measures", measures}, {"mayMiss", missing},
	}
}

func unitOf(t ir.Type) string {
	switch {
	case t.Kind == ir.Duration:
		return "ns"
	case t.Hint == ir.Size:
		return "bytes"
	}
	return ""
}

// figureObject is one figure.
func figureObject(m *ir.Measure, v *ir.Measured, over time.Duration) any {
	number := func(n uint64) any {
		if m.Type.Kind.Signed() {
			return int64(n)
		}
		return n
	}
	switch m.Kind {
	case ir.Average:
		var average any
		if v.Count > 0 {
			average = proberun.Weight(m, v)
		}
		return ordered{{"average", average}, {"sum", number(v.Number)}, {"count", v.Count}}
	case ir.Log2Histogram, ir.Histogram:
		bars := []ordered{}
		var total uint64
		for _, b := range bucketsOf(m, v.Buckets) {
			bars = append(bars, ordered{{"from", finite(b.from)}, {"below", finite(b.below)}, {"count", b.count}})
			total += b.count
		}
		return ordered{{"unit", unitOf(m.Type)}, {"count", total}, {"buckets", bars}}
	case ir.Distinct:
		return ordered{{"estimate", math.Round(ir.Estimate(v.Buckets))}, {"standardError", distinctError(m)}}
	case ir.Rate:
		return ordered{{"total", number(v.Number)}, {"perSecond", scalar(v.Number, m.Type) / max(over.Seconds(), 1e-9)}}
	}
	return number(v.Number)
}

// finite is null for what has no end.
func finite(v float64) any {
	if math.IsInf(v, 0) {
		return nil
	}
	return v
}

// timedNumber is a time in nanoseconds, or null where none of the runs was timed.
func timedNumber(took time.Duration, runs uint64) any {
	if took == 0 && runs > 0 {
		return nil
	}
	return took.Nanoseconds()
}

// end says how a probe ended.
func (o *probeObjects) end(s *proberun.Status) ordered {
	losses := ordered{}
	for cause, n := range s.Losses {
		losses = append(losses, member{ir.Loss(cause).String(), n})
	}
	hooks := []ordered{}
	for _, h := range s.Hooks {
		hooks = append(hooks, ordered{{"hook", h.Name}, {"start", h.Start}, {"runs", h.Runs}, {"nanoseconds", timedNumber(h.Time, h.Runs)}})
	}
	var share any
	if timed(s) {
		share = s.Cost.Share
	}
	notes := append([]string{}, s.Notes...)
	return ordered{
		{"type", "end"}, {"time", s.Ended.UTC().Format(time.RFC3339Nano)}, {"state", s.State.String()}, {"why", s.Why},
		{"runs", s.Cost.Runs}, {"nanoseconds", timedNumber(s.Cost.Time, s.Cost.Runs)}, {"share", share}, {"memory", s.Cost.Memory},
		{"hooks", hooks}, {"losses", losses}, {"scope", append([]string{}, s.Members.Workloads...)},
		{"notes", append(notes, s.Members.Notes...)},
	}
}
