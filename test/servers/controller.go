// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// controllerToken is what the controllers of tests ask for.
const controllerToken = "token-of-a-test"

// aeolusOnce builds the command line once for the tests of a package, into the cache: where nothing has changed since it
// was last built, that takes no time.
var aeolusOnce = sync.OnceValues(func() (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	cache, err := cacheDirectory()
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "aeolus"))
	if err != nil {
		return "", err
	}
	defer unlock()
	program := filepath.Join(cache, "aeolus", "aeolus")
	build := exec.Command("go", "build", "-o", program, "./cmd/aeolus")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building aeolus: %w\n%s", err, output)
	}
	return program, nil
})

// Aeolus is the path of the program, built from this repository.
func Aeolus(t testing.TB) string {
	t.Helper()
	program, err := aeolusOnce()
	require.NoError(t, err)
	return program
}

// Controller starts Aeolus' controller with further flags.
func Controller(t testing.TB, arguments ...string) *Server {
	t.Helper()
	// A socket's path is short, and the directory of a test with a long name is not.
	dir, err := os.MkdirTemp("", "aeolus-c-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	address := FreeAddress(t)
	return start(t, command{
		program: Aeolus(t), address: address, dir: dir, token: controllerToken, ready: "/",
		arguments: append([]string{
			"controller", "--data-dir", filepath.Join(dir, "data"), "--run-dir", filepath.Join(dir, "run"), "--listen", address,
			"--agents", FreeAddress(t), "--token", controllerToken,
		}, arguments...),
	})
}
