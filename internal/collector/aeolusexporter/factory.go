// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// NewFactory makes exporters of type aeolus.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(component.MustNewType("aeolus"), defaultConfig,
		exporter.WithLogs(create, component.StabilityLevelAlpha))
}

func defaultConfig() component.Config {
	return &Config{
		Endpoints: []string{DefaultEndpoint}, Timeout: defaultTimeout,
		Spool: Spool{EventsBytes: defaultEventsBytes, FlowsBytes: defaultFlowsBytes},
	}
}

func create(ctx context.Context, settings exporter.Settings, config component.Config) (exporter.Logs, error) {
	typed, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("creating the aeolus exporter: its configuration is a %T", config)
	}
	made, err := newExporter(settings, typed)
	if err != nil {
		return nil, fmt.Errorf("creating the aeolus exporter: %w", err)
	}
	return wrap(ctx, settings, config, made)
}

// wrap gives an exporter what every exporter of the Collector has. No queue and no retries: whoever hands something over
// waits for the answer, and knows best what to do then.
func wrap(ctx context.Context, settings exporter.Settings, config component.Config, made *controllerExporter) (exporter.Logs, error) {
	return exporterhelper.NewLogs(ctx, settings, config, made.consume,
		exporterhelper.WithStart(made.start), exporterhelper.WithShutdown(made.shutdown),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}))
}
