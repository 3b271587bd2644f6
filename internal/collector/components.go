// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/clickhouseexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusremotewriteexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/k8sattributesprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service"

	"github.com/aeolus-ebpf/aeolus/internal/collector/aeolusexporter"
	"github.com/aeolus-ebpf/aeolus/internal/collector/aeolusreceiver"
	"github.com/aeolus-ebpf/aeolus/internal/collector/edgesconnector"
)

// The modules that components come from.
const (
	core    = "go.opentelemetry.io/collector/"
	contrib = "github.com/open-telemetry/opentelemetry-collector-contrib/"
	// Own is the module that this project's own components are in.
	Own = "github.com/aeolus-ebpf/aeolus"
)

// linked is one component that this distribution has.
type linked struct {
	factory component.Factory
	// module is the Go module; path the package within it, where that is not the module itself.
	module, path string
}

// table lists every component, by kind and in the order of the manifest.
func table() []linked {
	return []linked{
		{factory: aeolusreceiver.NewFactory(), module: Own, path: "internal/collector/aeolusreceiver"},
		{factory: otlpreceiver.NewFactory(), module: core + "receiver/otlpreceiver"},
		{factory: prometheusreceiver.NewFactory(), module: contrib + "receiver/prometheusreceiver"},

		{factory: memorylimiterprocessor.NewFactory(), module: core + "processor/memorylimiterprocessor"},
		{factory: batchprocessor.NewFactory(), module: core + "processor/batchprocessor"},
		{factory: k8sattributesprocessor.NewFactory(), module: contrib + "processor/k8sattributesprocessor"},
		{factory: filterprocessor.NewFactory(), module: contrib + "processor/filterprocessor"},
		{factory: transformprocessor.NewFactory(), module: contrib + "processor/transformprocessor"},

		{factory: edgesconnector.NewFactory(), module: Own, path: "internal/collector/edgesconnector"},

		{factory: aeolusexporter.NewFactory(), module: Own, path: "internal/collector/aeolusexporter"},
		{factory: debugexporter.NewFactory(), module: core + "exporter/debugexporter"},
		{factory: otlpexporter.NewFactory(), module: core + "exporter/otlpexporter"},
		{factory: otlphttpexporter.NewFactory(), module: core + "exporter/otlphttpexporter"},
		{factory: prometheusexporter.NewFactory(), module: contrib + "exporter/prometheusexporter"},
		{factory: prometheusremotewriteexporter.NewFactory(), module: contrib + "exporter/prometheusremotewriteexporter"},
		{factory: clickhouseexporter.NewFactory(), module: contrib + "exporter/clickhouseexporter"},
		{factory: kafkaexporter.NewFactory(), module: contrib + "exporter/kafkaexporter"},

		{factory: healthcheckextension.NewFactory(), module: contrib + "extension/healthcheckextension"},
		{factory: filestorage.NewFactory(), module: contrib + "extension/storage/filestorage"},
	}
}

// provider is one place that a configuration can come from.
type provider struct {
	scheme  string
	factory confmap.ProviderFactory
	module  string
}

func providers() []provider {
	return []provider{
		{scheme: "file", factory: fileprovider.NewFactory(), module: core + "confmap/provider/fileprovider"},
		{scheme: "env", factory: envprovider.NewFactory(), module: core + "confmap/provider/envprovider"},
		{scheme: "yaml", factory: yamlprovider.NewFactory(), module: core + "confmap/provider/yamlprovider"},
	}
}

// factories gives the table in the form that the Collector wants it.
func factories() (otelcol.Factories, error) {
	var receivers []receiver.Factory
	var processors []processor.Factory
	var exporters []exporter.Factory
	var connectors []connector.Factory
	var extensions []extension.Factory
	var made otelcol.Factories
	for _, c := range table() {
		switch factory := c.factory.(type) {
		case receiver.Factory:
			receivers = append(receivers, factory)
		case processor.Factory:
			processors = append(processors, factory)
		case exporter.Factory:
			exporters = append(exporters, factory)
		case connector.Factory:
			connectors = append(connectors, factory)
		case extension.Factory:
			extensions = append(extensions, factory)
		default:
			return made, fmt.Errorf("%s is a component of no kind", c.factory.Type())
		}
	}
	var err error
	if made.Receivers, err = otelcol.MakeFactoryMap(receivers...); err != nil {
		return made, fmt.Errorf("listing receivers: %w", err)
	}
	if made.Processors, err = otelcol.MakeFactoryMap(processors...); err != nil {
		return made, fmt.Errorf("listing processors: %w", err)
	}
	if made.Exporters, err = otelcol.MakeFactoryMap(exporters...); err != nil {
		return made, fmt.Errorf("listing exporters: %w", err)
	}
	if made.Connectors, err = otelcol.MakeFactoryMap(connectors...); err != nil {
		return made, fmt.Errorf("listing connectors: %w", err)
	}
	if made.Extensions, err = otelcol.MakeFactoryMap(extensions...); err != nil {
		return made, fmt.Errorf("listing extensions: %w", err)
	}
	return made, nil
}

// moduleInfos tell the Collector's own code where each component comes from.
func moduleInfos() service.ModuleInfos {
	made := service.ModuleInfos{
		Receiver: map[component.Type]service.ModuleInfo{}, Processor: map[component.Type]service.ModuleInfo{},
		Exporter: map[component.Type]service.ModuleInfo{}, Connector: map[component.Type]service.ModuleInfo{},
		Extension: map[component.Type]service.ModuleInfo{},
	}
	versions := moduleVersions()
	for _, c := range table() {
		kind, _ := kindOfFactory(c.factory)
		info := service.ModuleInfo{BuilderRef: c.module + " " + versions[c.module]}
		switch kind {
		case Receiver:
			made.Receiver[c.factory.Type()] = info
		case Processor:
			made.Processor[c.factory.Type()] = info
		case Exporter:
			made.Exporter[c.factory.Type()] = info
		case Connector:
			made.Connector[c.factory.Type()] = info
		case Extension:
			made.Extension[c.factory.Type()] = info
		}
	}
	return made
}
