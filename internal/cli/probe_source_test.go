// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProbe_flagsThatSayNothing are refused, and do not quietly become what holds without them.
func TestProbe_flagsThatSayNothing(t *testing.T) {
	for want, flag := range map[string][]string{`--entries "0"`: {"--entries", "0"}, `--ttl ""`: {"--ttl", ""}, `--cpu ""`: {"--cpu", ""}} {
		got := run(t, nil, append([]string{"probe", "check", "--hook", "event:inet_sock_set_state", "--measure", "count()"}, flag...)...)
		require.Equal(t, result{code: exitUsage, err: "aeolus: " + want + " says nothing: leave it out\n"}, got)
	}
}
