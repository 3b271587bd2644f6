// SPDX-License-Identifier: Apache-2.0

package byhand

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/cilium/ebpf"
)

// Connects is the question of who connects to a port, to which the first answer is waited for: a count by port, and each
// connect told as it comes.
type Connects struct {
	Port int
	// Name tells askings apart.
	Name string
}

const connectsText = `apiVersion: aeolus.io/v1alpha1
kind: Probe
metadata: {name: %s}
spec:
  hook: {tp_btf: inet_sock_set_state}
  where: newstate == TCP_SYN_SENT && sock(sk).dport == %d
  by: [sock(sk).dport]
  measure: {connects: count()}
  emit: [sock(sk).daddr]
  budget: {cpu: 25%%, events: 1000/s}
`

// Text asks it as a probe.
func (c Connects) Text() string { return fmt.Sprintf(connectsText, c.Name, c.Port) }

// Bpftrace asks it in the language of bpftrace, which prints a line for each connect.
func (c Connects) Bpftrace() string {
	return fmt.Sprintf(`tracepoint:sock:inet_sock_set_state /args->newstate == 2 && args->dport == %d/ {
	@[args->dport] = count(); printf("%%s\n", ntop(args->daddr)); }`, c.Port)
}

//go:embed connects.bpf.c
var connectsSource []byte

// Compile asks it in C: clang makes an object in a directory.
func (c Connects) Compile(ctx context.Context, clang, directory string) (object string, err error) {
	source := filepath.Join(directory, "connects.bpf.c")
	object = filepath.Join(directory, "connects.bpf.o")
	if err := os.WriteFile(source, connectsSource, 0o600); err != nil {
		return "", fmt.Errorf("writing C: %w", err)
	}
	command := exec.CommandContext(ctx, clang, "-O2", "-g", "-target", "bpf", "-I", multiarch(), fmt.Sprintf("-DPORT=%d", c.Port), "-c", source, "-o", object)
	if said, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compiling C: %w: %s", err, strings.TrimSpace(string(said)))
	}
	return object, nil
}

// multiarch is where Debian keeps the headers of the processor.
func multiarch() string {
	return map[string]string{"amd64": "/usr/include/x86_64-linux-gnu", "arm64": "/usr/include/aarch64-linux-gnu"}[runtime.GOARCH]
}

// StartObject loads and attaches what Compile has made.
func StartObject(object string) (*Running, error) {
	spec, err := ebpf.LoadCollectionSpec(object)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", object, err)
	}
	return start(spec, "connecting")
}
