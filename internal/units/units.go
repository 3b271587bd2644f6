// SPDX-License-Identifier: Apache-2.0

// Package units writes numbers the way people read them: two or three significant digits, SI prefixes, and the unit
// always there.
package units

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Unknown stands for a number that is not known. It is never written as 0.
const Unknown = "–"

// Number writes a plain number with an SI prefix: 3.4 k.
func Number(v float64) string { return scaled(v, "", "") }

// Bytes writes a number of bytes: 56 MB.
func Bytes(v float64) string { return scaled(v, "B", "") }

// BytesPerSecond writes a rate of bytes: 1.2 MB/s.
func BytesPerSecond(v float64) string { return scaled(v, "B", "/s") }

// Rate writes a number a second: 3.4 k/s.
func Rate(v float64) string { return scaled(v, "", "/s") }

// Percent writes a share as per cent. A share above nothing is never written as 0 %.
func Percent(share float64) string {
	v := share * 100
	switch {
	case math.IsNaN(v):
		return Unknown
	case v > 0 && v < 0.01:
		return "<0.01 %"
	case v < 100 && v >= 99.5:
		return strconv.FormatFloat(math.Floor(v*10)/10, 'f', 1, 64) + " %"
	}
	return digits(v) + " %"
}

// Seconds writes a time given in seconds: 1.2 ms.
func Seconds(v float64) string {
	switch abs := math.Abs(v); {
	case math.IsNaN(v):
		return Unknown
	case abs == 0:
		return "0 s"
	case abs < 0.9995e-6:
		return digits(v*1e9) + " ns"
	case abs < 0.9995e-3:
		return digits(v*1e6) + " µs"
	case abs < 0.9995:
		return digits(v*1e3) + " ms"
	case abs < 120:
		return digits(v) + " s"
	}
	return Span(time.Duration(v * float64(time.Second)))
}

// Duration writes a time: 1.2 ms.
func Duration(d time.Duration) string { return Seconds(d.Seconds()) }

// Span writes how long something has lasted, in its two greatest units: 4 s, 2 min 5 s, 3 h 10 min, 2 d 4 h.
func Span(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	days, hours := int(d/(24*time.Hour)), int(d/time.Hour)%24
	minutes, seconds := int(d/time.Minute)%60, int(d/time.Second)%60
	switch {
	case days > 0:
		return pair(days, "d", hours, "h")
	case hours > 0:
		return pair(hours, "h", minutes, "min")
	case minutes > 0:
		return pair(minutes, "min", seconds, "s")
	}
	return strconv.Itoa(seconds) + " s"
}

func pair(a int, unitA string, b int, unitB string) string {
	s := strconv.Itoa(a) + " " + unitA
	if b == 0 {
		return s
	}
	return s + " " + strconv.Itoa(b) + " " + unitB
}

var prefixes = [...]string{"", "k", "M", "G", "T", "P", "E"}

func scaled(v float64, unit, suffix string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Unknown
	}
	step := 0
	for math.Abs(v) >= 999.5 && step < len(prefixes)-1 {
		v /= 1000
		step++
	}
	if unit = prefixes[step] + unit; unit+suffix == "" {
		return digits(v)
	}
	if unit == "" {
		return digits(v) + suffix
	}
	return digits(v) + " " + unit + suffix
}

// digits writes v with two significant digits below ten and none behind the point from there on.
func digits(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 9.95 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case abs >= 0.995:
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}
