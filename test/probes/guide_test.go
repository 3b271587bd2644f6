// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the guide anew")

const guideBegin = `# Questions to ask of a kernel

Each of these is a file of a few lines in [examples/probes](../../examples/probes), compiled for your kernel when you run it:
` + "`aeolus probe run examples/probes/tcpconnect.yaml`" + `. Run one as it is, or copy it and change it: the language is described in
[probe-language.md](../reference/probe-language.md). "Lines" counts what is below spec.

All are put to the proof by test/probes: real programs do what is asked about in network namespaces of their own, and the answer is
compared with what the last column names, which watched the same doings in the same run. Counts must be equal. Where bpftrace watches
events that happen in interrupts it may have missed a few, because the kernel does not run its sort of program where it would
interrupt another one: then the probe must have seen all that bpftrace saw, and the kernel's own counters decide. Times that two
programs take at one instant, one after the other, may differ by what comes between.

`

// TestGuide holds that the guide says of the questions what they say of themselves.
func TestGuide(t *testing.T) {
	var text strings.Builder
	text.WriteString(guideBegin)
	text.WriteString("| question | probe | in place of | lines | checked by |\n|---|---|---|---|---|\n")
	line := func(name, checks string) {
		e := readExample(t, name)
		fmt.Fprintf(&text, "| %s | [%s](../../examples/probes/%s.yaml) | %s | %d | %s |\n", e.asks, name, name, e.instead, e.lines, checks)
	}
	for _, q := range questions() {
		line(q.example, q.checks)
	}
	for _, name := range exampleNames(t) {
		if why, ok := elsewhere[name]; ok {
			line(name, "**not checked**: "+why)
		}
	}
	text.WriteString(guideEnd)
	path := filepath.Join("..", "..", "docs", "guides", "questions.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o644))
	}
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, text.String(), string(written), "go test ./test/probes -run TestGuide -update writes it")
}

const guideEnd = `
To look at one container or namespace alone, add a scope: ` + "`scope: {workload: checkout}`" + ` or ` + "`scope: {netns: shop}`" + `. What happens outside of
processes and sockets (soft interrupts, the scheduler, neighbours, routes, packets at an interface) belongs to nobody whom a scope could
name: these questions are asked of the whole host.
`
