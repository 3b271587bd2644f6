// SPDX-License-Identifier: Apache-2.0

package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func promtool(t *testing.T, directory string, arguments ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not here: apt-get install prometheus")
	}
	command := exec.Command(path, arguments...)
	command.Dir = directory
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
}

func TestRules(t *testing.T) {
	promtool(t, "prometheus", "check", "rules", "rules.yaml")
	promtool(t, "prometheus", "test", "rules", "tests.yaml")
}

// TestDashboards_queriesParse writes every query down as a rule, and lets promtool read them.
func TestDashboards_queriesParse(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: queries\n    rules:\n")
	count := 0
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Queries {
				count++
				fmt.Fprintf(&rules, "      - record: query%d\n        expr: |\n          %s\n", count, d.Plain(q, "1m"))
			}
		}
	}
	require.Greater(t, count, 40)
	directory := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, "queries.yaml"), []byte(rules.String()), 0o600))
	promtool(t, directory, "check", "rules", "queries.yaml")
}
