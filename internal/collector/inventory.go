// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"cmp"
	"runtime/debug"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/receiver"
)

// Kind is what a component is for.
type Kind string

// The kinds, in the order in which data passes them.
const (
	Receiver  Kind = "receiver"
	Processor Kind = "processor"
	Connector Kind = "connector"
	Exporter  Kind = "exporter"
	Extension Kind = "extension"
	// Provider is a place that a configuration can come from: ${env:NAME}.
	Provider Kind = "provider"
)

var kinds = []Kind{Receiver, Processor, Connector, Exporter, Extension, Provider}

// Component is one component of the distribution as people are told of it.
type Component struct {
	Kind Kind `json:"kind"`
	// Type is its name in a configuration, Alias an older one that works too.
	Type  string `json:"type"`
	Alias string `json:"alias,omitempty"`
	// Stability says for each signal how finished the component is.
	Stability []Stability `json:"stability,omitempty"`
	// Module is the Go module that it comes from; Import the package, where that is another.
	Module  string `json:"module"`
	Import  string `json:"import,omitempty"`
	Version string `json:"version,omitempty"`
}

// Stability is how finished a component is for one signal: stable, beta, alpha, development.
type Stability struct {
	Signal string `json:"signal"`
	Level  string `json:"level"`
}

// Components lists what is linked, by kind and then by name.
func Components() []Component {
	versions := moduleVersions()
	var list []Component
	for _, c := range table() {
		kind, levels := kindOfFactory(c.factory)
		names := typeNames(c.factory)
		made := Component{Kind: kind, Type: names[0], Stability: known(levels), Module: c.module, Version: versions[c.module]}
		if len(names) > 1 {
			made.Alias = names[1]
		}
		if c.path != "" {
			made.Import = c.module + "/" + c.path
		}
		list = append(list, made)
	}
	for _, p := range providers() {
		list = append(list, Component{Kind: Provider, Type: p.scheme, Module: p.module, Version: versions[p.module]})
	}
	slices.SortStableFunc(list, func(a, b Component) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.Type, b.Type))
	})
	return list
}

// known drops the signals that a component does not take.
func known(levels []Stability) []Stability {
	return slices.DeleteFunc(levels, func(s Stability) bool { return s.Level == strings.ToLower(component.StabilityLevelUndefined.String()) })
}

func kindOfFactory(factory component.Factory) (Kind, []Stability) {
	level := func(signal string, l component.StabilityLevel) Stability {
		return Stability{Signal: signal, Level: strings.ToLower(l.String())}
	}
	switch f := factory.(type) {
	case receiver.Factory:
		return Receiver, []Stability{level("logs", f.LogsStability()), level("metrics", f.MetricsStability()), level("traces", f.TracesStability())}
	case processor.Factory:
		return Processor, []Stability{level("logs", f.LogsStability()), level("metrics", f.MetricsStability()), level("traces", f.TracesStability())}
	case exporter.Factory:
		return Exporter, []Stability{level("logs", f.LogsStability()), level("metrics", f.MetricsStability()), level("traces", f.TracesStability())}
	case connector.Factory:
		return Connector, []Stability{
			level("logs to logs", f.LogsToLogsStability()), level("logs to metrics", f.LogsToMetricsStability()), level("logs to traces", f.LogsToTracesStability()),
			level("metrics to logs", f.MetricsToLogsStability()), level("metrics to metrics", f.MetricsToMetricsStability()),
			level("metrics to traces", f.MetricsToTracesStability()), level("traces to logs", f.TracesToLogsStability()),
			level("traces to metrics", f.TracesToMetricsStability()), level("traces to traces", f.TracesToTracesStability()),
		}
	case extension.Factory:
		return Extension, []Stability{level("extension", f.Stability())}
	}
	return "", nil
}

// aliased is a factory that has an older name too.
type aliased interface{ DeprecatedAlias() component.Type }

// typeNames are the names of a component in a configuration: its own, and an older one if it has one.
func typeNames(factory component.Factory) []string {
	names := []string{factory.Type().String()}
	if a, ok := factory.(aliased); ok {
		if alias := a.DeprecatedAlias().String(); alias != "" {
			names = append(names, alias)
		}
	}
	return names
}

// moduleVersions are the versions that were linked. A test binary does not know them.
func moduleVersions() map[string]string {
	versions := map[string]string{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return versions
	}
	versions[info.Main.Path] = info.Main.Version
	for _, module := range info.Deps {
		versions[module.Path] = module.Version
		if module.Replace != nil {
			versions[module.Path] = module.Replace.Version
		}
	}
	return versions
}
