// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const index = `Package: linux-image-6.1.0-9-cloud-amd64
Architecture: amd64
Version: 6.1.1-1
SHA256: aa

Package: linux-image-6.1.0-10-cloud-amd64
Architecture: amd64
Version: 6.1.2-1
Description: Package: is not a field here
 nor: here
SHA256: bb

Package: linux-image-6.1.0-11-cloud-amd64-unsigned
Architecture: amd64
Version: 6.1.3-1
SHA256: cc
`

func TestNewest(t *testing.T) {
	pattern := regexp.MustCompile(`^(?:linux-image-6\.1\.0-[0-9]+-cloud-amd64)$`)
	require.Equal(t, Package{
		Name: "linux-image-6.1.0-10-cloud-amd64", Version: "6.1.2-1", Architecture: "amd64", SHA256: "bb",
	}, Newest(strings.NewReader(index), pattern))
	require.Empty(t, Newest(strings.NewReader(""), pattern))
}

func TestNaturalLess(t *testing.T) {
	inOrder := []string{"", "a", "a-9", "a-10", "a-10-b", "a-100", "b"}
	for i, a := range inOrder {
		for j, b := range inOrder {
			require.Equal(t, i < j, naturalLess(a, b), "%q before %q", a, b)
		}
	}
}

// TestMatrix_isWellFormed reads the checked-in tables.
func TestMatrix_isWellFormed(t *testing.T) {
	matrix, err := ReadMatrix("kernels.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, matrix.Kernels)
	expected, err := ReadExpectations("expected.yaml")
	require.NoError(t, err)
	names := map[string]bool{}
	for _, row := range matrix.Kernels {
		names[row.Name] = true
	}
	require.Len(t, expected, len(matrix.Packages), "expected.yaml and kernels.yaml list the same packages")
	for _, name := range matrix.Packages {
		require.Contains(t, expected, name)
		for test, skips := range expected[name] {
			for kernel, reason := range skips {
				require.True(t, names[kernel], "%s: no kernel is called %q", test, kernel)
				require.NotEmpty(t, reason, "%s on %s: a skip has a reason", test, kernel)
			}
		}
	}
}
