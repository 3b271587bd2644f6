// SPDX-License-Identifier: Apache-2.0

package aeolusreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
)

// NewFactory makes receivers of type aeolus.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(component.MustNewType("aeolus"), defaultConfig,
		receiver.WithLogs(create, component.StabilityLevelAlpha))
}

func defaultConfig() component.Config {
	return &Config{Endpoint: DefaultEndpoint, MaxConnections: defaultConnections}
}

func create(_ context.Context, settings receiver.Settings, config component.Config, next consumer.Logs) (receiver.Logs, error) {
	typed, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("creating the aeolus receiver: its configuration is a %T", config)
	}
	return newReceiver(settings, typed, next)
}
