// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1_700_000_000, 0)
	for range 3 {
		printed, said := 0, 0
		for range 200 {
			ok, first := p.allow(now)
			if ok {
				printed++
			}
			if first {
				said++
			}
		}
		require.Equal(t, []int{mostLines, 1}, []int{printed, said})
		now = now.Add(paceTime)
	}
}
