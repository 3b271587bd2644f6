// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// DefaultEndpoint is where a controller is looked for unless something else is configured.
const DefaultEndpoint = "localhost:7443"

const (
	defaultTimeout     = 2 * time.Second
	defaultEventsBytes = 64 << 20
	defaultFlowsBytes  = 256 << 20
	mostEndpoints      = 16
	// leastSpool has room for two of the largest messages.
	leastSpool = 2 * wire.MaxMessageBytes
)

// Config is what an exporter is told.
type Config struct {
	// Endpoints are controllers, host:port. Each gets everything.
	Endpoints []string `mapstructure:"endpoints"`
	// TLS is the collector's certificate, and whom it trusts to be a controller.
	TLS TLS `mapstructure:"tls"`
	// Timeout is how long a controller may take to answer.
	Timeout time.Duration `mapstructure:"timeout"`
	// Storage is the extension that keeps what cannot be sent; none if it is not given.
	Storage *component.ID `mapstructure:"storage"`
	// Spool bounds what is kept there, for each controller.
	Spool Spool `mapstructure:"spool"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// TLS is how both sides know each other. There is no way to go without it.
type TLS struct {
	passage.Certificate `mapstructure:",squash"`
	// CAFile or CAPEM is the authority that controllers' certificates are checked with.
	CAFile string `mapstructure:"ca_file"`
	CAPEM  string `mapstructure:"ca_pem"`
	// ServerName is expected in a controller's certificate in place of the endpoint's host.
	ServerName string `mapstructure:"server_name_override"`
}

func (t TLS) authority() passage.Authority {
	return passage.Authority{Setting: "ca", File: t.CAFile, PEM: t.CAPEM}
}

// Spool bounds what is kept on disk. Where it is full, the oldest goes.
type Spool struct {
	// EventsBytes and FlowsBytes bound events and flow batches.
	EventsBytes int64 `mapstructure:"events_bytes"`
	FlowsBytes  int64 `mapstructure:"flows_bytes"`
	// MaxAge is how old what is sent from the spool may be; 0 for any age.
	MaxAge time.Duration `mapstructure:"max_age"`
}

var _ confmap.Validator = (*Config)(nil)

// Validate tells what is wrong with a configuration.
func (c *Config) Validate() error {
	if len(c.Endpoints) == 0 || len(c.Endpoints) > mostEndpoints {
		return fmt.Errorf("endpoints must name 1 to %d controllers, not %d", mostEndpoints, len(c.Endpoints))
	}
	for i, endpoint := range c.Endpoints {
		if _, _, err := net.SplitHostPort(endpoint); err != nil {
			return fmt.Errorf("endpoints: %q must be host:port: %w", endpoint, err)
		}
		if slices.Contains(c.Endpoints[:i], endpoint) {
			return fmt.Errorf("endpoints: %s is named twice", endpoint)
		}
	}
	if c.Timeout < 10*time.Millisecond || c.Timeout > time.Minute {
		return fmt.Errorf("timeout must be between 10ms and 1m, not %s", c.Timeout)
	}
	for _, bound := range []struct {
		name  string
		value int64
	}{{"events_bytes", c.Spool.EventsBytes}, {"flows_bytes", c.Spool.FlowsBytes}} {
		if bound.value < leastSpool {
			return fmt.Errorf("spool: %s must be at least %d, which is two messages of the largest size, not %d", bound.name, leastSpool, bound.value)
		}
	}
	if c.Spool.MaxAge < 0 {
		return errors.New("spool: max_age must not be negative")
	}
	if err := c.TLS.Check(c.TLS.authority()); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}
