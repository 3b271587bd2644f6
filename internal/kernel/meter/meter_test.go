// SPDX-License-Identifier: Apache-2.0

package meter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSum(t *testing.T) {
	assert.Equal(t, Reading{}, Sum(nil))
	assert.Equal(t, Reading{Runs: 5}, Sum([]Slot{{Runs: 5}}), "none of them was timed")
	assert.Equal(t, Reading{Runs: 1000, Time: 100 * time.Microsecond},
		Sum([]Slot{{Runs: 900, Timed: 3, Nanoseconds: 300}, {Runs: 100, Timed: 1, Nanoseconds: 100}}))
}
