// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// Where documents lie, seen from this package. Guests have the same files at the same places.
var documentDirs = []string{"testdata/probes", "../../../examples/probes"}

// document is one probe as it was written.
type document struct {
	name string
	text []byte
}

// documents reads all of them, in the order of their names.
func documents(t testing.TB) []document {
	t.Helper()
	var found []document
	seen := map[string]bool{}
	for _, dir := range documentDirs {
		paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
		require.NoError(t, err)
		for _, path := range paths {
			name := strings.TrimSuffix(filepath.Base(path), ".yaml")
			require.False(t, seen[name], "two documents are called %s", name)
			seen[name] = true
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			found = append(found, document{name: name, text: text})
		}
	}
	require.NotEmpty(t, found)
	return found
}

// TestDocuments_parse holds that all are probes, and are called what their files are called.
func TestDocuments_parse(t *testing.T) {
	for _, document := range documents(t) {
		written, err := spec.Parse(document.text)
		if assert(t, document.name, err) {
			require.Equal(t, document.name, written.Name)
		}
	}
}

func assert(t *testing.T, name string, err error) bool {
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return err == nil
}
