// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
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
)

var update = flag.Bool("update", false, "write the picture that the README shows")

// readmePicture is what -update writes: the map, and an edge on which a fault is on.
const readmePicture = "../../docs/images/map.png"

// TestBrowser walks through the page in Chromium while the demonstration runs: it sees the map, finds a service, opens
// an edge, and watches an anomaly appear and end without a reload. AEOLUS_PICTURES names a directory to keep its
// pictures in.
func TestBrowser(t *testing.T) {
	testkit.RequireRoot(t)
	requireBrowser(t)
	shop := openShop(t)
	a := up(t, "--scope", "cgroup:"+shop.cgroup, "--node", "shop-host", "--learning", "10s")
	b := browse(t, a.page(),
		"map=8", "pause=learn", "quiet", "pictures=quiet",
		"search=payment", "edge=checkout>payment", "pictures=edge", "close",
		"pause=refuse", "anomaly=payment refuses", "pictures=failing",
		"edge=checkout>payment", "picture=readme", "close",
		"pause=mend", "ended=payment refuses", "quiet", "keys",
		"past=-10s", "was=payment refuses", "pictures=past", "earlier", "zoom=3600", "drag=0.97", "live", "zoom=900", "quiet",
		"visit=/table", "pictures=table", "clean")
	b.follow(map[string]func(){
		"learn":  func() { testkit.Eventually(t, learns, a.learning) },
		"refuse": func() { shop.demo("fault", "on", "refuse") },
		"mend":   func() { shop.demo("fault", "off", "refuse") },
	})
	for _, state := range []string{"quiet", "edge", "failing", "past", "table"} {
		pictures, err := filepath.Glob(filepath.Join(b.pictures, state+"-*.png"))
		require.NoError(t, err)
		require.Len(t, pictures, 6, "three widths, two themes of %s", state)
	}
	if *update {
		picture, err := os.ReadFile(filepath.Join(b.pictures, "readme.png"))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(readmePicture), 0o755))
		require.NoError(t, os.WriteFile(readmePicture, picture, 0o644))
	}
}

// shop is a demonstration in a process of its own, so that it can be watched without the rest of the host.
type shop struct {
	t                *testing.T
	stateDir, cgroup string
}

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, stateDir: filepath.Join(t.TempDir(), "demo")}
	process := startRole(t, binary, "demo", "--state-dir", s.stateDir)
	testkit.Eventually(t, 20*time.Second, func() string {
		if !strings.Contains(process.out.String(), "the shop is open") {
			return "the shop is not open: " + process.out.String()
		}
		return ""
	})
	var status struct {
		Services []struct {
			Instances []struct {
				Cgroup string `json:"cgroup"`
			} `json:"instances"`
		} `json:"services"`
	}
	require.NoError(t, json.Unmarshal(s.demo("status", "-o", "json"), &status))
	s.cgroup = filepath.Dir(status.Services[0].Instances[0].Cgroup)
	return s
}

func (s *shop) demo(args ...string) []byte {
	s.t.Helper()
	out, err := exec.Command(binary, append(append([]string{"demo"}, args...), "--state-dir", s.stateDir)...).Output()
	require.NoError(s.t, err, "aeolus demo %v", args)
	return out
}

// requireBrowser says in one line what is missing.
func requireBrowser(t *testing.T) {
	t.Helper()
	for _, program := range []string{"node", "chromium"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing: make deps installs chromium and names what must be there before", program)
		}
	}
	if _, err := os.Stat("../../web/node_modules/playwright-core"); err != nil {
		t.Fatal("playwright-core is missing in web/node_modules: make deps installs it by npm ci")
	}
}

// page is the address for a browser, as aeolus prints it.
func (a *aeolus) page() string {
	a.t.Helper()
	look := regexp.MustCompile(`(?m)^ +look +(http://\S+)$`)
	var page string
	testkit.Eventually(a.t, 20*time.Second, func() string {
		found := look.FindStringSubmatch(a.out.String())
		if found == nil {
			return "no address was printed: " + a.out.String()
		}
		page = found[1]
		return ""
	})
	return page
}

// browser is a walk through the page.
type browser struct {
	t        *testing.T
	cmd      *exec.Cmd
	input    io.Writer
	output   io.Reader
	said     *lockedBuffer
	pictures string
}

func browse(t *testing.T, page string, steps ...string) *browser {
	t.Helper()
	b := &browser{t: t, said: new(lockedBuffer), pictures: os.Getenv("AEOLUS_PICTURES")}
	if b.pictures == "" {
		b.pictures = t.TempDir()
	}
	b.cmd = exec.CommandContext(t.Context(), "node", append([]string{"e2e/steps.mjs"}, steps...)...)
	b.cmd.Dir = "../../web"
	b.cmd.Env = append(os.Environ(), "AEOLUS_URL="+page, "AEOLUS_OUT="+b.pictures, fmt.Sprintf("AEOLUS_WAIT=%d", ends.Milliseconds()))
	b.cmd.Stderr = b.said
	// Ended by a signal that lets it close its browser.
	b.cmd.Cancel = func() error { return b.cmd.Process.Signal(syscall.SIGTERM) }
	b.cmd.WaitDelay = 5 * time.Second
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	var err error
	b.input, err = b.cmd.StdinPipe()
	require.NoError(t, err)
	b.output, err = b.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, b.cmd.Start())
	return b
}

// follow reads what the steps say until the last, and does what they wait for.
func (b *browser) follow(pauses map[string]func()) {
	b.t.Helper()
	lines := bufio.NewScanner(b.output)
	for lines.Scan() {
		var line struct {
			Waiting, Step string
			OK            bool
			Detail        json.RawMessage
			Milliseconds  int
		}
		require.NoError(b.t, json.Unmarshal(lines.Bytes(), &line), "%s", lines.Text())
		if line.Waiting != "" {
			pauses[line.Waiting]()
			_, err := io.WriteString(b.input, "go\n")
			require.NoError(b.t, err)
			continue
		}
		require.True(b.t, line.OK, "%s: %s", line.Step, line.Detail)
		if !strings.HasPrefix(line.Step, "pictures=") {
			b.t.Logf("%s, %d ms: %s", line.Step, line.Milliseconds, line.Detail)
		}
	}
	require.NoError(b.t, lines.Err())
	require.NoError(b.t, b.cmd.Wait(), "%s", b.said)
}
