// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Quantile is the value below which a share of the measurements lies, interpolated; not a number where there are none.
func Quantile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	place := share * float64(len(sorted)-1)
	below := int(math.Floor(place))
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (sorted[above]-sorted[below])*(place-float64(below))
}

// Median is the middle of the measurements.
func Median(values []float64) float64 { return Quantile(values, 0.5) }

// spread is half the distance between the quartiles; nil where one measurement says nothing about it.
func spread(values []float64) *float64 {
	if len(values) < 2 {
		return nil
	}
	half := (Quantile(values, 0.75) - Quantile(values, 0.25)) / 2
	return &half
}

// Variant is one of the things that are compared.
type Variant struct {
	Name string
	// Run makes one measurement; the figures of all rounds are collected by name.
	Run func(ctx context.Context, round int) (map[string]float64, error)
}

// Interleave runs the variants in turn for a number of rounds, so that whatever else changes on the host meets them
// alike; every other round goes backwards. It gives the measurements by variant and figure.
func Interleave(ctx context.Context, rounds int, progress func(string), variants ...Variant) (map[string]map[string][]float64, error) {
	results := make(map[string]map[string][]float64, len(variants))
	for _, variant := range variants {
		results[variant.Name] = map[string][]float64{}
	}
	for round := range rounds {
		order := slices.Clone(variants)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, variant := range order {
			progress(fmt.Sprintf("round %d of %d: %s", round+1, rounds, variant.Name))
			figures, err := variant.Run(ctx, round)
			if err != nil {
				return nil, fmt.Errorf("measuring %s in round %d: %w", variant.Name, round+1, err)
			}
			for name, value := range figures {
				results[variant.Name][name] = append(results[variant.Name][name], value)
			}
		}
	}
	return results, nil
}
