// SPDX-License-Identifier: Apache-2.0

package assignments

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/assign"
)

// TestBook_whatIsReplacedIsNotDesired shows and sends the same list.
func TestBook_whatIsReplacedIsNotDesired(t *testing.T) {
	b := New(Default(), time.Now)
	replaced := assign.Assignment{ID: "default-tcp", Owner: "test", Sensor: assign.Sensor{Name: "tcp", Parameters: map[string]string{"x": "y"}}}
	require.NoError(t, b.Assign("n1", replaced))
	b.Heard("n1", "agent", nil)
	require.Equal(t, []assign.Assignment{replaced}, b.Agents()[0].Desired)
	require.Len(t, b.desired("n1").GetAssignments(), 1)
	require.True(t, b.Withdraw("n1", "default-tcp"))
	require.Equal(t, Default(), b.Agents()[0].Desired)
}
