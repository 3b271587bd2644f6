// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// notOurs are files beside the examples that are for other programs.
var notOurs = map[string]bool{"manifest.yaml": true, "scrape.yaml": true}

// TestExamples_areRight checks every example as the guide says that it is used: over the default.
func TestExamples_areRight(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	t.Setenv("KUBE_NODE_NAME", "node-1")
	files, err := filepath.Glob(repository + "/deploy/collector/*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), len(notOurs))
	for _, file := range files {
		if notOurs[filepath.Base(file)] {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			require.NoError(t, Validate(t.Context(), Config{Text: Default(), Files: []string{file}}))
		})
	}
}
