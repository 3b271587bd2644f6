// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInitramfs_layout holds the bytes to the format; that kernels accept them is shown by every boot.
func TestInitramfs_layout(t *testing.T) {
	var out bytes.Buffer
	image := NewInitramfs(&out)
	image.File("/a/b", []byte("hello"))
	image.File("a/c", nil)
	require.NoError(t, image.Close())
	require.Zero(t, out.Len()%4)
	require.Equal(t, 4, bytes.Count(out.Bytes(), []byte("070701")), "a, a/b, a/c and the trailer")
	require.Contains(t, out.String(),
		"070701"+"00000002"+"000081ed"+"00000000"+"00000000"+"00000001"+"00000000"+"00000005"+
			"00000000"+"00000000"+"00000000"+"00000000"+"00000004"+"00000000"+"a/b\x00\x00\x00"+"hello\x00\x00\x00")
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestInitramfs_keepsTheFirstError(t *testing.T) {
	image := NewInitramfs(broken{})
	image.File("x", []byte("y"))
	require.ErrorContains(t, image.Close(), "full")
}
