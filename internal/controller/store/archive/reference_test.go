// SPDX-License-Identifier: Apache-2.0

package archive

import (
	options "flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = options.Bool("update", false, "write the reference")

// TestReference_saysWhatIsWritten holds docs/reference/archive.md equal to the tables as they are.
func TestReference_saysWhatIsWritten(t *testing.T) {
	var page strings.Builder
	introduction, err := os.ReadFile(filepath.Join("testdata", "reference.md"))
	require.NoError(t, err)
	page.Write(introduction)
	describe(&page, edgeTable())
	describe(&page, instanceTable())
	describe(&page, flowTable())
	describe(&page, eventTable())
	path := filepath.Join("..", "..", "..", "..", "docs", "reference", "archive.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page.String()), 0o644))
	}
	there, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, page.String(), string(there), "run: go test ./internal/controller/store/archive -run Reference -update")
}

func describe[R any](page *strings.Builder, t *table[R]) {
	order := "time"
	if t.sorted >= 0 {
		order = "`" + t.columns[t.sorted].name + "`, then time"
	}
	fmt.Fprintf(page, "\n## %s\n\n%s Sorted by %s.\n\n| column | type | what it is |\n|---|---|---|\n", t.name, t.meaning, order)
	for _, c := range t.columns {
		filter := ""
		if c.bloom {
			filter = " (bloom filter)"
		}
		fmt.Fprintf(page, "| `%s` | %s%s | %s |\n", c.name, c.written, filter, c.meaning)
	}
}
