// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// Config is what a store of metrics needs. Zero stands for the default everywhere.
type Config struct {
	// Directory is where metrics are kept; empty for a temporary one that is removed at the end.
	Directory string
	// Retention is how long metrics are kept, RetentionBytes how much room they may take.
	Retention      time.Duration
	RetentionBytes int64
	// OutOfOrder is how far a sample may lie behind the newest one.
	OutOfOrder time.Duration
	// Exemplars is how many of them are kept, in memory.
	Exemplars int64
	Query     QueryLimits
	Write     WriteLimits
	// URL is another server that is asked instead; nothing is kept here then. WriteURL is where remote write is passed on
	// to, in whole; empty to refuse it.
	URL, WriteURL string
	// Version is shown to those who ask what this is; Listen where it can be reached.
	Version, Listen string
	Ledger          *loss.Ledger
	Logger          *slog.Logger
	Now             func() time.Time
}

// QueryLimits bound what one question may cost.
type QueryLimits struct {
	// Concurrent questions; those beyond it wait.
	Concurrent int
	// Samples that one question may hold in memory.
	Samples int
	Timeout time.Duration
	// Lookback is how long a sample stands for what comes after it.
	Lookback time.Duration
}

// WriteLimits bound what is received.
type WriteLimits struct {
	// Concurrent requests, and DecodedBytes of all of them together; those beyond it are told to come again.
	Concurrent   int
	InFlight     int64
	BodyBytes    int64
	DecodedBytes int64
	// Of one request: series, samples, labels of all of its series, and everything else that has a size of its own.
	Series, Samples, Labels, Others int
	// Of one series: labels, and the bytes of a label's name and value.
	LabelsPerSeries, LabelName, LabelValue int
	// Of one tenant, unless its credential says something else: less than 0 for no limit.
	SamplesPerSecond float64
	ActiveSeries     int
}

const (
	defaultRetention      = 72 * time.Hour
	defaultRetentionBytes = 4 << 30
	defaultOutOfOrder     = 2 * time.Hour
	defaultExemplars      = 100_000
)

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

func (c Config) withDefaults() Config {
	c.Retention = or(c.Retention, defaultRetention)
	c.RetentionBytes = or(c.RetentionBytes, defaultRetentionBytes)
	c.OutOfOrder = or(c.OutOfOrder, defaultOutOfOrder)
	c.Exemplars = or(c.Exemplars, defaultExemplars)
	c.Query.Concurrent = or(c.Query.Concurrent, 8)
	c.Query.Samples = or(c.Query.Samples, 20_000_000)
	c.Query.Timeout = or(c.Query.Timeout, 2*time.Minute)
	c.Query.Lookback = or(c.Query.Lookback, 5*time.Minute)
	c.Write = c.Write.withDefaults()
	c.Version = or(c.Version, "unknown")
	if c.Ledger == nil {
		c.Ledger = loss.NewLedger()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (w WriteLimits) withDefaults() WriteLimits {
	w.Concurrent = or(w.Concurrent, 16)
	w.InFlight = or(w.InFlight, 64<<20)
	w.BodyBytes = or(w.BodyBytes, 8<<20)
	w.DecodedBytes = or(w.DecodedBytes, 32<<20)
	w.Series = or(w.Series, 100_000)
	w.Samples = or(w.Samples, 500_000)
	w.Labels = or(w.Labels, 1_000_000)
	w.Others = or(w.Others, 500_000)
	w.LabelsPerSeries = or(w.LabelsPerSeries, 64)
	w.LabelName = or(w.LabelName, 256)
	w.LabelValue = or(w.LabelValue, 4096)
	w.SamplesPerSecond = or(w.SamplesPerSecond, -1)
	w.ActiveSeries = or(w.ActiveSeries, 1_000_000)
	return w
}

func (c Config) check() error {
	if c.Retention < 0 || c.RetentionBytes < 0 || c.OutOfOrder < 0 || c.Exemplars < 0 {
		return fmt.Errorf("configuring the store of metrics: retention, room, order and exemplars cannot be negative")
	}
	if c.Write.DecodedBytes > c.Write.InFlight {
		return fmt.Errorf("configuring the store of metrics: one request may have %d bytes, but all together only %d", c.Write.DecodedBytes, c.Write.InFlight)
	}
	for what, text := range map[string]string{"asked": c.URL, "written to": c.WriteURL} {
		if text == "" {
			continue
		}
		parsed, err := url.Parse(text)
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return fmt.Errorf("configuring the store of metrics: %q cannot be %s: expected an address such as http://127.0.0.1:9090", text, what)
		}
	}
	if c.WriteURL != "" && c.URL == "" {
		return fmt.Errorf("configuring the store of metrics: an address to write to is of use only beside one to ask")
	}
	return nil
}
