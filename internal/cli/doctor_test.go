// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func examined() examination {
	e := examination{Version: "v1", Kernel: "6.1\x1b", System: "linux/amd64", Checks: []finding{
		check("root", nil, "", "nothing is seen.", false),
		check("lockdown", fmt.Errorf("securityfs: %w", errUntried), "", "some hooks are denied.", false),
		check("btf", nil, "", "nothing is seen.", true),
		check("fentry", errors.New("loading: operation not permitted"), "", "kprobes cost more.", false),
	}}
	e.judge()
	return e
}

func TestDoctor_report(t *testing.T) {
	var out pipe
	a := &app{Params: Params{Out: &out, Err: &out, Getenv: getenv(nil)}}
	for _, f := range formats {
		out.text.Reset()
		require.NoError(t, a.report(examined(), format(f)))
		golden(t, "doctor."+f+".golden", out.String())
	}
}

func TestDoctor_failsOnlyWhereNothingCanRun(t *testing.T) {
	e := examined()
	require.True(t, e.Runs)
	e.Checks[2].Verdict, e.Checks[2].Error = feature.No.String(), "no such file"
	e.judge()
	require.False(t, e.Runs)
	require.Equal(t, "Aeolus cannot watch this host: btf: no such file", e.Summary)
}

func TestDoctor_thisHost(t *testing.T) {
	testkit.RequireRoot(t)
	got := run(t, nil, "doctor", "-o", "json")
	require.Equal(t, exitOK, got.code, got.out)
	var found examination
	require.NoError(t, json.Unmarshal([]byte(got.out), &found))
	require.Greater(t, len(found.Checks), 20)
	for _, check := range found.Checks {
		require.Contains(t, []string{"yes", "no", "unknown"}, check.Verdict, check.Name)
		if check.Verdict != "yes" {
			require.NotEmpty(t, check.Error, check.Name)
			require.NotEmpty(t, check.Without, check.Name)
		}
	}
}

func TestEnvironment(t *testing.T) {
	directory := t.TempDir()
	require.NoError(t, writable(filepath.Join(directory, "not", "yet")))
	file := filepath.Join(directory, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.EqualError(t, writable(file), file+" is not a directory")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.EqualError(t, free(address), address+": address already in use")
	require.NoError(t, listener.Close())
	require.NoError(t, free(address))
}
