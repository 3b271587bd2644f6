// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

const (
	repository = "../.."
	manifest   = repository + "/deploy/collector/manifest.yaml"
)

type manifestEntry struct {
	Module string `yaml:"gomod"`
	Import string `yaml:"import"`
}

// sectionOf are the manifest's sections.
var sectionOf = map[Kind]string{
	Receiver: "receivers", Processor: "processors", Connector: "connectors", Exporter: "exporters", Extension: "extensions", Provider: "providers",
}

// required are the versions that go.mod asks for.
func required(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(repository + "/go.mod")
	require.NoError(t, err)
	versions := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^\t(?:require )?(\S+) (v\S+)`).FindAllStringSubmatch(string(text), -1) {
		versions[line[1]] = line[2]
	}
	return versions
}

func TestManifest_isWhatIsLinked(t *testing.T) {
	text, err := os.ReadFile(manifest)
	require.NoError(t, err)
	var listed map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &listed))
	versions := required(t)
	want, got := map[string][]string{}, map[string][]string{}
	for _, c := range Components() {
		line := c.Module + " " + versions[c.Module]
		if c.Module == Own {
			line = c.Module + " v0.0.0 " + c.Import
		}
		want[sectionOf[c.Kind]] = append(want[sectionOf[c.Kind]], line)
	}
	for _, name := range sectionOf {
		node := listed[name]
		var entries []manifestEntry
		require.NoError(t, node.Decode(&entries), name)
		for _, e := range entries {
			got[name] = append(got[name], strings.TrimSpace(e.Module+" "+e.Import))
		}
		slices.Sort(want[name])
		slices.Sort(got[name])
	}
	require.Equal(t, want, got)
}

func TestComponents(t *testing.T) {
	list := Components()
	byName := map[string]Component{}
	for _, c := range list {
		require.NotEmpty(t, c.Module, c.Type)
		require.NotContains(t, byName, string(c.Kind)+" "+c.Type)
		byName[string(c.Kind)+" "+c.Type] = c
		if c.Kind != Provider {
			require.NotEmpty(t, c.Stability, c.Type)
		}
	}
	require.Equal(t, "prometheusremotewrite", byName["exporter prometheus_remote_write"].Alias)
	require.Equal(t, []Stability{{"logs to metrics", "alpha"}}, byName["connector aeolus_edges"].Stability)
	require.Equal(t, Own+"/internal/collector/aeolusexporter", byName["exporter aeolus"].Import)
	require.True(t, slices.IsSortedFunc(list, func(a, b Component) int { return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind) }))
}

// TestManifest_builds builds a collector from the manifest and asks it for its components. It takes minutes.
func TestManifest_builds(t *testing.T) {
	if !testkit.Full() {
		t.Skip("in the full size alone: make soak")
	}
	root, err := filepath.Abs(repository)
	require.NoError(t, err)
	text, err := os.ReadFile(manifest)
	require.NoError(t, err)
	directory := t.TempDir()
	adapted := strings.NewReplacer("output_path: ./bin/aeolus-collector", "output_path: "+directory+"/out", "=> ../..", "=> "+root).Replace(string(text))
	file := filepath.Join(directory, "manifest.yaml")
	require.NoError(t, os.WriteFile(file, []byte(adapted), 0o600))
	build := exec.CommandContext(t.Context(), "go", "run", "go.opentelemetry.io/collector/cmd/builder@v0.161.0", "--skip-compilation", "--config", file)
	build.Dir = directory
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	// The builder would compile everything anew, with other flags than this repository's.
	build = exec.CommandContext(t.Context(), "go", "build", "-o", "aeolus-collector", ".")
	build.Dir = directory + "/out"
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err = build.CombinedOutput()
	require.NoError(t, err, string(output))
	components, err := exec.CommandContext(t.Context(), directory+"/out/aeolus-collector", "components").CombinedOutput()
	require.NoError(t, err, string(components))
	for _, c := range Components() {
		require.Contains(t, string(components), c.Type)
	}
	sample := filepath.Join(directory, "sample.yaml")
	require.NoError(t, os.WriteFile(sample, []byte(fine), 0o600))
	output, err = exec.CommandContext(t.Context(), directory+"/out/aeolus-collector", "validate", "--config", sample).CombinedOutput()
	require.NoError(t, err, string(output))
}
