// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Probe is a probe in the kernel.
type Probe struct {
	config Config
	events chan ir.Event
	done   chan struct{}
}

// Host finds out what this host can do.
func Host(context.Context, HostConfig) (probe.Target, error) {
	return probe.Target{}, errors.ErrUnsupported
}

// Start loads and attaches a probe.
func Start(context.Context, Config) (*Probe, error) { return nil, errors.ErrUnsupported }

// Compiled is what runs: another one than it was started with, where something had to be compiled again.
func (p *Probe) Compiled() *probe.Compiled { return p.config.Compiled }

// Events are the matches that leave the kernel at once. The channel is closed when the probe has ended.
func (p *Probe) Events() <-chan ir.Event { return p.events }

// Done is closed when the probe has ended.
func (p *Probe) Done() <-chan struct{} { return p.done }

// Rows reads what has been counted; after the end it is what was read last.
func (p *Probe) Rows() (Snapshot, error) { return Snapshot{}, errors.ErrUnsupported }

// Stack gives the addresses of a stack, innermost first; none where it was not kept.
func (p *Probe) Stack(uint64) []uint64 { return nil }

// Status tells how the probe is doing, or how it ended.
func (p *Probe) Status() Status { return Status{} }

// Timing tells how long coming up took.
func (p *Probe) Timing() Timing { return Timing{} }

// Close takes the probe out of the kernel and waits until it is gone. Events must be read meanwhile, or those that are still
// waiting are counted as lost.
func (p *Probe) Close() error { return nil }
