// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"log/slog"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// ErrUnsupported is the answer on systems other than Linux.
var ErrUnsupported = errors.New("probes run on Linux alone")

// HostConfig says how to find out what this host can do.
type HostConfig struct {
	// Raw allows members outside the views.
	Raw bool
	// ProcRoot and TracefsRoot stand in for /proc and for where tracefs is mounted; found if they are empty.
	ProcRoot, TracefsRoot string
}

// Config is what to run.
type Config struct {
	Compiled *probe.Compiled
	// Target is what Compiled was compiled for. It is needed to compile again where the kernel turns out to refuse something that
	// has an equivalent; without it there is no second try.
	Target probe.Target
	// Owners finds out who is in scope; needed for probes whose scope is not the host.
	Owners Owners
	Logger *slog.Logger
}

// State is what a probe is doing.
type State uint8

// The states. All but Running are final.
const (
	Running State = iota
	// Closed was asked to end.
	Closed
	// Expired has had its time.
	Expired
	// SwitchedOff has spent its budget: it switched itself off in the kernel, and was detached then.
	SwitchedOff
	// Broken cannot go on.
	Broken
)

var stateNames = [...]string{"running", "closed", "expired", "switched off", "broken"}

func (s State) String() string { return stateNames[min(int(s), len(stateNames)-1)] }

// Cost is what a probe has cost.
type Cost struct {
	Runs uint64
	// Time is estimated from those runs that were timed.
	Time time.Duration
	// Memory is what its maps hold in the kernel, bytes.
	Memory uint64
	// Share is the part of one processor that it took since it was started.
	Share float64
}

// HookStatus is one of a probe's programs.
type HookStatus struct {
	// Hook is an index into the probe's hooks, or into the starts of its pair for a Start.
	Hook  int
	Start bool
	// Name is how a person writes it: "tp_btf inet_sock_set_state".
	Name string
	Runs uint64
	Time time.Duration
}

// Status is how a probe is doing.
type Status struct {
	State State
	// Why says in a sentence why it does not run any more.
	Why string
	// Since is when it was attached, Ends when its time will be over (zero without TTL), Ended when it did end.
	Since, Ends, Ended time.Time
	Cost               Cost
	Hooks              []HookStatus
	Losses             [ir.Losses]uint64
	// Members is who is in scope; empty where the scope is the host.
	Members Members
	// Notes tell what a person should know about how it came up, a sentence each.
	Notes []string
}

// Timing is how long coming up took.
type Timing struct {
	Load, Attach, Scope time.Duration
}
