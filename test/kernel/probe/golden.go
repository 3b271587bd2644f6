// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Golden is what all documents compile to for one kernel.
type Golden struct {
	// Kernel is the package and its version, BTF the SHA-256 of its types: members are at the same places for as long as it is
	// the same.
	Kernel string             `yaml:"kernel"`
	BTF    string             `yaml:"btf"`
	Probes map[string]Outcome `yaml:"probes"`
}

// GoldenPath is where a kernel's is.
func GoldenPath(root, kernel string) string {
	return filepath.Join(root, "test/kernel/probe/testdata/golden", kernel+".yaml")
}

// ReadGolden reads one.
func ReadGolden(t testing.TB, root, kernel string) Golden {
	t.Helper()
	text, err := os.ReadFile(GoldenPath(root, kernel))
	require.NoError(t, err)
	var golden Golden
	require.NoError(t, yaml.Unmarshal(text, &golden))
	return golden
}

// Check holds what a document compiles to now against what is expected. Where the kernel is another build of the one that
// is known, members may have moved, and everything but the instructions is compared.
func (g Golden) Check(t testing.TB, name, btf string, made Outcome) {
	t.Helper()
	wanted := g.Probes[name]
	if btf != g.BTF {
		wanted, made = wanted.Shape(), made.Shape()
	}
	assert.Equal(t, string(Encode(t, wanted)), string(Encode(t, made)),
		"%s compiles to something else; go test ./test/kernel/probe -update writes what is expected anew", name)
}

// Encode writes a value as YAML.
func Encode(t testing.TB, value any) []byte {
	t.Helper()
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	require.NoError(t, encoder.Encode(value))
	require.NoError(t, encoder.Close())
	return text.Bytes()
}
