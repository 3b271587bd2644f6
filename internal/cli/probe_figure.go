// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// bucket is one bar of a histogram: what is at least From and less than Below.
type bucket struct {
	from, below float64
	count       uint64
}

// bucketsOf are a histogram's bars, without the empty ones at both ends.
func bucketsOf(m *ir.Measure, counts []uint64) []bucket {
	first, last := -1, -1
	for i, n := range counts {
		if n > 0 {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return nil
	}
	bars := make([]bucket, 0, last-first+1)
	for i := first; i <= last; i++ {
		from, below := bucketEdges(m, i, len(counts))
		bars = append(bars, bucket{from, below, counts[i]})
	}
	return bars
}

// bucketEdges are the least that a bucket holds, and what it holds less than.
func bucketEdges(m *ir.Measure, i, n int) (from, below float64) {
	from, below = math.Inf(-1), math.Inf(1)
	if m.Kind == ir.Log2Histogram {
		// Bucket 0 holds 0 and less, which for all that is measured is 0.
		switch {
		case i == 0:
			return 0, 1
		case i == n-1:
			return math.Ldexp(1, i-1), below
		}
		return math.Ldexp(1, i-1), math.Ldexp(1, i)
	}
	if i > 0 && i <= len(m.Bounds) {
		from = float64(m.Bounds[i-1])
	}
	if i < len(m.Bounds) {
		below = float64(m.Bounds[i])
	}
	return from, below
}

// quantile is below what the given share of a histogram's values are, by its buckets.
func quantile(bars []bucket, share float64) float64 {
	var total uint64
	for _, b := range bars {
		total += b.count
	}
	wanted := uint64(math.Ceil(share * float64(total)))
	var sum uint64
	for _, b := range bars {
		if sum += b.count; sum >= wanted {
			return b.below
		}
	}
	return math.NaN()
}

// figureText writes a number of a measure's type.
func figureText(v float64, t ir.Type) string {
	switch {
	case math.IsNaN(v):
		return units.Unknown
	case t.Kind == ir.Duration:
		return units.Duration(time.Duration(v))
	case t.Hint == ir.Size:
		return units.Bytes(v)
	case math.Abs(v) < 100_000 && v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return units.Number(v)
}

// edgeText writes an edge of a bucket: powers of two of time are not round, and are written as they are.
func edgeText(v float64, t ir.Type) string {
	if math.IsInf(v, 0) {
		return ""
	}
	return figureText(v, t)
}

// quantileText says below what, or beyond what, the given share of a histogram's values is.
func quantileText(bars []bucket, share float64, t ir.Type) string {
	v := quantile(bars, share)
	if math.IsInf(v, 1) {
		return "≥" + figureText(bars[len(bars)-1].from, t)
	}
	return "<" + figureText(v, t)
}

// distinctError is the standard error of a Distinct, as a share.
func distinctError(m *ir.Measure) float64 { return 1.04 / math.Sqrt(float64(uint(1)<<m.Precision)) }

// rated is a number per second.
func rated(m *ir.Measure, v float64, over time.Duration) string {
	if over <= 0 {
		return units.Unknown
	}
	v /= over.Seconds()
	switch {
	case m.Type.Hint == ir.Size:
		return units.BytesPerSecond(v)
	case m.Type.Kind == ir.Duration:
		return units.Duration(time.Duration(v)) + "/s"
	}
	return units.Rate(v)
}

// sparks are the bars of a small histogram.
var sparks = []rune("▁▂▃▄▅▆▇█")

// spark draws a histogram in one cell: at most so many bars, neighbours put together where there are more.
func spark(bars []bucket, most int) string {
	if len(bars) == 0 {
		return ""
	}
	per := (len(bars) + most - 1) / most
	var heights []uint64
	for i := 0; i < len(bars); i += per {
		var sum uint64
		for _, b := range bars[i:min(i+per, len(bars))] {
			sum += b.count
		}
		heights = append(heights, sum)
	}
	var top uint64
	for _, h := range heights {
		top = max(top, h)
	}
	drawn := make([]rune, len(heights))
	for i, h := range heights {
		if h == 0 {
			drawn[i] = ' '
			continue
		}
		high, low := bits.Mul64(h, uint64(len(sparks)-1))
		step, _ := bits.Div64(high, low, top)
		drawn[i] = sparks[step]
	}
	return string(drawn)
}

// withError writes a figure that may be too low by a stated error.
func withError(number, more uint64, t ir.Type) string {
	text := figureText(scalar(number, t), t)
	if more == 0 {
		return text
	}
	return fmt.Sprintf("%s–%s", text, figureText(scalar(number+more, t), t))
}
