// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// examples is where the questions are.
var examples = filepath.Join("..", "..", "examples", "probes")

// example is one file of the examples: what its first lines say, and the whole text.
type example struct {
	name, asks, instead, run, text string
	// lines that somebody has to write: those of spec.
	lines int
}

func readExample(t *testing.T, name string) example {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, name+".yaml"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Greater(t, len(lines), 4, name)
	e := example{name: name, text: string(text)}
	var found bool
	e.asks, found = strings.CutPrefix(lines[0], "# ")
	require.True(t, found, "%s: the first line says what is asked", name)
	e.instead, found = strings.CutPrefix(lines[1], "# Instead of: ")
	require.True(t, found, "%s: the second line says which tool it stands for", name)
	e.run, found = strings.CutPrefix(lines[2], "# Run: ")
	require.True(t, found, "%s: the third line says how to run it", name)
	begin := slices.Index(lines, "spec:")
	require.Positive(t, begin, name)
	e.lines = len(lines) - begin - 1
	return e
}

func exampleNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	require.NoError(t, err)
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(filepath.Base(file), ".yaml")
	}
	return names
}

// scoped is the probe for one namespace alone.
func (e example) scoped(netns string) string {
	return strings.Replace(e.text, "\nspec:\n", fmt.Sprintf("\nspec:\n  scope: {netns: %q}\n", netns), 1)
}

func TestExamples_areProbes(t *testing.T) {
	for _, name := range exampleNames(t) {
		e := readExample(t, name)
		for _, text := range []string{e.text, e.scoped("/proc/1/ns/net")} {
			p, err := spec.Parse([]byte(text))
			if assert.NoError(t, err, name) {
				assert.Equal(t, name, p.Name)
			}
		}
		assert.Contains(t, strings.Replace(e.run, "--raw ", "", 1), "aeolus probe run examples/probes/"+name+".yaml")
		assert.LessOrEqual(t, e.lines, 18, "%s is long", name)
	}
}
