// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// Config is what stands under the connector's name in the collector's configuration.
type Config struct {
	// Names are the presets under whose names the figures are given.
	Names []string `mapstructure:"names"`
	// MaxEdges is how many edges have series of their own.
	MaxEdges int `mapstructure:"max_edges"`
	// MaxEventSeries is how many pairs of an edge and a kind of event have a series of their own.
	MaxEventSeries int `mapstructure:"max_event_series"`
	// Interval is how often edges that have changed are given, Heartbeat how often all are.
	Interval  time.Duration `mapstructure:"interval"`
	Heartbeat time.Duration `mapstructure:"heartbeat"`
	// Expire is how long an edge without open connections may be quiet before its series end.
	Expire time.Duration `mapstructure:"expire"`
	// Wait is how long one half of a connection waits for the other before it counts alone.
	Wait time.Duration `mapstructure:"wait"`
	// ForeignLogs counts log records that are not of Aeolus, as events of the kind "log". Otherwise they are passed by.
	ForeignLogs bool `mapstructure:"foreign_logs"`
	// Instance is what the series have as their instance; the name of the host unless given.
	Instance string `mapstructure:"instance"`
}

const shortestInterval = 100 * time.Millisecond

func defaultConfig() component.Config {
	return &Config{
		Names: []string{string(names.PresetAeolus)}, MaxEdges: 2000, MaxEventSeries: 2000,
		Interval: time.Second, Heartbeat: 15 * time.Second, Expire: 5 * time.Minute, Wait: 1500 * time.Millisecond,
	}
}

// Validate says what is wrong with the configuration.
func (c *Config) Validate() error {
	var found []error
	if len(c.Names) == 0 {
		found = append(found, errors.New("names: at least one preset is needed"))
	}
	for i, name := range c.Names {
		if !slices.Contains(names.Presets(), names.Preset(name)) {
			found = append(found, fmt.Errorf("names: there is no preset %q; there are %q", name, names.Presets()))
		}
		if slices.Contains(c.Names[:i], name) {
			found = append(found, fmt.Errorf("names: %q stands twice", name))
		}
	}
	if c.MaxEdges < 1 || c.MaxEdges > 1_000_000 {
		found = append(found, fmt.Errorf("max_edges: %d is not between 1 and 1000000", c.MaxEdges))
	}
	if c.MaxEventSeries < 1 || c.MaxEventSeries > 1_000_000 {
		found = append(found, fmt.Errorf("max_event_series: %d is not between 1 and 1000000", c.MaxEventSeries))
	}
	if c.Interval < shortestInterval {
		found = append(found, fmt.Errorf("interval: %s is shorter than %s", c.Interval, shortestInterval))
	}
	if c.Heartbeat < c.Interval {
		found = append(found, fmt.Errorf("heartbeat: %s is shorter than the interval", c.Heartbeat))
	}
	if c.Expire < 2*c.Heartbeat {
		found = append(found, fmt.Errorf("expire: %s is shorter than two heartbeats", c.Expire))
	}
	if c.Wait <= 0 || c.Wait > time.Minute {
		found = append(found, fmt.Errorf("wait: %s is not above zero and at most a minute", c.Wait))
	}
	return errors.Join(found...)
}

func (c *Config) has(preset names.Preset) bool { return slices.Contains(c.Names, string(preset)) }
