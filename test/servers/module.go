// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Module is a Go module and the programs to build of it.
type Module struct {
	// Name is what people call it.
	Name string
	// Path and Version are as the module proxy knows them.
	Path, Version string
	// Packages are built, each into a program of its last element's name; Tests is a package whose tests are built.
	Packages []string
	Tests    string
	// Tags are build tags, with commas.
	Tags string
}

// The modules that programs are built of. None of them is linked into Aeolus: they are built in copies of their own
// directories with their own requirements, because two of them have replacements, which go install refuses.
var (
	// PrometheusModule is of the version that Aeolus embeds: what the two answer is compared. Of the ways to discover
	// targets only files and HTTP are left in; the others are most of its weight.
	PrometheusModule = Module{
		Name: "Prometheus", Path: "github.com/prometheus/prometheus", Version: "v0.314.0",
		Packages: []string{"./cmd/prometheus", "./cmd/promtool"}, Tags: "remove_all_sd",
	}
	// AlertmanagerModule is the last that carries what its page is made of, without which it does not compile.
	AlertmanagerModule = Module{
		Name: "Alertmanager", Path: "github.com/prometheus/alertmanager", Version: "v0.31.1",
		Packages: []string{"./cmd/alertmanager", "./cmd/amtool"},
	}
	// TelemetrygenModule makes OpenTelemetry's data.
	TelemetrygenModule = Module{
		Name: "telemetrygen", Path: "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen", Version: "v0.161.0",
		Packages: []string{"."},
	}
	// ComplianceModule is the public test suite for receivers of remote write.
	ComplianceModule = Module{
		Name: "the compliance suite", Path: "github.com/prometheus/compliance/remotewrite/receiver",
		Version: "v0.0.0-20260806071727-67b8327a2e93", Tests: ".",
	}
)

// Modules are all of them, in the order in which they are worth building.
func Modules() []Module {
	return []Module{PrometheusModule, AlertmanagerModule, TelemetrygenModule, ComplianceModule}
}

// buildFlags are part of what a build is kept under.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-p", "2", "-ldflags", "-s -w"}

// Build builds what is not there yet, tells say what it does, and gives the directory that the programs are in.
func (m Module) Build(ctx context.Context, say func(string)) (string, error) {
	cache, err := cacheDirectory()
	if err != nil {
		return "", err
	}
	target := filepath.Join(cache, m.key())
	if built(target) {
		return target, nil
	}
	unlock, err := lock(target)
	if err != nil {
		return "", err
	}
	defer unlock()
	if built(target) {
		return target, nil
	}
	began := time.Now()
	say(fmt.Sprintf("building %s %s", m.Name, m.Version))
	if err := m.build(ctx, cache, target, say); err != nil {
		return "", fmt.Errorf("building %s %s: %w", m.Name, m.Version, err)
	}
	say(fmt.Sprintf("built %s %s in %s", m.Name, m.Version, time.Since(began).Round(time.Second)))
	return target, nil
}

// lock keeps others from building the same: tests of several packages run beside each other.
func lock(target string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return nil, fmt.Errorf("making %s: %w", filepath.Dir(target), err)
	}
	file, err := os.OpenFile(target+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", target, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("locking %s: %w", target, err)
	}
	return func() { _ = file.Close() }, nil
}

func built(target string) bool {
	_, err := os.Stat(filepath.Join(target, "done"))
	return err == nil
}

// key names a build by all that goes into it.
func (m Module) key() string {
	digest := sha256.New()
	for _, part := range []string{m.Path, m.Version, m.Tags, m.Tests, strings.Join(m.Packages, ","), strings.Join(buildFlags, ","),
		runtime.Version(), runtime.GOOS, runtime.GOARCH} {
		fmt.Fprintf(digest, "%d:%s", len(part), part)
	}
	name := strings.ReplaceAll(strings.ToLower(m.Name), " ", "-")
	return fmt.Sprintf("%s-%s-%s", name, m.Version, hex.EncodeToString(digest.Sum(nil)[:6]))
}

// build compiles in a copy of the module's directory, and moves what came out into place when all of it is there.
func (m Module) build(ctx context.Context, cache, target string, say func(string)) error {
	work, err := os.MkdirTemp(cache, "building-")
	if err != nil {
		return fmt.Errorf("making a directory to build in: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	source := filepath.Join(work, "source")
	if err := m.copySource(ctx, source); err != nil {
		return err
	}
	out := filepath.Join(work, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return fmt.Errorf("making a directory for programs: %w", err)
	}
	flags := buildFlags
	if m.Tags != "" {
		flags = append([]string{"-tags", m.Tags}, flags...)
	}
	if len(m.Packages) > 0 {
		arguments := append(append([]string{"build", "-v", "-o", out + string(filepath.Separator)}, flags...), m.Packages...)
		if err := m.compile(ctx, source, say, arguments); err != nil {
			return err
		}
	}
	if m.Tests != "" {
		arguments := append([]string{"test", "-v", "-c", "-o", filepath.Join(out, "suite.test")}, flags...)
		if err := m.compile(ctx, source, say, append(arguments, m.Tests)); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(out, "done"), nil, 0o644); err != nil {
		return fmt.Errorf("marking it as built: %w", err)
	}
	if err := os.Rename(out, target); err != nil {
		return fmt.Errorf("moving it into place: %w", err)
	}
	return nil
}

// copySource puts a copy of the module that can be written to into a directory.
func (m Module) copySource(ctx context.Context, directory string) error {
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", m.Path+"@"+m.Version)
	download.Dir = os.TempDir()
	download.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	var problems bytes.Buffer
	download.Stderr = &problems
	output, err := download.Output()
	var answer struct{ Dir, Error string }
	if decoded := json.Unmarshal(output, &answer); err != nil || decoded != nil || answer.Error != "" {
		return fmt.Errorf("downloading the module: %w: %s%s", errors.Join(err, decoded), answer.Error, problems.String())
	}
	if err := os.CopyFS(directory, os.DirFS(answer.Dir)); err != nil {
		return fmt.Errorf("copying the module: %w", err)
	}
	// What the proxy serves is for reading alone.
	err = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if entry.IsDir() {
			mode = 0o755
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		return fmt.Errorf("making the copy writable: %w", err)
	}
	return nil
}

// compile runs go, and tells how far it is.
func (m Module) compile(ctx context.Context, source string, say func(string), arguments []string) error {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = source
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0")
	follower := &progress{name: m.Name, say: say, next: time.Now().Add(progressEvery)}
	command.Stdout, command.Stderr = follower, follower
	if err := command.Run(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", arguments[0], err, follower.messages.String())
	}
	return nil
}

// cacheDirectory is where builds are kept.
func cacheDirectory() (string, error) {
	if directory := os.Getenv("AEOLUS_CACHE"); directory != "" {
		return filepath.Join(directory, "servers"), nil
	}
	root, err := repository()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, ".cache", "servers"), nil
}

// repository is the directory that go.mod is in, above the one that the tests run in.
func repository() (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return directory, nil
		}
		above := filepath.Dir(directory)
		if above == directory {
			return "", errors.New("finding the repository: no go.mod here or above")
		}
		directory = above
	}
}
