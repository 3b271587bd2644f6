// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"time"
)

// sustained sends at a steady rate while it is measured when what is sent can be asked for.
func (b *ingestBed) sustained(ctx context.Context) ([]Row, error) {
	o := order{Kind: sendFlows, Rows: sustainedRows, Short: 0.5, Paced: true, Duration: time.Minute}
	if !b.run.Full {
		o.Rows, o.Duration = sustainedSmall, 5*time.Second
	}
	b.run.Progress(fmt.Sprintf("%d rows a second for %s", o.Rows, o.Duration))
	var probes delaysUntilQueryable
	found, err := b.replay(ctx, o, func(ctx context.Context, s *subject) error {
		got, err := probeUntil(ctx, s)
		probes = got
		return err
	})
	if err != nil {
		return nil, err
	}
	const what = "sustained, "
	seconds := found.Took.Seconds()
	one := func(name, unit string, value float64) Row { return Measured(what+name, unit, []float64{value}) }
	events := float64(found.Events) / seconds
	represented := one("events represented a second", PerSecond, events).WithNote("for %s, sender and controller on one CPU each; %s", o.Duration, eventsAreRows)
	computed := one("events represented a second, two CPUs", PerSecond, 2*events).WithNote("computed: twice the row above")
	if b.run.Full {
		represented, computed = represented.WithLeast(goalRepresented), computed.WithLeast(goalTwoCores)
	}
	rows := []Row{
		one("rows a second", PerSecond, float64(found.Records)/seconds).WithNote("%s; the last body was %s late; %s", bodiesOfASecond, found.Late.Round(time.Millisecond), found.load),
		represented, computed,
		one("controller's CPU", Share, busy(&found)).WithNote("of one CPU; its threads waited %s for it, sums of all", found.waited.Round(time.Millisecond)),
		one("CPU per row", Seconds, found.perRecord(found.cpu.Seconds())).WithGoal(goalPerRow).WithNote("%s", wholePath),
		one("allocations per row", Count, found.perRecord(float64(found.allocations))),
		one("lost", Count, lossOf(found.lost)).WithNote("%s", lossWords([]replayed{found})),
		one("on the wire per row", Bytes, found.perRecord(float64(found.Bytes))),
		one("on disk per row", Bytes, found.perRecord(found.disk)).WithNote("all tables of the archive"),
		one("controller's memory at the end", Bytes, found.resident).WithNote("resident"),
	}
	return append(rows, probes.rows()...), nil
}
