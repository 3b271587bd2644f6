// SPDX-License-Identifier: Apache-2.0

package aeolus_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/repotest"
)

// importRules say who may import whom; the reason is the message.
var importRules = []repotest.Rule{
	{
		Reason: "only the command line starts roles; mains wire and do nothing else",
		For:    []string{"cmd/aeolus"}, Only: []string{"./internal/cli"},
	},
	{
		Reason: "the privileged binary is the agent alone",
		For:    []string{"cmd/aeolus-agent"}, Only: []string{"./internal/agent"},
	},
	{
		Reason: "the command line, the demo and the benchmarks are at the top: nothing builds on them",
		Except: []string{"cmd", "test", "internal/cli", "internal/bench", "internal/up"},
		Never:  []string{"./internal/cli", "./internal/bench", "./internal/demo", "./internal/up"},
	},
	{
		Reason: "roles are strangers: they meet in api, model, names, wire, loss, assign, sequence, graph and reduce",
		For:    []string{"internal/agent", "internal/collector", "internal/controller"},
		Never:  []string{"./internal/agent", "./internal/collector", "./internal/controller"}, Linked: true,
	},
	{
		Reason: "internal/kernel is the one door to BPF, beside the rooms that own programs",
		Except: []string{"internal/kernel", "internal/sensor", "internal/probe", "internal/guard", "internal/fastpath", "test/kernel"},
		Never:  []string{"github.com/cilium/ebpf"},
	},
	{
		Reason: "internal/netlink is the one door to netlink and namespaces",
		Except: []string{"internal/netlink", "internal/kernel"},
		Never:  []string{"github.com/vishvananda/netlink", "github.com/vishvananda/netns", "github.com/mdlayher/netlink"},
	},
	{
		Reason: "the values that everyone passes on depend on nobody",
		For:    []string{"internal/model", "internal/pki", "internal/loss", "internal/units"}, Only: []string{"./internal/model"},
	},
	{
		Reason: "a sensor knows the kernel and the model: no other sensor, no Kubernetes, no OpenTelemetry",
		For:    []string{"internal/sensor"},
		Never:  []string{"./internal/sensor/tcp", "./internal/agent", "./internal/wire", "./api", "k8s.io", "sigs.k8s.io", "go.opentelemetry.io"},
	},
	{
		Reason: "joining the halves of connections depends on no role",
		For:    []string{"internal/sequence", "internal/graph", "internal/reduce"},
		Only:   []string{"./internal/model", "./internal/loss", "./internal/graph"},
	},
	{
		Reason: "the OpenTelemetry Collector stays in the collector",
		Except: []string{"internal/collector"}, Never: []string{"go.opentelemetry.io/collector"},
	},
	{
		Reason: "Prometheus' server packages have one wrapper; tests compare with them",
		Except: []string{"internal/controller/store", "internal/controller/notify", "test"}, Never: []string{"github.com/prometheus/prometheus"},
	},
	{
		Reason: "only the controller talks to Kubernetes' API machinery",
		Except: []string{"internal/controller", "internal/identity/kube"},
		Never:  []string{"sigs.k8s.io/controller-runtime", "k8s.io/client-go"},
	},
	{
		Reason: "the agent must stay small: it is the part with privileges",
		For:    []string{"internal/agent", "cmd/aeolus-agent"}, Linked: true,
		Never: []string{"./web", "./internal/cli", "./internal/controller", "./internal/collector", "./internal/demo", "./internal/bench",
			"connectrpc.com/connect", "github.com/spf13/cobra", "go.opentelemetry.io/collector", "github.com/prometheus/prometheus",
			"sigs.k8s.io/controller-runtime", "modernc.org/sqlite", "github.com/parquet-go/parquet-go", "github.com/stretchr/testify"},
	},
}

func packages(t *testing.T) []repotest.Package {
	t.Helper()
	list, err := repotest.Packages(".")
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

func TestImports_rules(t *testing.T) {
	list := packages(t)
	for _, rule := range importRules {
		assert.Empty(t, rule.Check(list), rule.Reason)
	}
}

// TestImports_rulesBite shows that each kind of rule finds what it is for.
func TestImports_rulesBite(t *testing.T) {
	at := func(room string) string { return repotest.Module + "/" + room }
	list := []repotest.Package{
		{ImportPath: at("internal/agent"), Deps: []string{at("internal/controller/engine"), at("internal/agent/x")}},
		{ImportPath: at("internal/cli"), Imports: []string{"github.com/cilium/ebpf/link"}},
		{ImportPath: at("internal/model"), Imports: []string{"time", "golang.org/x/sys/unix"}},
		{ImportPath: at("internal/sensor/udp"), XTestImports: []string{at("internal/sensor/tcp"), at("internal/sensor")}},
	}
	var broken []string
	for _, rule := range importRules {
		for _, line := range rule.Check(list) {
			line, _, _ = strings.Cut(strings.ReplaceAll(line, repotest.Module+"/", ""), ":")
			broken = append(broken, line)
		}
	}
	slices.Sort(broken)
	require.Equal(t, []string{
		"internal/agent imports internal/controller/engine", "internal/agent imports internal/controller/engine",
		"internal/cli imports github.com/cilium/ebpf/link", "internal/model imports golang.org/x/sys/unix",
		"internal/sensor/udp imports internal/sensor/tcp",
	}, broken)
}

func TestPackages_areDocumented(t *testing.T) {
	for _, p := range packages(t) {
		if p.Room() == "" {
			continue
		}
		assert.NotEmpty(t, p.Doc, "%s has no package comment", p.ImportPath)
		assert.NotRegexp(t, `(?i)spdx|copyright|licen[cs]e-id`, p.Doc, "%s: the licence is not what the package is", p.ImportPath)
	}
}

// TestCalls_systemThroughOneDoor holds that namespaces are entered, and raw system calls made, in two rooms alone.
func TestCalls_systemThroughOneDoor(t *testing.T) {
	for _, file := range tracked(t) {
		if !file.Go() || repotest.Under(file.Path, "internal/netlink", "internal/kernel") || strings.HasSuffix(file.Path, "_test.go") {
			continue
		}
		source, err := repotest.Parse(file)
		require.NoError(t, err)
		for _, call := range source.Calls {
			assert.NotRegexp(t, `^(unix|syscall)\.(Setns|Unshare|RawSyscall6?|Syscall6?)$`, call, "%s: internal/netlink and internal/kernel do that", file.Path)
		}
	}
}

// TestBuild_elsewhere holds that the command line builds on a laptop, and the agent on the other architecture.
func TestBuild_elsewhere(t *testing.T) {
	directory, err := os.Getwd()
	require.NoError(t, err)
	for _, target := range []struct{ system, architecture, command string }{
		{"darwin", "arm64", "./cmd/aeolus"},
		{"linux", "arm64", "./cmd/aeolus"},
		{"linux", "arm64", "./cmd/aeolus-agent"},
	} {
		t.Run(target.system+"/"+target.architecture+" "+target.command, func(t *testing.T) {
			broken, err := repotest.Elsewhere(directory, target.system, target.architecture, target.command)
			require.NoError(t, err)
			require.Empty(t, broken)
		})
	}
}

// TestBuild_elsewhereBites shows that what compiles on Linux alone is found.
func TestBuild_elsewhereBites(t *testing.T) {
	directory := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":     "module example.org/x\n\ngo 1.26\n",
		"x.go":       "package x\n\nfunc X() int { return y() }\n",
		"y_linux.go": "package x\n\nfunc y() int { return 1 }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600))
	}
	broken, err := repotest.Elsewhere(directory, "linux", "arm64", "./...")
	require.NoError(t, err)
	require.Empty(t, broken)
	broken, err = repotest.Elsewhere(directory, "darwin", "arm64", "./...")
	require.NoError(t, err)
	require.Len(t, broken, 1)
	require.Contains(t, broken[0], "undefined: y")
}
