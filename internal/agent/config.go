// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/agent/export"
	"github.com/aeolus-ebpf/aeolus/internal/agent/track"
	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// Config is everything an agent is told.
type Config struct {
	// Node is the name it reports under; the one in its certificate.
	Node  string
	Scope Scope
	// Controller is the address, host:port, of whoever says what to run.
	Controller string
	// Reports is the address, host:port, of whoever takes flow batches and events: a collector. The controller if empty.
	Reports string
	// TLS is for the connection to the controller: see pki.ClientConfig.
	TLS *tls.Config
	// ReportsName is the name to expect in the certificate of whoever is at Reports; the host of Reports if empty.
	ReportsName string
	// Defaults run until a controller says what to run.
	Defaults []assign.Assignment
	// Interval is how often flows are reported; a second if it is 0.
	Interval time.Duration
	// Bounds of what is kept; 0 for the defaults of packages track and export.
	Connections, Events, Batches, BatchBytes int
	// OwnPIDs are processes of Aeolus besides this one, whose traffic is labelled.
	OwnPIDs []uint32
	Logger  *slog.Logger

	// Host stands in for this host in tests; nil for the real one.
	Host *Host
}

// Host is what an agent needs of the machine it runs on.
type Host struct {
	Resolver Resolver
	// Sensors construct the sensors by name.
	Sensors map[string]func(sensor.Settings) (sensor.Sensor, error)
	// Settings are what every sensor gets, without the parameters of its assignment.
	Settings sensor.Settings
	// Features tries what the kernel can do. It may take seconds.
	Features func(context.Context) []Feature
	// Monotonic reads the clock of the kernel's stamps.
	Monotonic func() uint64
	// Kernel and Architecture describe the machine.
	Kernel, Architecture string
	// NetNS is the inode of the network namespace that the agent's own connections are in; 0 if it is not known.
	NetNS uint32
}

// Resolver tells what an owner is, and which addresses there are.
type Resolver interface {
	track.Resolver
	// Run keeps what is known up to date until the context ends.
	Run(context.Context) error
	Addresses() []model.AddressOwner
	// Locate makes sure that Addresses holds an address if it is one of this host's, and tells whether it has become known
	// by that.
	Locate(netip.Addr) bool
}

// Feature is something a kernel may let us do. The verdict is yes, no or unknown.
type Feature struct {
	Name, Verdict string
	// Err says why, where the verdict is not yes.
	Err string
	// Without says what works without it, and what does not.
	Without string
}

func (c Config) withDefaults() (Config, error) {
	if err := pki.CheckNode(c.Node); err != nil {
		return c, err
	}
	if _, _, err := net.SplitHostPort(c.Controller); err != nil {
		return c, fmt.Errorf("the controller's address must be host:port: %w", err)
	}
	if c.Reports == "" {
		c.Reports = c.Controller
	}
	if _, _, err := net.SplitHostPort(c.Reports); err != nil {
		return c, fmt.Errorf("the collector's address must be host:port: %w", err)
	}
	if c.TLS == nil {
		return c, errors.New("the connection to the controller needs TLS: give a certificate, its key and the authority")
	}
	if c.Interval == 0 {
		c.Interval = time.Second
	}
	if c.Interval < 10*time.Millisecond || c.Interval > time.Minute {
		return c, fmt.Errorf("the interval must be between 10ms and 1m, not %s", c.Interval)
	}
	for _, bound := range []struct {
		name        string
		value       *int
		least, most int
		usual       int
	}{
		{"connections", &c.Connections, 1, 4 << 20, track.DefaultConnections},
		{"events", &c.Events, 1, 1 << 20, export.DefaultEvents},
		{"batches", &c.Batches, 1, 3_600, export.DefaultBatches},
		{"batch bytes", &c.BatchBytes, 1 << 16, 1 << 30, export.DefaultBytes},
	} {
		if *bound.value == 0 {
			*bound.value = bound.usual
		}
		if *bound.value < bound.least || *bound.value > bound.most {
			return c, fmt.Errorf("the bound on %s must be between %d and %d, not %d", bound.name, bound.least, bound.most, *bound.value)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
