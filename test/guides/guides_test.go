// SPDX-License-Identifier: Apache-2.0

package guides

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/test/servers"
)

const (
	// patience is how long a block of a guide may be tried.
	patience = 90 * time.Second
	// most is how much of what a program has said is shown.
	most = 3000
)

// block is a block of code in a guide.
type block struct{ kind, text string }

func blocks(text string) []block {
	var found []block
	for _, b := range regexp.MustCompile("(?ms)^```([a-z][a-z ]*)\n(.*?)^```").FindAllStringSubmatch(text, -1) {
		found = append(found, block{b[1], b[2]})
	}
	return found
}

// reader is somebody who follows a guide.
type reader struct {
	t         *testing.T
	dir, name string
	space     string
	path      string
	started   []*exec.Cmd
}

// newReader gives a reader a network namespace and an empty directory, and puts the programs in the path.
func newReader(t *testing.T, guide string) *reader {
	t.Helper()
	testkit.RequireRoot(t)
	dir, err := os.MkdirTemp("", "aeo-g-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &reader{t: t, dir: dir, name: guide, space: fmt.Sprintf("aeo-guide-%s-%d", guide, os.Getpid())}
	require.NoError(t, exec.Command("ip", "netns", "add", r.space).Run())
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", r.space).Run() })
	require.NoError(t, exec.Command("ip", "-n", r.space, "link", "set", "lo", "up").Run())
	programs := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(programs, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(programs, "sudo"), []byte("#!/bin/sh\nexec \"$@\"\n"), 0o755))
	require.NoError(t, os.Symlink(servers.Aeolus(t), filepath.Join(programs, "aeolus")))
	r.path = programs
	for _, module := range []servers.Module{servers.PrometheusModule, servers.AlertmanagerModule, servers.TelemetrygenModule} {
		built, err := module.Build(t.Context(), func(line string) { t.Log(line) })
		require.NoError(t, err)
		r.path += ":" + built
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "work"), 0o755))
	t.Cleanup(r.end)
	return r
}

// shell is a command of the guide, in the reader's namespace and directory. The directories that Aeolus would use are
// the one thing that is another: two guides are read beside each other, and beside an Aeolus of this host.
func (r *reader) shell(ctx context.Context, text string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", "netns", "exec", r.space, "bash", "-euo", "pipefail", "-c", text)
	cmd.Dir = filepath.Join(r.dir, "work")
	cmd.Env = append(os.Environ(), "PATH="+r.path+":"+os.Getenv("PATH"),
		"AEOLUS_DATA_DIR="+filepath.Join(r.dir, "data"), "AEOLUS_RUN_DIR="+filepath.Join(r.dir, "run"),
		"AEOLUS_CONTROLLER="+filepath.Join(r.dir, "run", "aeolus.sock"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// start starts what the guide leaves running.
func (r *reader) start(text string) {
	r.t.Helper()
	cmd := r.shell(context.WithoutCancel(r.t.Context()), text)
	said, err := os.Create(filepath.Join(r.dir, fmt.Sprintf("said-%d", len(r.started))))
	require.NoError(r.t, err)
	cmd.Stdout, cmd.Stderr = said, said
	require.NoError(r.t, cmd.Start())
	r.started = append(r.started, cmd)
	// A reader waits until it has said something and has no more to say for now, but not for long.
	began := time.Now()
	size, since := int64(0), began
	testkit.Eventually(r.t, patience, func() string {
		info, err := said.Stat()
		require.NoError(r.t, err)
		if info.Size() != size {
			size, since = info.Size(), time.Now()
		}
		if size == 0 || time.Since(since) < time.Second && time.Since(began) < 10*time.Second {
			return "this has said nothing: " + text
		}
		return ""
	})
}

// end ends what was started, last first, and shows what it said if the guide did not work.
func (r *reader) end() {
	for i := len(r.started) - 1; i >= 0; i-- {
		cmd := r.started[i]
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
		if said, err := os.ReadFile(filepath.Join(r.dir, fmt.Sprintf("said-%d", i))); err == nil && r.t.Failed() {
			r.t.Logf("%s\nsaid:\n%s", cmd.Args[len(cmd.Args)-1], said[max(len(said)-most, 0):])
		}
	}
}

// follow does what a guide says, block by block.
func (r *reader) follow(text string) {
	r.t.Helper()
	tried := 0
	for _, b := range blocks(text) {
		switch b.kind {
		case "yaml":
			first, rest, _ := strings.Cut(b.text, "\n")
			if name, named := strings.CutPrefix(first, "# "); named && filepath.IsLocal(name) {
				path := filepath.Join(r.dir, "work", name)
				require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(r.t, os.WriteFile(path, []byte(rest), 0o600))
			}
		case "sh background":
			r.start(b.text)
			tried++
		case "sh":
			r.try(b.text)
			tried++
		}
	}
	require.Greater(r.t, tried, 2, "%s has nothing to try", r.name)
}

// try tries a block until it succeeds.
func (r *reader) try(text string) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(r.t.Context(), patience)
		output, err := r.shell(ctx, text).CombinedOutput()
		cancel()
		if err == nil {
			return
		}
		require.True(r.t, time.Now().Before(deadline), "%s: %s\n%s\n%s", r.name, err, text, output[max(len(output)-most, 0):])
		time.Sleep(500 * time.Millisecond)
	}
}

func TestGuides(t *testing.T) {
	for _, name := range []string{"prometheus", "grafana", "alerts", "rules", "opentelemetry", "probes"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", "..", "docs", "guides", name+".md"))
			require.NoError(t, err)
			newReader(t, name).follow(string(text))
		})
	}
}
