// SPDX-License-Identifier: Apache-2.0

// Package passagetest joins the receiver of agents' reports to the exporter to controllers, without the rest of a
// collector: tests of the whole way need not link every component there is.
package passagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/aeolus-ebpf/aeolus/internal/collector/aeolusexporter"
	"github.com/aeolus-ebpf/aeolus/internal/collector/aeolusreceiver"
	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// Config is what a hall is told.
type Config struct {
	// Listen is where agents are taken, Endpoints are the controllers.
	Listen    string
	Endpoints []string
	// PEM is a collector's certificate, key and authority.
	PEM pki.PEM
	// Directory is where it spools; none for not at all.
	Directory string
	// Timeout is how long a controller may take to answer.
	Timeout time.Duration
}

// Hall is a receiver with an exporter behind it.
type Hall struct {
	parts      []component.Component
	extensions map[component.ID]component.Component
}

// GetExtensions gives the storage, where there is one.
func (h *Hall) GetExtensions() map[component.ID]component.Component { return h.extensions }

func telemetry() component.TelemetrySettings {
	return component.TelemetrySettings{
		Logger: zap.NewNop(), MeterProvider: noopmetric.NewMeterProvider(), TracerProvider: nooptrace.NewTracerProvider(),
		Resource: pcommon.NewResource(),
	}
}

// Start starts the storage, the exporter and the receiver.
func Start(ctx context.Context, config Config) (*Hall, error) {
	h := &Hall{extensions: map[component.ID]component.Component{}}
	certificate := passage.Certificate{
		CertPEM: configopaque.String(config.PEM.Certificate), KeyPEM: configopaque.String(config.PEM.Key),
	}
	exporting := aeolusexporter.NewFactory()
	outward := exporting.CreateDefaultConfig().(*aeolusexporter.Config)
	outward.Endpoints, outward.Timeout = config.Endpoints, config.Timeout
	outward.TLS.Certificate, outward.TLS.CAPEM = certificate, string(config.PEM.Authority)
	if config.Directory != "" {
		id, err := h.keep(ctx, config.Directory)
		if err != nil {
			return nil, err
		}
		outward.Storage = &id
	}
	sender, err := exporting.CreateLogs(ctx, exporter.Settings{ID: component.NewID(exporting.Type()), TelemetrySettings: telemetry()}, outward)
	if err != nil {
		return nil, fmt.Errorf("making the exporter: %w", err)
	}
	receiving := aeolusreceiver.NewFactory()
	inward := receiving.CreateDefaultConfig().(*aeolusreceiver.Config)
	inward.Endpoint = config.Listen
	inward.TLS.Certificate, inward.TLS.ClientCAPEM = certificate, string(config.PEM.Authority)
	taker, err := receiving.CreateLogs(ctx, receiver.Settings{ID: component.NewID(receiving.Type()), TelemetrySettings: telemetry()}, inward, sender)
	if err != nil {
		return nil, fmt.Errorf("making the receiver: %w", err)
	}
	h.parts = append(h.parts, sender, taker)
	for _, part := range h.parts {
		if err := part.Start(ctx, h); err != nil {
			return nil, errors.Join(err, h.Stop(ctx))
		}
	}
	return h, nil
}

// keep adds a storage.
func (h *Hall) keep(ctx context.Context, directory string) (component.ID, error) {
	factory := filestorage.NewFactory()
	id := component.NewID(factory.Type())
	config := factory.CreateDefaultConfig().(*filestorage.Config)
	config.Directory = directory
	storage, err := factory.Create(ctx, extension.Settings{ID: id, TelemetrySettings: telemetry()}, config)
	if err != nil {
		return id, fmt.Errorf("making the storage: %w", err)
	}
	h.extensions[id] = storage
	h.parts = append(h.parts, storage)
	return id, nil
}

// Stop ends the receiver, then the exporter, then the storage.
func (h *Hall) Stop(ctx context.Context) error {
	var err error
	for i := len(h.parts) - 1; i >= 0; i-- {
		err = errors.Join(err, h.parts[i].Shutdown(ctx))
	}
	return err
}
