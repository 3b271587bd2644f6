// SPDX-License-Identifier: Apache-2.0

package run

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// TestSkipped: runs that the kernel did not begin, because the program ran on that processor already, are as many as the kernel says. How
// many there are is chance: here packets are sent, and interrupts free others meanwhile.
func TestSkipped(t *testing.T) {
	p := begin(t, compile(t, `
  hook: {tp_btf: kmem_cache_free}
  measure: {n: count()}
  budget: {cpu: 25%}
`))
	c, err := net.Dial("udp", "127.0.0.1:7")
	require.NoError(t, err)
	defer c.Close()
	for range 5000 {
		_, _ = c.Write(make([]byte, 100))
	}
	before := p.loaded.Skipped()
	told := p.Status().Losses[ir.Skipped]
	require.LessOrEqual(t, before, told)
	require.LessOrEqual(t, told, p.loaded.Skipped())
	require.NoError(t, p.Close())
	require.GreaterOrEqual(t, p.Status().Losses[ir.Skipped], told, "what was skipped is known after the end")
}
