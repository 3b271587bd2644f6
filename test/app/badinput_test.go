// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// nobody is a user without rights.
const nobody = 65534

// mistake is a command that cannot work. In what it is given and says, DIR stands for a directory of its own, and PORT
// for an address that is taken.
type mistake struct {
	name string
	args string
	// file is the text of DIR/it.yaml.
	file string
	// asNobody runs it without rights.
	asNobody bool
	code     int
	says     string
}

// mistyped are mistakes in what was typed: nothing is begun.
var mistyped = []mistake{
	{name: "flag", args: "up --dmo", says: "unknown flag --dmo (did you mean --demo?)"},
	{name: "flag that is like none", args: "edges --zzzzzz", says: "unknown flag --zzzzzz (see aeolus edges --help)"},
	{name: "short flag", args: "edges -z", says: "aeolus edges --help"},
	{name: "flag without its value", args: "edges --port", says: "--port"},
	{name: "command", args: "anomalys", says: `unknown command "anomalys" for aeolus (did you mean anomalies?)`},
	{name: "sub-command", args: "demo fualt", says: `"fualt" for aeolus demo (did you mean fault?)`},
	{name: "sub-command of a sub-command", args: "demo fault onn refuse", says: "did you mean on?"},
	{name: "argument", args: "edges checkout", says: `aeolus edges takes no arguments, got "checkout"`},
	{name: "bench", args: "bench evnts", says: `there is no benchmark "evnts" (did you mean events?)`},
	{name: "no bench", args: "bench", says: "bench needs the name of one benchmark: events"},
	{name: "fault", args: "demo fault on refues", says: `there is no fault "refues" (did you mean refuse?)`},
	{name: "port", args: "edges --port http", says: "--port http: expected a whole number"},
	{name: "limit", args: "connections --limit -1", says: "--limit -1: expected a whole number"},
	{name: "kind of event", args: "events --kind refused", says: `--kind "refused" is no kind of event (there are connect.refused,`},
	{name: "time ago", args: "events --since yesterday", says: `--since "yesterday": expected a time ago such as 5m`},
	{name: "output", args: "edges -o jsn", says: "--output jsn: expected table, wide, json, yaml; did you mean json?"},
	{name: "duration", args: "controller --learning 5", says: "--learning 5: expected a time such as 500ms, 10s or 5m"},
	{name: "duration of an agent", args: "agent --interval abc", says: "--interval abc: expected a time such as"},
	{name: "scope", args: "up --scope pod:web", says: `reading scope "pod:web": expected host, cgroup:/path, or netns:`},
	{name: "sensor", args: "agent --sensor tpc", says: `--sensor "tpc": there is no sensor named "tpc"`},
	{name: "parameter of a sensor", args: "agent --sensor tcp:bulk_ring", says: "expected PARAMETER=VALUE after the colon"},
	{name: "certificates", args: "agent", says: "--tls-certificate is missing"},
	{name: "address", args: "up --listen 7777", says: `--listen "7777": expected host:port, such as 127.0.0.1:7777`},
	{name: "address for all", args: "up --listen 0.0.0.0:0", says: "add --public if it should be so"},
	{name: "node", args: "certificate agent a/b", says: `a node's name is made of letters`},

	{name: "no file", args: "agent --config DIR/it.yaml", says: "DIR/it.yaml: no such file"},
	{name: "no mapping", args: "agent --config DIR/it.yaml", file: "# a comment\nscope host\n",
		says: `DIR/it.yaml: line 2: expected settings such as "listen: 127.0.0.1:7777", got "scope host"`},
	{name: "broken file", args: "controller --config DIR/it.yaml", file: "learning: 5m\nlisten: [\n", says: "DIR/it.yaml: line 2: did not find expected node content"},
	{name: "value in a file", args: "agent --config DIR/it.yaml", file: "scope: host\ninterval: soon\n",
		says: `DIR/it.yaml: line 2: interval: expected a time such as 500ms, 10s or 5m, got "soon"`},
	{name: "number in a file", args: "agent --config DIR/it.yaml", file: "max-events: many\n",
		says: `DIR/it.yaml: line 1: max-events: expected a whole number, got "many"`},
	{name: "list in a file", args: "controller --config DIR/it.yaml", file: "listen:\n  - 127.0.0.1:7777\n",
		says: "DIR/it.yaml: line 2: listen: expected text, got a list"},
	{name: "yes or no in a file", args: "controller --config DIR/it.yaml", file: "public: perhaps\n",
		says: `DIR/it.yaml: line 1: public: expected true or false, got "perhaps"`},
	{name: "setting in a file", args: "controller --config DIR/it.yaml", file: "\nlerning: 5m\n",
		says: `DIR/it.yaml: line 2: unknown setting "lerning" (did you mean learning?)`},
	{name: "setting twice in a file", args: "up --config DIR/it.yaml", file: "demo: true\ndemo: false\n",
		says: "DIR/it.yaml: line 2: demo was set already in line 1"},
}

// impossible are commands that are understood and cannot be done here.
var impossible = []mistake{
	{name: "page's port in use", args: "up --listen PORT --data-dir DIR/data --run-dir DIR/run", says: "PORT is in use by another program"},
	{name: "controller's page's port in use", args: "controller --agents 127.0.0.1:0 --listen PORT --data-dir DIR/data --run-dir DIR/run",
		says: "PORT is in use by another program"},
	{name: "agents' port in use", args: "controller --agents PORT --listen 127.0.0.1:0 --data-dir DIR/data --run-dir DIR/run", says: "PORT is in use by another program"},
	{name: "data directory that is a file", args: "up --listen 127.0.0.1:0 --data-dir DIR/it.yaml --run-dir DIR/run", file: "text", says: "DIR/it.yaml: not a directory"},
	{name: "data directory of somebody else", args: "controller --agents 127.0.0.1:0 --listen 127.0.0.1:0 --data-dir DIR/data --run-dir DIR/run", asNobody: true,
		says: "making data directory DIR/data: permission denied (run as root, or choose other places with --data-dir"},
	{name: "up without rights", args: "up --data-dir DIR/data --run-dir DIR/run", asNobody: true, says: "run it as root, or give it CAP_BPF"},
	{name: "demo without rights", args: "demo --state-dir DIR/run", asNobody: true, says: "root"},
	{name: "bench without rights", args: "bench events", asNobody: true, says: "measuring needs root: sudo aeolus bench events"},
	{name: "no controller", args: "edges --controller DIR/aeolus.sock", says: "no controller runs there: start one with aeolus up"},
	{name: "no controller to follow", args: "events -f --controller http://PORT1 --token x", says: "no controller runs there"},
	{name: "no shop", args: "demo fault on refuse --state-dir DIR/run", says: "demo"},
	{name: "no authority", args: "certificate agent node-1 --data-dir DIR/data --out DIR/out", says: "DIR/data/authority: it is not there"},
	{name: "no namespace of that name", args: "up --scope netns:aeo-none --listen 127.0.0.1:0 --data-dir DIR/data --run-dir DIR/run", says: "no network namespace named aeo-none"},
}

// TestBadInput makes every mistake once: each is answered by one line that says what was expected, and nothing is left.
func TestBadInput(t *testing.T) {
	testkit.RequireRoot(t)
	require.NoError(t, os.Chmod(filepath.Dir(binary), 0o755))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	try := func(all []mistake, code int) {
		for _, m := range all {
			t.Run(m.name, func(t *testing.T) {
				m.code = code
				m.make(t, taken.Addr().String())
			})
		}
	}
	try(mistyped, 2)
	try(impossible, 1)
}

// make runs the command and judges its answer.
func (m mistake) make(t *testing.T, taken string) {
	dir, err := os.MkdirTemp("", "aeolus-app-mistake-") // others may enter it, unlike a test's own directory
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	require.NoError(t, os.Chmod(dir, 0o755))
	if m.file != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "it.yaml"), []byte(m.file), 0o644))
	}
	fill := strings.NewReplacer("DIR", dir, "PORT1", "127.0.0.1:1", "PORT", taken).Replace

	var out, said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, strings.Fields(fill(m.args))...)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if m.asNobody {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	require.NoError(t, cmd.Start())
	patience := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer patience.Stop()
	_ = cmd.Wait()

	require.Equal(t, m.code, cmd.ProcessState.ExitCode(), "it said: %s", &said)
	require.Regexp(t, `\Aaeolus: [^\n]+\n\z`, said.String(), "one line")
	require.Contains(t, said.String(), fill(m.says))
	require.Empty(t, out.String(), "nothing on the output")
	m.requireNothingLeft(t, dir)
}

// requireNothingLeft allows what a data directory is for, and nothing else.
func (m mistake) requireNothingLeft(t *testing.T, dir string) {
	t.Helper()
	var left []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		data := name == "data" || strings.HasPrefix(name, "data/")
		if name != "." && name != "it.yaml" && !(data && m.code == 1) {
			left = append(left, name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	require.NoError(t, err)
	require.Empty(t, left)
}
