// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

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

func TestStore_prune(t *testing.T) {
	store := &Store{Dir: t.TempDir(), Say: t.Logf}
	kernel := Kernel{Name: "k", Package: "linux-.*"}
	for _, sum := range []string{"kept", "stale", "young"} {
		require.NoError(t, os.Mkdir(filepath.Join(store.Dir, sum), 0o755))
	}
	long := time.Now().Add(-2 * staleAfter)
	for _, sum := range []string{"kept", "stale"} {
		require.NoError(t, os.Chtimes(filepath.Join(store.Dir, sum), long, long))
	}
	require.NoError(t, store.remember(kernel, Package{Name: "linux-1", SHA256: "kept"}))
	require.NoError(t, store.prune())
	require.DirExists(t, filepath.Join(store.Dir, "kept"))
	require.NoDirExists(t, filepath.Join(store.Dir, "stale"))
	require.DirExists(t, filepath.Join(store.Dir, "young"))
}

// TestStore_withoutArchive keeps to what it has where no mirror is known, however old the note.
func TestStore_withoutArchive(t *testing.T) {
	store := &Store{Dir: t.TempDir(), Say: t.Logf}
	kernel := Kernel{Name: "k", Architecture: "amd64", Archive: "security", Package: "linux-.*"}
	_, err := store.Fetch(t.Context(), kernel)
	require.ErrorContains(t, err, securityMirrorVariable)

	require.NoError(t, store.remember(kernel, Package{Name: "linux-1", SHA256: "sum"}))
	require.NoError(t, os.Mkdir(filepath.Join(store.Dir, "sum"), 0o755))
	long := time.Now().Add(-2 * freshFor)
	require.NoError(t, os.Chtimes(store.notePath(kernel), long, long))
	tree, err := store.Fetch(t.Context(), kernel)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(store.Dir, "sum"), tree)
}

// TestSensors_areAllTested finds sensors in the source tree, by their objects.
func TestSensors_areAllTested(t *testing.T) {
	objects, err := filepath.Glob("../../internal/sensor/*/*.o")
	require.NoError(t, err)
	require.NotEmpty(t, objects)
	tested, err := os.ReadFile("sensor/harness_test.go")
	require.NoError(t, err)
	for _, object := range objects {
		require.Contains(t, string(tested), "internal/sensor/"+filepath.Base(filepath.Dir(object))+`"`)
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
