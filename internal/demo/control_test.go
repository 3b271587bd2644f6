// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestControlTakesNoNonsense(t *testing.T) {
	client := openShop(t)
	info, err := os.Stat(filepath.Join(client.stateDir, socketName))
	require.NoError(t, err)
	require.Equal(t, os.ModeSocket|0o600, info.Mode())

	for name, try := range map[string]struct {
		method, path, body string
		code               int
		problem            string
	}{
		"garbage":       {"POST", "/v1/faults/refuse", "\x00\xff{", http.StatusBadRequest, "reading request"},
		"nothing":       {"POST", "/v1/faults/refuse", "", http.StatusBadRequest, "reading request"},
		"misspelt":      {"POST", "/v1/faults/refuse", `{"onn":true}`, http.StatusBadRequest, "unknown field"},
		"oversized":     {"POST", "/v1/faults/refuse", `{"setting":{"edge":"` + strings.Repeat("x", maxRequest), http.StatusBadRequest, "too large"},
		"unknown fault": {"POST", "/v1/faults/earthquake", `{"on":true}`, http.StatusUnprocessableEntity, "there is no fault"},
		"unknown edge":  {"POST", "/v1/faults/refuse", `{"on":true,"setting":{"edge":"a->b"}}`, http.StatusUnprocessableEntity, "there is no edge"},
		"nobody to kill": {"POST", "/v1/faults/kill", `{"on":true,"setting":{"instance":"cache-9"}}`, http.StatusUnprocessableEntity,
			"there is no instance"},
		"unknown path": {"GET", "/v2/status", "", http.StatusNotFound, "404"},
		"wrong method": {"DELETE", "/v1/status", "", http.StatusMethodNotAllowed, "Method Not Allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), try.method, "http://demo"+try.path, strings.NewReader(try.body))
			require.NoError(t, err)
			response, err := client.http.Do(request)
			require.NoError(t, err)
			defer func() { require.NoError(t, response.Body.Close()) }()
			text, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, try.code, response.StatusCode)
			require.Contains(t, string(text), try.problem)
		})
	}
	faults, err := client.Faults(t.Context())
	require.NoError(t, err)
	for _, f := range faults {
		require.False(t, f.On, f.Name)
	}
}

func TestConfigIsChecked(t *testing.T) {
	testkit.RequireRoot(t)
	for _, perSecond := range []float64{-1, 0.5, 1e6, math.NaN(), math.Inf(1)} {
		_, err := New(Config{PerSecond: perSecond})
		require.ErrorContains(t, err, "1 to 5000 calls a second")
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	shop, err := New(Config{StateDir: file})
	require.NoError(t, err)
	require.ErrorContains(t, shop.Run(t.Context()), "not a directory")

	shop, err = New(Config{StateDir: t.TempDir() + "/state", Command: []string{"/nowhere/aeolus"}})
	require.NoError(t, err)
	require.ErrorContains(t, shop.Run(t.Context()), "starting dns-1")
	require.ErrorIs(t, shop.Switch(t.Context(), FaultRefuse, true, Setting{}), ErrNotRunning)

	t.Setenv("PATH", t.TempDir())
	_, err = New(Config{})
	require.ErrorIs(t, err, ErrNoNft)
}

// Being told to stop while opening is no error, and leaves nothing.
func TestStopWhileOpening(t *testing.T) {
	testkit.RequireRoot(t)
	directory := t.TempDir() + "/state"
	ctx, cancel := context.WithCancel(t.Context())
	shop, err := New(Config{StateDir: directory, Progress: func(line string) {
		if strings.HasPrefix(line, "starting") {
			cancel()
		}
	}})
	require.NoError(t, err)
	require.NoError(t, shop.Run(ctx))
	require.NoDirExists(t, directory)
}
