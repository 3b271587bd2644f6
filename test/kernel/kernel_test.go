// SPDX-License-Identifier: Apache-2.0

package kernel_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/test/kernel"
	"github.com/aeolus-ebpf/aeolus/test/kernel/console"
)

var (
	update   = flag.Bool("update", false, "rewrite the tables of what each kernel can do")
	only     = flag.String("kernels", "", "names of kernels to boot, divided by commas; empty for those of the chosen size")
	consoles = flag.String("consoles", "", "directory in which to keep what guests print; it is printed only where something failed")
)

// guestsAtOnce is small: each has two emulated CPUs and three quarters of a gigabyte.
const guestsAtOnce = 2

// TestKernels boots each kernel once and holds what ran there against the tables.
func TestKernels(t *testing.T) {
	matrix, err := kernel.ReadMatrix("kernels.yaml")
	require.NoError(t, err)
	expected, err := kernel.ReadExpectations("expected.yaml")
	require.NoError(t, err)
	kernels := chosen(t, matrix.Kernels)
	if missing := kernel.MissingTools(kernels); len(missing) > 0 {
		t.Fatal(strings.Join(missing, "\n"))
	}
	bench := newBench(t, matrix)
	slots := make(chan struct{}, guestsAtOnce)
	for _, row := range kernels {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			report := bench.boot(t, row)
			checkFeatures(t, row, report)
			for _, name := range matrix.Packages {
				t.Run(name, func(t *testing.T) {
					require.NotEmpty(t, report.Packages[name], "no test of it ran")
					for _, difference := range expected.Compare(row.Name, name, report.Packages[name]) {
						t.Error(difference)
					}
					require.Equal(t, "0", report.Status[name], "the test binary's exit status")
				})
			}
		})
	}
}

func chosen(t *testing.T, kernels []kernel.Kernel) []kernel.Kernel {
	size := testkit.Size(t)
	var picked []kernel.Kernel
	for _, row := range kernels {
		named := strings.Contains(","+*only+",", ","+row.Name+",")
		if named || *only == "" && (row.Size == "small" || size == "full") {
			picked = append(picked, row)
		}
	}
	require.NotEmpty(t, picked, "no kernel was chosen")
	return picked
}

// bench is what the boots share: the store of kernels, and binaries that are built once for each architecture.
type bench struct {
	store    *kernel.Store
	packages []string
	files    map[string][]byte
	binaries func(architecture string) ([]string, error)
}

func newBench(t *testing.T, matrix kernel.Matrix) *bench {
	store, err := kernel.OpenStore(t.Logf)
	require.NoError(t, err)
	builds := t.TempDir()
	var mutex sync.Mutex
	built := map[string][]string{}
	return &bench{
		store:    store,
		packages: matrix.Packages,
		files:    repositoryFiles(t, matrix.Files),
		binaries: func(architecture string) ([]string, error) {
			mutex.Lock()
			defer mutex.Unlock()
			if paths, done := built[architecture]; done {
				return paths, nil
			}
			paths, err := buildAll(t.Context(), builds, architecture, matrix.Packages)
			if err == nil {
				built[architecture] = paths
			}
			return paths, err
		},
	}
}

// module is the root of the module, seen from this package.
const module = "../.."

// repositoryFiles reads what tests in guests read, by its path in the repository.
func repositoryFiles(t *testing.T, patterns []string) map[string][]byte {
	files := map[string][]byte{}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(module, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, paths, "kernels.yaml names %s, and there is none", pattern)
		for _, path := range paths {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			name, err := filepath.Rel(module, path)
			require.NoError(t, err)
			files[name] = content
		}
	}
	return files
}

// buildAll builds init and then one test binary for each package, static. They keep their symbols: probes attach there.
func buildAll(ctx context.Context, dir, architecture string, packages []string) ([]string, error) {
	init := filepath.Join(dir, architecture+"-init")
	paths := []string{init}
	commands := [][]string{{"build", "-trimpath", "-ldflags=-w", "-o", init, "./test/kernel/guest"}}
	for number, name := range packages {
		path := filepath.Join(dir, fmt.Sprintf("%s-%d", architecture, number))
		paths = append(paths, path)
		commands = append(commands, []string{"test", "-c", "-trimpath", "-ldflags=-w", "-o", path, "./" + name})
	}
	for _, arguments := range commands {
		command := exec.CommandContext(ctx, "go", arguments...)
		command.Dir = module
		command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture)
		if output, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building %s: %w\n%s", arguments[len(arguments)-1], err, output)
		}
	}
	return paths, nil
}

// boot runs one guest and returns what it said. Its console is kept until the test is over, and printed if it failed.
func (b *bench) boot(t *testing.T, row kernel.Kernel) kernel.Report {
	began := time.Now()
	tree, err := b.store.Fetch(t.Context(), row)
	require.NoError(t, err)
	fetched := time.Since(began)
	image, err := kernel.ImagePath(tree)
	require.NoError(t, err)
	initramfs := b.pack(t, row, tree)
	dir := *consoles
	if dir == "" {
		dir = t.TempDir()
	}
	logPath := filepath.Join(dir, row.Name+".log")
	log, err := os.Create(logPath)
	require.NoError(t, err)
	defer log.Close()

	began = time.Now()
	guest := kernel.Guest{Architecture: row.Architecture, Kernel: image, Initramfs: initramfs, Log: log}
	text, err := guest.Boot(t.Context())
	report := kernel.ParseConsole(text)
	t.Logf("%s: fetched in %.1fs; init after %s s of the guest's time; booted, tested and ended in %.1fs",
		report.Release, fetched.Seconds(), report.Booted, time.Since(began).Seconds())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the console:\n%s", tail(text, 150))
		}
	})
	require.NoError(t, err)
	require.True(t, report.Done, "the guest did not come to its end")
	require.Empty(t, report.Trouble)
	return report
}

// pack writes the guest's file system.
func (b *bench) pack(t *testing.T, row kernel.Kernel, tree string) string {
	modules, missing, err := kernel.CollectModules(t.Context(), tree, row.Modules)
	require.NoError(t, err)
	require.Empty(t, missing, "modules that are not in the package")
	binaries, err := b.binaries(row.Architecture)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "initramfs")
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	image := kernel.NewInitramfs(file)
	image.Console()
	for _, dir := range []string{"proc", "sys", "tmp", "run"} {
		image.Directory(dir)
	}
	var names []string
	for _, module := range modules {
		names = append(names, module.Name)
		image.File(filepath.Join(console.ModuleDir, module.Name), module.Content)
	}
	image.File(console.ModuleList, []byte(strings.Join(names, "\n")+"\n"))
	image.File(console.PackageList, []byte(strings.Join(b.packages, "\n")+"\n"))
	image.File(console.KernelName, []byte(row.Name+"\n"))
	for _, name := range b.packages {
		image.Directory(filepath.Join(console.Repository, name))
	}
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		image.File(filepath.Join(console.Repository, name), b.files[name])
	}
	for number, binary := range binaries {
		content, err := os.ReadFile(binary)
		require.NoError(t, err)
		if number == 0 {
			image.File("init", content)
			continue
		}
		image.File(filepath.Join(console.TestDir, fmt.Sprint(number-1)), content)
	}
	require.NoError(t, image.Close())
	return path
}

// checkFeatures compares what the kernel can do with the checked-in table.
func checkFeatures(t *testing.T, row kernel.Kernel, report kernel.Report) {
	golden := filepath.Join("testdata", "features-"+row.Name+".txt")
	got := strings.Join(report.Features, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "what %s can do", row.Name)
}

// tail is the end of a console, each line marked, so that nobody takes a guest's results for those of this test.
func tail(text string, count int) string {
	lines := strings.Split(strings.NewReplacer("\r", "", "\x16", "").Replace(text), "\n")
	return "| " + strings.Join(lines[max(0, len(lines)-count):], "\n| ")
}
