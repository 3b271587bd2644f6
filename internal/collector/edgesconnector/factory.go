// SPDX-License-Identifier: Apache-2.0

package edgesconnector

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
)

// Type is the connector's name in a configuration.
var Type = component.MustNewType("aeolus_edges")

// NewFactory makes the connector's factory.
func NewFactory() connector.Factory {
	return connector.NewFactory(Type, defaultConfig,
		connector.WithLogsToMetrics(create, component.StabilityLevelAlpha))
}

func create(_ context.Context, settings connector.Settings, config component.Config, next consumer.Metrics) (connector.Logs, error) {
	given, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("making %s: its configuration is a %T", settings.ID, config)
	}
	instance := given.Instance
	if instance == "" {
		// A place without a name is shown without one.
		instance, _ = os.Hostname()
	}
	return newConnector(params{
		config: given, logger: settings.Logger, version: settings.BuildInfo.Version, instance: instance, next: next,
	}), nil
}
