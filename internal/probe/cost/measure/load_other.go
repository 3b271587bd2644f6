// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package measure

import "time"

// Loads runs into hooks.
type Loads struct{}

// NewLoads prepares the loads.
func NewLoads(string) (*Loads, error) { return nil, ErrUnsupported }

// Run runs into a hook so many times.
func (*Loads) Run(Load, int) (time.Duration, error) { return 0, ErrUnsupported }

// Close closes what the loads have open.
func (*Loads) Close() error { return nil }
