// SPDX-License-Identifier: Apache-2.0

package aeolusreceiver

import (
	"errors"
	"fmt"
	"net"

	"go.opentelemetry.io/collector/confmap"

	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
)

// DefaultEndpoint is where agents are taken unless something else is configured.
const DefaultEndpoint = "localhost:7444"

const (
	defaultConnections = 4096
	mostConnections    = 1 << 20
)

// Config is what a receiver is told.
type Config struct {
	// Endpoint is where it listens, host:port.
	Endpoint string `mapstructure:"endpoint"`
	// TLS is its own certificate, and whose certificates it takes.
	TLS TLS `mapstructure:"tls"`
	// MaxConnections is how many connections are served at once.
	MaxConnections int `mapstructure:"max_connections"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// TLS is how both sides know each other. There is no way to go without it.
type TLS struct {
	passage.Certificate `mapstructure:",squash"`
	// ClientCAFile or ClientCAPEM is the authority whose agents are taken.
	ClientCAFile string `mapstructure:"client_ca_file"`
	ClientCAPEM  string `mapstructure:"client_ca_pem"`
}

func (t TLS) authority() passage.Authority {
	return passage.Authority{Setting: "client_ca", File: t.ClientCAFile, PEM: t.ClientCAPEM}
}

var _ confmap.Validator = (*Config)(nil)

// Validate tells what is wrong with a configuration.
func (c *Config) Validate() error {
	if c.Endpoint == "" {
		return errors.New("endpoint is empty: it must be host:port")
	}
	if _, _, err := net.SplitHostPort(c.Endpoint); err != nil {
		return fmt.Errorf("endpoint must be host:port: %w", err)
	}
	if c.MaxConnections < 1 || c.MaxConnections > mostConnections {
		return fmt.Errorf("max_connections must be between 1 and %d, not %d", mostConnections, c.MaxConnections)
	}
	if err := c.TLS.Check(c.TLS.authority()); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}
