// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"encoding/binary"
	"errors"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// errEnded ends a run that has nothing more to do.
var errEnded = errors.New("the run has ended")

// run is one run of one hook.
type run struct {
	*Machine
	*frame
	hook    *ir.Hook
	index   int
	outcome Outcome
}

func (r *run) lose(loss ir.Loss) {
	r.losses[loss]++
	r.outcome.Lost, r.outcome.Loss = true, loss
}

func (r *run) end(loss ir.Loss) error {
	r.lose(loss)
	return errEnded
}

// holds ends the run where a condition does not hold.
func (r *run) holds(e *ir.Expr) error {
	if e == nil {
		return nil
	}
	value, err := r.eval(e)
	if err == nil && value.Number == 0 {
		return errEnded
	}
	return err
}

func (r *run) values(of []*ir.Expr) ([]ir.Value, error) {
	values := make([]ir.Value, len(of))
	for i, e := range of {
		if e == nil {
			continue
		}
		value, err := r.eval(e)
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	return values, nil
}

// begin is sampling and the guard.
func (r *run) begin(sampled bool) error {
	if r.Machine.world.Leaf != nil {
		return nil
	}
	if one := r.probe.SampleOneIn; sampled && one > 1 && uint64(r.Machine.world.Random())*uint64(one)>>32 != 0 {
		return errEnded
	}
	return r.holds(r.hook.Guard)
}

// start keeps what the end of a pair needs.
func (r *run) start() error {
	if err := r.begin(true); err != nil {
		return err
	}
	if err := r.holds(r.hook.Where); err != nil {
		return err
	}
	key, err := r.pairKey()
	if err != nil {
		return err
	}
	kept, err := r.values(r.hook.Keep)
	if err != nil {
		return err
	}
	if _, ok := r.pairs[key]; !ok && len(r.pairs) >= r.probe.Pair.Entries {
		return r.end(ir.PairsFull)
	}
	r.pairs[key] = started{at: r.running.Now, kept: kept}
	r.outcome.Kept = true
	return nil
}

func (r *run) pairKey() (string, error) {
	value, err := r.eval(r.hook.PairKey)
	if err != nil {
		return "", err
	}
	return encode([]ir.Value{value}, []ir.Field{{Type: r.probe.Pair.Key}}), nil
}

// take takes out what the start has kept.
func (r *run) take() error {
	key, err := r.pairKey()
	if err != nil {
		return err
	}
	from, ok := r.pairs[key]
	delete(r.pairs, key)
	if !ok || r.probe.Pair.Longest > 0 && r.running.Now-from.at > uint64(r.probe.Pair.Longest) {
		return r.end(ir.PairsMissing)
	}
	r.ended, r.started, r.kept = true, from.at, from.kept
	return nil
}

// whole is a run of a hook that is no start.
func (r *run) whole() error {
	if err := r.begin(r.probe.Pair == nil); err != nil {
		return err
	}
	if r.probe.Pair != nil {
		if err := r.take(); err != nil {
			return err
		}
	}
	if err := r.holds(r.hook.Where); err != nil {
		return err
	}
	keys, err := r.values(r.hook.Keys)
	if err != nil {
		return err
	}
	measures, err := r.values(r.hook.Measures)
	if err != nil {
		return err
	}
	emit := []ir.Value(nil)
	if r.probe.Trigger == nil {
		if emit, err = r.values(r.hook.Emit); err != nil {
			return err
		}
	}
	r.outcome.Matched = true
	row := r.count(keys, measures)
	if r.probe.Trigger != nil {
		return r.trigger(row, keys, measures)
	}
	if len(r.probe.Emit) == 0 {
		return nil
	}
	return r.send(ir.Event{Keys: keys, Emit: emit})
}

// count lets the row of a key take the measures; it gives nothing where that is the row "other", or where nothing is measured.
func (r *run) count(keys, measures []ir.Value) *row {
	if len(r.probe.Measures) == 0 {
		return nil
	}
	name := encode(keys, r.probe.Keys)
	of, ok := r.rows[name]
	if !ok && r.probe.Entries > 0 && len(r.rows) >= r.probe.Entries {
		r.lose(ir.KeysFull)
		if r.other == nil {
			r.other = newRow(r.probe.Measures, nil)
		}
		r.other.take(measures)
		return nil
	}
	if !ok {
		of = newRow(r.probe.Measures, keys)
		r.rows[name] = of
	}
	of.take(measures)
	return of
}

// send lets an event leave if the budget allows it.
func (r *run) send(event ir.Event) error {
	if !r.Machine.world.Allowed(r.running.Now) {
		return r.end(ir.EventsLimited)
	}
	event.Time, event.Hook, event.CPU = r.running.Now, r.index, r.running.CPU
	r.events = append(r.events, event)
	r.outcome.Event = true
	return nil
}

// encode lays values side by side as they lie in a map's key.
func encode(values []ir.Value, fields []ir.Field) string {
	content := []byte{}
	for i, value := range values {
		if t := fields[i].Type; t.Kind.Scalar() {
			content = binary.LittleEndian.AppendUint64(content, value.Number)
		} else {
			content = append(content, padded(value.Wide[:min(len(value.Wide), t.Bytes())], t.Width())...)
		}
	}
	return string(content)
}
