// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden file")

// TestImports_closure holds what the privileged binary is made of: every package that is not Go's own. A package that
// comes in by accident is code that runs as root.
func TestImports_closure(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	list.Env = append(list.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	got, err := list.Output()
	require.NoError(t, err)
	golden := filepath.Join("testdata", "imports.golden")
	if *update {
		require.NoError(t, os.WriteFile(golden, got, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	missing, extra := difference(lines(want), lines(got)), difference(lines(got), lines(want))
	if len(missing)+len(extra) > 0 {
		t.Fatalf("the privileged binary links other packages than %s says.\nnew: %s\ngone: %s\nIf they belong there, run "+
			"go test ./cmd/aeolus-agent -update, and say in the commit why the agent needs them.",
			golden, strings.Join(extra, " "), strings.Join(missing, " "))
	}
}

func lines(text []byte) []string { return strings.Fields(string(text)) }

// difference gives what a has and b has not.
func difference(a, b []string) []string {
	has := make(map[string]bool, len(b))
	for _, name := range b {
		has[name] = true
	}
	var out []string
	for _, name := range a {
		if !has[name] {
			out = append(out, name)
		}
	}
	return out
}
