// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	p, err := parse(map[string]string{
		"urgent_ring": "65536", "bulk_ring": "1048576", "owner_rate": "7", "cpu_rate": "8", "poll": "9ms", "walk": "2s",
		"full_walk": "1m",
	})
	require.NoError(t, err)
	assert.Equal(t, parameters{
		urgentRing: 65536, bulkRing: 1048576, ownerRate: 7, cpuRate: 8, poll: 9 * time.Millisecond, walk: 2 * time.Second,
		fullWalk: time.Minute,
	}, p)
	for name, values := range map[string][]string{
		"urgent_ring": {"", "0", "-1", "5000", "1024", "4294967296", "1k"},
		"bulk_ring":   {"2147483648"},
		"owner_rate":  {"0", "x", "1000001"},
		"cpu_rate":    {"-1"},
		"poll":        {"0s", "5", "2h"},
		"walk":        {"1us"},
		"full_walk":   {"soon"},
		"unheard_of":  {"1"},
	} {
		for _, value := range values {
			_, err := parse(map[string]string{name: value})
			require.ErrorContains(t, err, name, "%s=%s", name, value)
		}
	}
}
