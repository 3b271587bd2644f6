// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

func opaque(text []byte) configopaque.String { return configopaque.String(text) }

// componenttestNop is an extension that does nothing.
type componenttestNop struct{}

func (componenttestNop) Start(context.Context, component.Host) error { return nil }
func (componenttestNop) Shutdown(context.Context) error              { return nil }

func hostWith(extension component.Component) host {
	return host{map[component.ID]component.Component{storageID(): extension}}
}

func tryStart(t *testing.T, b *bench, in host) error {
	t.Helper()
	made, err := newExporter(nopSettings(), b.config)
	require.NoError(t, err)
	return made.start(t.Context(), in)
}

func TestConfig_validate(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"": func(*Config) {},
		"endpoints must name 1 to 16 controllers, not 0": func(c *Config) { c.Endpoints = nil },
		`endpoints: "here" must be host:port`:            func(c *Config) { c.Endpoints = []string{"here"} },
		"endpoints: a:1 is named twice":                  func(c *Config) { c.Endpoints = []string{"a:1", "a:1"} },
		"timeout must be between 10ms and 1m, not 0s":    func(c *Config) { c.Timeout = 0 },
		"spool: events_bytes must be at least 8388608":   func(c *Config) { c.Spool.EventsBytes = 1 },
		"spool: flows_bytes must be at least 8388608":    func(c *Config) { c.Spool.FlowsBytes = 1 },
		"spool: max_age must not be negative":            func(c *Config) { c.Spool.MaxAge = -time.Second },
		"tls: cert_file, key_file and ca_file must":      func(c *Config) { c.TLS.CAFile = "" },
	} {
		config := defaultConfig().(*Config)
		config.TLS.CertFile, config.TLS.KeyFile, config.TLS.CAFile = "c", "k", "a"
		change(config)
		err := config.Validate()
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says)
	}
	require.ErrorContains(t, defaultConfig().(*Config).Validate(), "tls: cert_file, key_file and ca_file are missing")
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(text)
}

func TestReadme_exampleIsValid(t *testing.T) {
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(readme(t))
	require.NotNil(t, found)
	var document map[string]map[string]map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(found[1]), &document))
	config := defaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(document["exporters"]["aeolus"]).Unmarshal(config))
	require.NoError(t, config.Validate())
	require.Equal(t, "file_storage", config.Storage.String())
	require.Equal(t, 24*time.Hour, config.Spool.MaxAge)
	require.Len(t, config.Endpoints, 2)
}

// TestReadme_saysEverySetting holds that each setting is documented.
func TestReadme_saysEverySetting(t *testing.T) {
	conf := confmap.New()
	require.NoError(t, conf.Marshal(defaultConfig()))
	for _, key := range conf.AllKeys() {
		require.Contains(t, readme(t), "`"+strings.ReplaceAll(key, "::", ".")+"`")
	}
}

// TestMetadata_namesEveryMetric holds that what the component counts is what its metadata and its README say.
func TestMetadata_namesEveryMetric(t *testing.T) {
	text, err := os.ReadFile("metadata.yaml")
	require.NoError(t, err)
	var metadata struct {
		Type      string
		Telemetry struct{ Metrics map[string]any }
	}
	require.NoError(t, yaml.Unmarshal(text, &metadata))
	require.Equal(t, NewFactory().Type().String(), metadata.Type)
	source, err := os.ReadFile("telemetry.go")
	require.NoError(t, err)
	names := regexp.MustCompile(`"otelcol_(\w+)"`).FindAllStringSubmatch(string(source), -1)
	require.Len(t, metadata.Telemetry.Metrics, len(names))
	for _, name := range names {
		require.Contains(t, metadata.Telemetry.Metrics, name[1])
		require.Contains(t, readme(t), "`otelcol_"+name[1]+"`")
	}
}
