// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/service"
	"go.uber.org/zap"
)

const (
	// shutdownPatience bounds how long components may take to hand on what they hold.
	shutdownPatience = 5 * time.Second
	// fatalErrors is how many components can say that they are lost before anybody listens.
	fatalErrors = 64
)

// Config is everything that a collector is told. What it runs stands in YAML, as for any OpenTelemetry Collector: Text,
// then the Files, then Set, each merged over what came before.
type Config struct {
	Text  string
	Files []string
	// Set are single settings: exporters::debug::verbosity=detailed.
	Set []string
	// Version is what the collector says that it is.
	Version string
	Logger  *slog.Logger
}

// Collector is one OpenTelemetry Collector. Make it with New and run it once.
type Collector struct {
	config Config
	loaded *loaded
	ready  chan struct{}
	reload chan struct{}
}

// New reads the configuration and checks it. Nothing listens yet.
func New(ctx context.Context, config Config) (*Collector, error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	read, err := load(ctx, config)
	if err != nil {
		return nil, err
	}
	return &Collector{config: config, loaded: read, ready: make(chan struct{}), reload: make(chan struct{}, 1)}, nil
}

// Ready is closed once everything listens.
func (c *Collector) Ready() <-chan struct{} { return c.ready }

// Pipelines are what was configured, by name.
func (c *Collector) Pipelines() []Pipeline { return c.loaded.pipelines() }

// Reload asks for the configuration to be read anew. One that is wrong changes nothing.
func (c *Collector) Reload() {
	select {
	case c.reload <- struct{}{}:
	default:
	}
}

// Run runs the collector until the context ends, or until a component is lost. What the pipelines hold is handed on at
// the end, within some seconds.
func (c *Collector) Run(ctx context.Context) error {
	for first := true; ; first = false {
		fatal := make(chan error, fatalErrors)
		running, err := c.start(ctx, fatal)
		if err != nil {
			return err
		}
		if first {
			close(c.ready)
		}
		c.config.Logger.Info("the collector runs", "pipelines", len(c.loaded.config.Service.Pipelines))
		again, err := c.wait(ctx, fatal)
		ended := c.end(ctx, running)
		if !again {
			return errors.Join(err, ended)
		}
		if ended != nil {
			c.config.Logger.Error("the old pipelines did not end well", "error", ended)
		}
	}
}

// end lets components hand on what they hold. Some try that for every message in turn, however long it takes: they are
// not waited for, and with the process they end.
func (c *Collector) end(ctx context.Context, running *service.Service) error {
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- running.Shutdown(stop) }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("ending the pipelines: %w", err)
		}
		return nil
	case <-stop.Done():
		return fmt.Errorf("ending the pipelines: after %s they still hold what no server takes; it is lost", shutdownPatience)
	}
}

// wait gives true when the configuration was read anew.
func (c *Collector) wait(ctx context.Context, fatal <-chan error) (bool, error) {
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case err := <-fatal:
			return false, fmt.Errorf("running a component: %w", err)
		case <-c.reload:
			read, err := load(ctx, c.config)
			if err != nil {
				c.config.Logger.Error("the configuration is wrong, so the old one stays", "error", err)
				continue
			}
			c.loaded = read
			return true, nil
		}
	}
}

func (c *Collector) start(ctx context.Context, fatal chan error) (*service.Service, error) {
	settings := c.loaded.settings(c.config.Version)
	settings.AsyncErrorChannel = fatal
	settings.BuildZapLogger = func(zapConfig zap.Config, options ...zap.Option) (*zap.Logger, error) {
		return zapLogger(c.config.Logger.Handler(), zapConfig, options...), nil
	}
	made, err := service.New(ctx, settings, c.loaded.config.Service)
	if err != nil {
		return nil, explain(c.loaded.documents, fmt.Errorf("making the pipelines: %w", err))
	}
	if err := made.Start(ctx); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("starting the pipelines: %w", err), made.Shutdown(stop))
	}
	return made, nil
}

// Validate reads a configuration and makes its pipelines without starting them.
func Validate(ctx context.Context, config Config) error {
	read, err := load(ctx, config)
	if err != nil {
		return err
	}
	if err := service.Validate(ctx, read.settings(config.Version), service.Config{Pipelines: read.config.Service.Pipelines}); err != nil {
		return explain(read.documents, err)
	}
	return nil
}

// settings are what the service is made from.
func (l *loaded) settings(version string) service.Settings {
	modules := moduleInfos()
	return service.Settings{
		BuildInfo:        buildInfo(version),
		ConfigSnapshot:   extensioncapabilities.NewConfigSnapshot(nil, nil),
		ReceiversConfigs: l.config.Receivers, ReceiversFactories: l.factories.Receivers,
		ProcessorsConfigs: l.config.Processors, ProcessorsFactories: l.factories.Processors,
		ExportersConfigs: l.config.Exporters, ExportersFactories: l.factories.Exporters,
		ConnectorsConfigs: l.config.Connectors, ConnectorsFactories: l.factories.Connectors,
		ExtensionsConfigs: l.config.Extensions, ExtensionsFactories: l.factories.Extensions,
		ModuleInfos: modules, TelemetryFactory: l.factories.Telemetry,
	}
}

func buildInfo(version string) component.BuildInfo {
	return component.BuildInfo{Command: "aeolus-collector", Description: "Aeolus' OpenTelemetry Collector", Version: version}
}
