// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fine is a configuration without mistakes; the tests make one each.
const fine = `receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:0
processors:
  batch:
exporters:
  debug:
    verbosity: basic
  prometheus:
    endpoint: 127.0.0.1:0
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    logs:
      receivers: [otlp]
      processors: [batch]
      exporters: [debug]
`

func TestValidate_saysFileLineAndWhatWasExpected(t *testing.T) {
	require.NoError(t, Validate(t.Context(), Config{Text: fine}))
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", "endpoint: 127.0.0.1:0\nprocessors", "endpont: x\nprocessors", `line 5: receivers: otlp: protocols: grpc: unknown setting "endpont"`},
		{"wrong type", "endpoint: 127.0.0.1:0\nprocessors", "endpoint: [x]\nprocessors", `line 5: receivers: otlp: protocols: grpc: endpoint: expected type 'string'`},
		{"wrong value", "basic", "loud", `line 10: exporters: debug: verbosity: unknown metrics level "loud"`},
		{"unknown component", "  otlp:", "  otpl:", `line 2: receivers: there is no receiver "otpl" (did you mean otlp?)`},
		{"unknown section", "processors:\n  batch:", "procesors:\n  batch:", `line 6: unknown section "procesors" (did you mean processors?)`},
		{"not configured", "[debug]", "[debgu]", `line 21: service: pipelines: logs: exporters: "debgu" is not configured (did you mean debug?)`},
		{"unknown signal", "    logs:", "    log:", `line 18: service: pipelines: log: there is no signal "log" (did you mean logs?)`},
		{"unknown part", "      receivers:", "      receiver:", `line 19: service: pipelines: logs: unknown setting "receiver" (did you mean receivers?)`},
		{"no list", "[otlp]", "otlp", `line 19: service: pipelines: logs: receivers: expected a list of names, got "otlp"`},
		{"unknown service setting", "  telemetry:", "  telemtry:", `line 14: service: unknown setting "telemtry"`},
		{"level", "level: none", "level: some", `line 16: service: telemetry: metrics: level: unknown metrics level "some"`},
		{"wrong signal", "[debug]", "[prometheus]", `line 11: exporters: prometheus: it takes no logs, and a pipeline of them names it`},
		{"no exporter", "      exporters: [debug]\n", "", `line 18: service: pipelines: logs: must have at least one exporter`},
		{"twice", "  prometheus:", "  debug:", `line 11: debug was set already in line 9`},
		{"two documents", "service:", "---\nservice:", `line 13: expected one document, and here a second one begins`},
		{"not YAML", "  otlp:\n", "  otlp: [\n", `line 1: did not find expected`},
		{"a list", fine, "- a\n", `line 1: expected sections such as "receivers:", got a list`},
		{"section is a list", "processors:\n  batch:", "processors: [batch]", `line 6: processors: expected names with their settings, got a list`},
		{"scheme", "basic", "${flie:x}", `scheme "flie" is not supported for uri "flie:x"`},
		{"no pipelines", "  pipelines:\n    logs:\n      receivers: [otlp]\n      processors: [batch]\n      exporters: [debug]\n", "", `line 13: service: pipelines: service must have at least one pipeline`},
		{"inside a library", "processors:\n", "  prometheus:\n    config:\n      scrape_configs:\n      - job: x\nprocessors:\n", `line 7: receivers: prometheus: config: prometheus receiver: failed to unmarshal yaml to prometheus config object: yaml: unmarshal errors: line 2: field job not found`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, fine, c.old)
			file := filepath.Join(t.TempDir(), "collector.yaml")
			require.NoError(t, os.WriteFile(file, []byte(strings.Replace(fine, c.old, c.new, 1)), 0o600))
			err := Validate(t.Context(), Config{Files: []string{file}})
			require.Error(t, err)
			var mistake Mistake
			require.ErrorAs(t, err, &mistake)
			require.True(t, strings.HasPrefix(err.Error(), file+": "+c.want), err)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestValidate_sources(t *testing.T) {
	require.EqualError(t, Validate(t.Context(), Config{}), "reading the configuration: there is none")
	require.ErrorIs(t, Validate(t.Context(), Config{Files: []string{filepath.Join(t.TempDir(), "none.yaml")}}), os.ErrNotExist)
	require.ErrorContains(t, Validate(t.Context(), Config{Files: []string{"/dev/zero"}}), "it is larger than")
	require.ErrorContains(t, Validate(t.Context(), Config{Files: []string{"/dev/null"}}), "it is empty; aeolus collector config prints one to begin with")
	require.ErrorContains(t, Validate(t.Context(), Config{Files: []string{"env:AEOLUS_NO_SUCH"}}), "the environment has no AEOLUS_NO_SUCH")
	require.EqualError(t, Validate(t.Context(), Config{Text: fine, Set: []string{"exporters.debug"}}),
		`reading setting "exporters.debug": expected PATH=VALUE, such as exporters.debug.verbosity=detailed`)
	require.EqualError(t, Validate(t.Context(), Config{Text: fine, Set: []string{"exporters.debug.verbosity=loud"}}),
		`the configuration: line 10: exporters: debug: verbosity: unknown metrics level "loud"`)
	require.NoError(t, Validate(t.Context(), Config{Text: fine, Set: []string{"exporters.debug.verbosity=detailed"}}))
	t.Setenv("AEOLUS_TEST_CONFIG", fine)
	require.NoError(t, Validate(t.Context(), Config{Files: []string{"env:AEOLUS_TEST_CONFIG"}}))
	t.Setenv("AEOLUS_TEST_ENDPOINT", "127.0.0.1:1")
	require.NoError(t, Validate(t.Context(), Config{Text: fine, Set: []string{"exporters.prometheus.endpoint=${env:AEOLUS_TEST_ENDPOINT}"}}))
}

func FuzzValidate(f *testing.F) {
	for _, seed := range []string{fine, "receivers: {a: &a [*a]}", "a: &a {b: *a}", "service: {pipelines: {logs: [x]}}", "receivers::otlp: {}", "- x", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		parsed, err := parse(source{name: "fuzz", text: text})
		if err == nil {
			_ = check([]document{parsed})
			_, _ = locate([]document{parsed}, []string{"receivers", "otlp"})
		}
	})
}
