// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// loaded is a configuration that has been read and checked.
type loaded struct {
	config    *otelcol.Config
	factories otelcol.Factories
	documents []document
}

// remoteWrite2 lets a configuration ask for remote write 2.0. It changes nothing for those that do not. The Collector
// keeps such switches for the whole process.
const remoteWrite2 = "exporter.prometheusremotewritexporter.enableSendingRW2"

// load reads a configuration. What is wrong with it is a Mistake.
func load(ctx context.Context, config Config) (*loaded, error) {
	list, err := sources(config)
	if err != nil {
		return nil, err
	}
	made, err := factories()
	if err != nil {
		return nil, err
	}
	made.Telemetry = otelconftelemetry.NewFactory()
	if err := featuregate.GlobalRegistry().Set(remoteWrite2, true); err != nil {
		return nil, fmt.Errorf("allowing remote write 2.0: %w", err)
	}
	documents := make([]document, 0, len(list))
	uris := make([]string, 0, len(list))
	for _, one := range list {
		parsed, err := parse(one)
		if err != nil {
			return nil, err
		}
		documents = append(documents, parsed)
		uris = append(uris, "yaml:"+one.text)
	}
	if err := check(documents); err != nil {
		return nil, err
	}
	var places []confmap.ProviderFactory
	for _, p := range providers() {
		places = append(places, p.factory)
	}
	provider, err := otelcol.NewConfigProvider(otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
		URIs: uris, ProviderFactories: places, DefaultScheme: "env",
	}})
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer func() { _ = provider.Shutdown(context.WithoutCancel(ctx)) }()
	read, err := provider.Get(ctx, made)
	if err != nil {
		return nil, explain(documents, err)
	}
	if err := confmap.Validate(read); err != nil {
		return nil, explain(documents, err)
	}
	if telemetry, ok := read.Service.Telemetry.(*otelconftelemetry.Config); ok {
		telemetry.Logs.DisableZapResource = true
	}
	return &loaded{config: read, factories: made, documents: documents}, nil
}

// Pipeline is one way through the collector.
type Pipeline struct {
	Name                             string
	Receivers, Processors, Exporters []string
}

// String shows the way: "aeolus, otlp → memory_limiter → aeolus".
func (p Pipeline) String() string {
	var parts []string
	for _, part := range [][]string{p.Receivers, p.Processors, p.Exporters} {
		if len(part) > 0 {
			parts = append(parts, strings.Join(part, ", "))
		}
	}
	return strings.Join(parts, " → ")
}

// pipelines are what runs, by name.
func (l *loaded) pipelines() []Pipeline {
	words := func(ids []component.ID) []string {
		var list []string
		for _, id := range ids {
			list = append(list, id.String())
		}
		return list
	}
	var list []Pipeline
	for id, p := range l.config.Service.Pipelines {
		list = append(list, Pipeline{Name: id.String(), Receivers: words(p.Receivers), Processors: words(p.Processors), Exporters: words(p.Exporters)})
	}
	slices.SortFunc(list, func(a, b Pipeline) int { return strings.Compare(a.Name, b.Name) })
	return list
}
