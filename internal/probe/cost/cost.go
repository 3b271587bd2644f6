// SPDX-License-Identifier: Apache-2.0

// Package cost knows what hooks cost a hit: a small table of measurements, each with where it comes from. Explanations
// show it, and it decides among hooks that see the same. aeolus bench hooks measures it anew.
package cost

import (
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Source is where a figure comes from.
type Source struct {
	// Kernel is the release; Day is when it was measured: "2026-01-31".
	Kernel, Day string
	// Emulated figures are of a guest without hardware beneath. They are put in proportion by a hook that was measured in
	// both, so that they tell which hook is cheaper, and little more.
	Emulated bool
}

// Figure is what a hook costs.
type Figure struct {
	Kind ir.HookKind
	// Target or direction where hooks of one kind differ: "ingress", "connect4".
	Target string
	// Hit is what a hit costs with a program that does nothing, beyond what is done without the hook.
	Hit time.Duration
	// Spread is half the distance between the quartiles of the measurements.
	Spread time.Duration
	Source Source
}

// Table gives all figures.
func Table() []Figure { return append([]Figure(nil), figures[:]...) }

// Of gives what a hit of a kind of hook costs. The target matters where there is a figure for it, else the kind's first
// figure stands for all. False says that it has not been measured.
func Of(kind ir.HookKind, target string) (Figure, bool) {
	var found Figure
	for _, figure := range figures {
		if figure.Kind != kind {
			continue
		}
		if figure.Target == target {
			return figure, true
		}
		if found.Kind == ir.HookInvalid {
			found = figure
		}
	}
	return found, found.Kind != ir.HookInvalid
}

// Cheapest gives the kind that costs the least a hit among some that see the same. Those that have not been measured come
// last, and of equals the first.
func Cheapest(kinds ...ir.HookKind) ir.HookKind {
	var best ir.HookKind
	var least time.Duration
	for _, kind := range kinds {
		figure, ok := Of(kind, "")
		switch {
		case best == ir.HookInvalid:
			best, least = kind, figure.Hit
		case ok && (least == 0 || figure.Hit < least):
			best, least = kind, figure.Hit
		}
	}
	return best
}
