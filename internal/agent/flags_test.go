// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

func TestParseScope(t *testing.T) {
	for text, want := range map[string]Scope{
		"":                   {},
		"host":               {},
		"cgroup:/kubepods/":  {Cgroup: "/kubepods"},
		"netns:shop,4026531": {Namespaces: []string{"shop", "4026531"}},
	} {
		got, err := ParseScope(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		again, err := ParseScope(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	for _, bad := range []string{"host:x", "cgroup:", "cgroup:relative", "netns:", "netns:a,,b", "netns:a b", "netns:../x", "planet",
		"netns:" + strings.Repeat("a,", 2_000)} {
		_, err := ParseScope(bad)
		require.Error(t, err, bad)
	}
}

func TestScope_resolve(t *testing.T) {
	roots := []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"}
	exists := func(path string) bool {
		return path == "/sys/fs/cgroup/unified/shop" || path == "/sys/fs/cgroup/pids/old" || path == "/etc"
	}
	inode := func(name string) (uint32, bool) { return 77, name == "shop" }
	for text, want := range map[string]sensor.Scope{
		"host":                               {},
		"cgroup:/shop":                       {CgroupPath: "/sys/fs/cgroup/unified/shop"},
		"cgroup:/old":                        {CgroupPath: "/sys/fs/cgroup/pids/old"},
		"cgroup:/sys/fs/cgroup/unified/shop": {CgroupPath: "/sys/fs/cgroup/unified/shop"},
		"netns:shop,4026531840":              {NetNS: []uint32{77, 4026531840}},
	} {
		scope, err := ParseScope(text)
		require.NoError(t, err)
		got, err := scope.resolve(roots, exists, inode)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"cgroup:/gone", "cgroup:/etc", "netns:nobody", "netns:0", "netns:99999999999"} {
		scope, err := ParseScope(bad)
		require.NoError(t, err)
		_, err = scope.resolve(roots, exists, inode)
		require.ErrorContains(t, err, "finding scope "+bad)
	}
}

func TestParseSensors(t *testing.T) {
	got, err := parseSensors([]string{"tcp:walk=2s,poll=10ms"})
	require.NoError(t, err)
	require.Equal(t, []assign.Assignment{{
		ID: "default/tcp", Owner: "default", Sensor: assign.Sensor{Name: "tcp", Parameters: map[string]string{"walk": "2s", "poll": "10ms"}},
	}}, got)
	got, err = parseSensors([]string{"none"})
	require.NoError(t, err)
	require.Empty(t, got)
	got, err = parseSensors([]string{"tcp"})
	require.NoError(t, err)
	require.Equal(t, DefaultAssignments(), got)
	for _, bad := range [][]string{{"moon"}, {"tcp", "tcp"}, {"tcp:walk"}, {"tcp:=1"}, {"none", "tcp"}} {
		_, err := parseSensors(bad)
		require.Error(t, err, bad)
	}
}

func TestPrivileged(t *testing.T) {
	require.NoError(t, privileged("Name:\tx\nCapEff:\t000001ffffffffff\n"))
	require.NoError(t, privileged("CapEff:\t000000c000001000\n"), "three capabilities are enough")
	require.NoError(t, privileged("CapEff:\t0000000000201000\n"), "an older kernel's way")
	err := privileged("CapEff:\t0000000000000000\n")
	require.ErrorContains(t, err, "CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN")
	require.ErrorContains(t, privileged("CapEff:\t0000008000001000\n"), "give it CAP_PERFMON")
	require.Error(t, privileged("CapEff:\tmany\n"))
}

// certificates writes an agent's files, and gives the flags that name them.
func certificates(t *testing.T, node string) []string {
	t.Helper()
	directory := t.TempDir()
	authority, err := pki.OpenAuthority(directory)
	require.NoError(t, err)
	pair, err := authority.IssueAgent(node)
	require.NoError(t, err)
	certificate, key := filepath.Join(directory, "agent.crt"), filepath.Join(directory, "agent.key")
	require.NoError(t, pki.Save(pair, certificate, key))
	return []string{"--tls-certificate=" + certificate, "--tls-key=" + key, "--tls-authority=" + pki.AuthorityFile(directory)}
}

func TestMain_mistakes(t *testing.T) {
	files := certificates(t, "worker")
	settings := filepath.Join(t.TempDir(), "agent.yaml")
	with := func(more ...string) []string { return append(append([]string(nil), files...), more...) }
	for name, test := range map[string]struct {
		arguments   []string
		file        string
		environment map[string]string
		code        int
		says        string
	}{
		"unknown flag":         {with("--contoller=x"), "", nil, 2, "unknown flag: --contoller (did you mean --controller?)"},
		"argument":             {with("now"), "", nil, 2, `unexpected argument "now"`},
		"no certificate":       {files[1:], "", nil, 2, "--tls-certificate is missing"},
		"missing file":         {append(files[:2:2], "--tls-authority=gone.crt"), "", nil, 2, "gone.crt is not there"},
		"another node":         {with("--node=other"), "", nil, 2, `--node is "other" and the certificate`},
		"scope":                {with("--scope=planet"), "", nil, 2, `reading scope "planet"`},
		"sensor":               {with("--sensor=moon"), "", nil, 2, `no sensor named "moon"`},
		"level":                {with("--log-level=loud"), "", nil, 2, "--log-level: expected debug"},
		"duration":             {with("--interval=soon"), "", nil, 2, "soon"},
		"collector":            {with("--collector=here"), "", nil, 1, "the collector's address must be host:port"},
		"name of no collector": {with("--collector-tls-server-name=x"), "", nil, 2, "--collector is not"},
		"address":              {with("--controller=here"), "", nil, 1, "host:port"},
		"malformed file":       {with(), "interval: [1s\n", nil, 2, "line 1"},
		"wrong value in file":  {with(), "\ninterval: soon\n", nil, 2, "line 2: interval: expected a time such as"},
		"unknown key in file":  {with(), "interval: 1s\nscop: host\n", nil, 2, `line 2: unknown setting "scop" (did you mean scope?)`},
		"wrong environment":    {with(), "", map[string]string{"AEOLUS_MAX_EVENTS": "many"}, 2, "AEOLUS_MAX_EVENTS: expected a whole number"},
		"environment is heard": {with(), "", map[string]string{"AEOLUS_SCOPE": "planet"}, 2, `"planet"`},
	} {
		t.Run(name, func(t *testing.T) {
			arguments := test.arguments
			if test.file != "" {
				require.NoError(t, os.WriteFile(settings, []byte(test.file), 0o600))
				arguments = append(arguments, "--config="+settings)
			}
			var out, problems bytes.Buffer
			code := Main(context.Background(), arguments, Streams{Out: &out, Err: &problems, Environment: func(name string) (string, bool) {
				value, ok := test.environment[name]
				return value, ok
			}})
			require.Contains(t, problems.String(), test.says)
			require.Equal(t, test.code, code)
			require.Empty(t, out.String())
		})
	}
}

func TestMain_help(t *testing.T) {
	for argument, says := range map[string]string{"--help": "--tls-certificate file", "-h": "Exit codes", "--version": "aeolus-agent "} {
		var out, problems bytes.Buffer
		none := func(string) (string, bool) { return "", false }
		require.Zero(t, Main(context.Background(), []string{argument}, Streams{Out: &out, Err: &problems, Environment: none}))
		require.Contains(t, out.String(), says)
		require.Empty(t, problems.String())
	}
}
