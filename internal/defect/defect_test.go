// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

type inline struct{ err error }

func (i *inline) Go(run func() error) { i.err = run() }

func TestGuard(t *testing.T) {
	err := Guard(func() error { panic("oh") })
	require.ErrorIs(t, err, ErrPanic)
	require.Contains(t, err.Error(), "a defect in Aeolus: panic: oh\n")
	require.Contains(t, err.Error(), "TestGuard", "where it was")
	want := errors.New("no")
	require.Equal(t, want, Guard(func() error { return want }))
	require.NoError(t, Guard(func() error { return nil }))
	var group inline
	Go(&group, func() error { panic(want) })
	require.ErrorIs(t, group.err, ErrPanic)
}
