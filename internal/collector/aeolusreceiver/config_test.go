// SPDX-License-Identifier: Apache-2.0

package aeolusreceiver

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

func pem(text []byte) configopaque.String { return configopaque.String(text) }

func TestConfig_validate(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"":                           func(*Config) {},
		"endpoint is empty":          func(c *Config) { c.Endpoint = "" },
		"endpoint must be host:port": func(c *Config) { c.Endpoint = "here" },
		"max_connections must be between 1 and 1048576, not 0":        func(c *Config) { c.MaxConnections = 0 },
		"tls: cert_file, key_file and client_ca_file must be given":   func(c *Config) { c.TLS.ClientCAFile = "" },
		"tls: give either cert_file, key_file and client_ca_file, or": func(c *Config) { c.TLS.CertPEM = "x" },
	} {
		config := defaultConfig().(*Config)
		config.TLS.CertFile, config.TLS.KeyFile, config.TLS.ClientCAFile = "c", "k", "a"
		change(config)
		err := config.Validate()
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says)
	}
	require.ErrorContains(t, defaultConfig().(*Config).Validate(), "tls: cert_file, key_file and client_ca_file are missing",
		"there is no way to go without certificates")
	require.Equal(t, "localhost:7444", defaultConfig().(*Config).Endpoint)
}

// example reads the configuration in the README.
func example(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	require.NotNil(t, found)
	var document map[string]any
	require.NoError(t, yaml.Unmarshal(found[1], &document))
	return document
}

func TestReadme_exampleIsValid(t *testing.T) {
	parts, ok := example(t)["receivers"].(map[string]any)
	require.True(t, ok)
	config := defaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(parts["aeolus"].(map[string]any)).Unmarshal(config))
	require.NoError(t, config.Validate())
	require.Equal(t, "/etc/aeolus/collector/collector.crt", config.TLS.CertFile)
}

// TestReadme_saysEverySetting holds that each setting is documented.
func TestReadme_saysEverySetting(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	conf := confmap.New()
	require.NoError(t, conf.Marshal(defaultConfig()))
	for _, key := range conf.AllKeys() {
		require.Contains(t, string(text), "`"+strings.ReplaceAll(key, "::", ".")+"`")
	}
	require.Contains(t, string(text), "`localhost:7444`")
}

// TestMetadata_namesEveryMetric holds that what the component counts is what its metadata says.
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
	var made []string
	for _, name := range regexp.MustCompile(`"otelcol_(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		made = append(made, name[1])
	}
	require.Len(t, metadata.Telemetry.Metrics, len(made))
	for _, name := range made {
		require.Contains(t, metadata.Telemetry.Metrics, name)
	}
}
