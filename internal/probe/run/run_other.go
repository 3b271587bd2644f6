// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package run

import (
	"context"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Probe is a probe in the kernel.
type Probe struct{}

// Host finds out what this host can do.
func Host(context.Context, HostConfig) (probe.Target, error) {
	return probe.Target{}, ErrUnsupported
}

// Start loads and attaches a probe.
func Start(context.Context, Config) (*Probe, error) { return nil, ErrUnsupported }

// Compiled is what runs.
func (p *Probe) Compiled() *probe.Compiled { return nil }

// Events are the matches that leave the kernel at once.
func (p *Probe) Events() <-chan ir.Event { return nil }

// Done is closed when the probe has ended.
func (p *Probe) Done() <-chan struct{} { return nil }

// Rows reads what has been counted.
func (p *Probe) Rows() (Snapshot, error) { return Snapshot{}, ErrUnsupported }

// Stack gives the addresses of a stack.
func (p *Probe) Stack(uint64) []uint64 { return nil }

// Status tells how the probe is doing.
func (p *Probe) Status() Status { return Status{} }

// Timing tells how long coming up took.
func (p *Probe) Timing() Timing { return Timing{} }

// Close takes the probe out of the kernel.
func (p *Probe) Close() error { return nil }
