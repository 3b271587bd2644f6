// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"
	"math"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// Bucket is one bar of a histogram: what was less than Below, and no less than the bucket before.
type Bucket struct {
	// Least is the lower end, Below the upper; whichever is not there has no end.
	Least *int64 `json:"least"`
	Below *int64 `json:"below"`
	Count uint64 `json:"count"`
}

// Buckets takes a histogram apart; those at both ends that are empty are left out.
func Buckets(m *ir.Measure, v *ir.Measured) []Bucket {
	all := []Bucket{}
	var least *int64
	for i, count := range v.Buckets {
		var below *int64
		if end, ok := upper(m, i); ok {
			below = &end
		}
		all = append(all, Bucket{Least: least, Below: below, Count: count})
		least = below
	}
	for len(all) > 0 && all[len(all)-1].Count == 0 {
		all = all[:len(all)-1]
	}
	for len(all) > 0 && all[0].Count == 0 {
		all = all[1:]
	}
	return all
}

// upper is the exclusive upper end of a bucket; false for the last.
func upper(m *ir.Measure, i int) (int64, bool) {
	if m.Kind == ir.Histogram {
		if i < len(m.Bounds) {
			return m.Bounds[i], true
		}
		return 0, false
	}
	if i >= 63 {
		return 0, false
	}
	return 1 << i, true
}

// Total is how many values a histogram has.
func Total(v *ir.Measured) uint64 {
	var total uint64
	for _, count := range v.Buckets {
		total += count
	}
	return total
}

// quantile is the upper end of the bucket in which a share of the values is reached; nil if it has none.
func quantile(m *ir.Measure, v *ir.Measured, share float64) *int64 {
	rank := uint64(math.Ceil(share * float64(Total(v))))
	var seen uint64
	for _, b := range Buckets(m, v) {
		if seen += b.Count; seen >= rank {
			return b.Below
		}
	}
	return nil
}

// Measured writes one figure for people. Rates are over the time in which it was counted.
func (p *Printer) Measured(m *ir.Measure, v *ir.Measured, over time.Duration) string {
	switch m.Kind {
	case ir.Average:
		if v.Count == 0 {
			return units.Unknown
		}
		return p.Text(m.Type, ir.Value{Number: average(m, v)})
	case ir.Min, ir.Max:
		return p.Text(m.Type, ir.Value{Number: v.Number})
	case ir.Sum:
		if m.Type.Kind == ir.Duration || m.Type.Hint == ir.Size {
			return p.Text(m.Type, ir.Value{Number: v.Number})
		}
		return p.number(ir.Type{Kind: m.Type.Kind}, v.Number)
	case ir.Log2Histogram, ir.Histogram:
		return p.quantiles(m, v)
	case ir.Distinct:
		return fmt.Sprintf("~%.0f", ir.Estimate(v.Buckets))
	case ir.Rate:
		if m.Type.Hint == ir.Size {
			return units.BytesPerSecond(perSecond(v, over))
		}
		return units.Rate(perSecond(v, over))
	}
	return fmt.Sprint(v.Number)
}

// average rounds towards zero, by the sign of what was averaged.
func average(m *ir.Measure, v *ir.Measured) uint64 {
	if m.Type.Kind.Signed() {
		return uint64(int64(v.Number) / int64(v.Count))
	}
	return v.Number / v.Count
}

func perSecond(v *ir.Measured, over time.Duration) float64 {
	if over <= 0 {
		return math.NaN()
	}
	return float64(v.Number) / over.Seconds()
}

// quantiles sums a histogram up in a cell.
func (p *Printer) quantiles(m *ir.Measure, v *ir.Measured) string {
	total := Total(v)
	if total == 0 {
		return units.Unknown
	}
	end := func(share float64) string {
		if bound := quantile(m, v, share); bound != nil {
			return "<" + p.Text(m.Type, ir.Value{Number: uint64(*bound)})
		}
		return "no bound"
	}
	return fmt.Sprintf("%d, half %s, 99 %% %s", total, end(0.5), end(0.99))
}

// MeasuredJSON is one figure for machines.
func (p *Printer) MeasuredJSON(m *ir.Measure, v *ir.Measured, over time.Duration) any {
	switch m.Kind {
	case ir.Average:
		figure := map[string]any{"average": nil, "sum": p.JSON(m.Type, ir.Value{Number: v.Number}), "count": v.Count}
		if v.Count > 0 {
			figure["average"] = p.JSON(m.Type, ir.Value{Number: average(m, v)})
		}
		return figure
	case ir.Sum, ir.Min, ir.Max:
		return p.JSON(m.Type, ir.Value{Number: v.Number})
	case ir.Log2Histogram, ir.Histogram:
		return map[string]any{"count": Total(v), "buckets": Buckets(m, v)}
	case ir.Distinct:
		return map[string]any{"estimate": math.Round(ir.Estimate(v.Buckets)), "standardError": 1.04 / math.Sqrt(float64(len(v.Buckets)))}
	case ir.Rate:
		figure := map[string]any{"total": v.Number, "perSecond": nil}
		if rate := perSecond(v, over); !math.IsNaN(rate) {
			figure["perSecond"] = rate
		}
		return figure
	}
	return v.Number
}
