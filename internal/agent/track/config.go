// SPDX-License-Identifier: Apache-2.0

package track

import (
	"net/netip"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Resolver tells what an owner is. Resolve never returns nil and never waits for anything but a read of /proc.
type Resolver interface {
	Resolve(model.Owner) *model.Endpoint
}

// Config is what a Table needs.
type Config struct {
	Resolver Resolver
	// Own tells whether a connection between these ends is Aeolus' own, whatever is known of its owner's process.
	Own func(owner model.Owner, local, remote netip.AddrPort) bool
	// Most connections and listeners to keep.
	Connections, Listeners int
	// Monotonic reads the clock that snapshots are stamped with.
	Monotonic func() uint64
	Ledger    *loss.Ledger
}

// The defaults of Config's bounds.
const (
	DefaultConnections = 262_144
	DefaultListeners   = 8_192
)

// Anchor ties the two clocks together: both were read at the same instant.
type Anchor struct {
	// Mono is CLOCK_MONOTONIC, Wall is Unix time; nanoseconds.
	Mono uint64
	Wall int64
}
