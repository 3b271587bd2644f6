// SPDX-License-Identifier: Apache-2.0

package run_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/test/kernel/probe"
)

// selfName is what the probe of this program is called.
const selfName = "self"

// calls is how often called is called.
const calls = 25

// called is where a probe attaches in this very program: it is the only one that guests have.
//
//go:noinline
func called(n int) int { return n + 1 }

func callAll() int {
	n := 0
	for range calls {
		n = called(n)
	}
	return n
}

// selfDocument is a probe of a user space function. It is written here because nobody knows before where the program lies.
func selfDocument(t *testing.T) probe.Document {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	const text = `apiVersion: aeolus.io/v1alpha1
kind: Probe
metadata: {name: ` + selfName + `}
spec:
  hook: {uprobe: '%s:github.com/aeolus-ebpf/aeolus/test/kernel/probe/run_test.called'}
  by: {pid: pid}
  measure: {calls: count()}
`
	return probe.Document{Name: selfName, Text: fmt.Appendf(nil, text, path)}
}
