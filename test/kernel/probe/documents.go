// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// documentDirs are where documents lie, seen from the root of the repository. Guests have the same files at the same places.
var documentDirs = []string{"test/kernel/probe/testdata/probes", "examples/probes"}

// Document is one probe as it was written.
type Document struct {
	Name string
	Text []byte
}

// Documents reads all of them, in the order of their names. The root of the repository is given as a test sees it.
func Documents(t testing.TB, root string) []Document {
	t.Helper()
	var found []Document
	seen := map[string]bool{}
	for _, dir := range documentDirs {
		paths, err := filepath.Glob(filepath.Join(root, dir, "*.yaml"))
		require.NoError(t, err)
		require.NotEmpty(t, paths)
		for _, path := range paths {
			name := strings.TrimSuffix(filepath.Base(path), ".yaml")
			require.False(t, seen[name], "two documents are called %s", name)
			seen[name] = true
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			found = append(found, Document{Name: name, Text: text})
		}
	}
	return found
}
