// SPDX-License-Identifier: Apache-2.0

package units

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// What is expected of each kind of text, for messages.
const (
	AboutTime  = "a time such as 500ms, 10s or 5m"
	AboutBytes = "a number of bytes such as 64Ki, 1Mi or 500k"
	AboutShare = "a share such as 0.5%"
	AboutRate  = "a rate such as 100/s"
)

var errText = errors.New("not understood")

// ParseTime reads a time: what Go writes, and days as 7d.
func ParseTime(text string) (time.Duration, error) {
	days, found := strings.CutSuffix(text, "d")
	if !found {
		d, err := time.ParseDuration(text)
		if err != nil || strings.HasPrefix(text, "+") {
			return 0, errText
		}
		return d, nil
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || n > math.MaxInt64/uint64(24*time.Hour) {
		return 0, errText
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

var byteUnits = []struct {
	suffix string
	factor uint64
}{
	{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"", 1},
}

// ParseBytes reads a number of bytes as Kubernetes writes them: 64Ki, 1.5Mi, 500k; with or without a B behind.
func ParseBytes(text string) (uint64, error) {
	text = strings.TrimSuffix(text, "B")
	for _, unit := range byteUnits {
		number, found := strings.CutSuffix(text, unit.suffix)
		if !found {
			continue
		}
		v, err := decimal(number)
		if err != nil || v*float64(unit.factor) >= 1<<63 {
			return 0, errText
		}
		return uint64(math.Round(v * float64(unit.factor))), nil
	}
	return 0, errText
}

// ParseShare reads a share of one in per cent: 0.5%.
func ParseShare(text string) (float64, error) {
	number, found := strings.CutSuffix(text, "%")
	if !found {
		return 0, errText
	}
	v, err := decimal(strings.TrimSuffix(number, " "))
	return v / 100, err
}

// ParseRate reads how often something may happen, per second: 100/s, 1k/s, 30/m.
func ParseRate(text string) (float64, error) {
	number, per, found := strings.Cut(text, "/")
	seconds := map[string]float64{"s": 1, "m": 60, "h": 3600}[per]
	if !found || seconds == 0 {
		return 0, errText
	}
	number, thousand := strings.CutSuffix(number, "k")
	v, err := decimal(number)
	if thousand {
		v *= 1000
	}
	return v / seconds, err
}

// decimal reads digits with at most one point among them, and nothing else that ParseFloat would take.
func decimal(text string) (float64, error) {
	if text == "" || len(text) > 20 || strings.Trim(text, "0123456789.") != "" {
		return 0, errText
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, errText
	}
	return v, nil
}
