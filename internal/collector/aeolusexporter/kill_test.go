// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// childDirectory is set for a process that spools batches until it is killed.
const childDirectory = "AEOLUS_TEST_SPOOL"

// spoolUntilKilled hands batches to an exporter whose controller is away, and writes the number of each one that was
// answered. It begins behind the last one that it is told of.
func spoolUntilKilled(directory string) {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(directory, name))
		check(err)
		return string(text)
	}
	config := defaultConfig().(*Config)
	config.TLS.CertPEM, config.TLS.KeyPEM, config.TLS.CAPEM = opaque([]byte(read("crt"))), opaque([]byte(read("key"))), read("ca")
	config.Endpoints = []string{read("endpoint")}
	id := storageID()
	config.Storage = &id
	ctx := context.Background()
	made, err := newExporter(nopSettings(), config)
	check(err)
	storage, err := newShelf(ctx, filepath.Join(directory, "spool"))
	check(err)
	check(made.start(ctx, host{map[component.ID]component.Component{id: storage}}))
	last, err := strconv.ParseUint(read("last"), 10, 64)
	check(err)
	for n := last + 1; ; n++ {
		check(made.consume(ctx, batchLogs(n)))
		fmt.Println(n)
	}
}

// killing is a directory in which processes spool until they are killed.
type killing struct {
	*bench
	root     string
	rounds   int
	answered []uint64
}

func newKilling(t *testing.T) *killing {
	k := &killing{bench: newBench(t, withStorage), root: t.TempDir(), rounds: 5}
	if testkit.Full() {
		k.rounds = 100
	}
	k.stop()
	k.controllers[0].stop()
	k.directory = filepath.Join(k.root, "spool")
	require.NoError(t, os.Mkdir(k.directory, 0o700))
	k.write("crt", string(k.config.TLS.CertPEM))
	k.write("key", string(k.config.TLS.KeyPEM))
	k.write("ca", k.config.TLS.CAPEM)
	k.write("endpoint", k.controllers[0].address)
	return k
}

func (k *killing) write(name, text string) {
	require.NoError(k.t, os.WriteFile(filepath.Join(k.root, name), []byte(text), 0o600))
}

// round lets a process answer some batches and kills it. Each round has numbers of its own: the last one of a round may
// be on disk, or at the controller, without having been answered.
func (k *killing) round(number int) {
	k.write("last", strconv.Itoa(number*1_000_000))
	k.answered = append(k.answered, runAndKill(k.t, k.root)...)
}

// arrived holds that everything that was answered has arrived, in order, and tells how much came twice.
func (k *killing) arrived() (twice int) {
	k.t.Helper()
	arrived := map[uint64]bool{}
	var highest uint64
	for _, got := range k.controllers[0].got() {
		number := got.(uint64)
		if arrived[number] {
			twice++
			continue
		}
		require.Greater(k.t, number, highest, "in order")
		highest, arrived[number] = number, true
	}
	for _, number := range k.answered {
		require.True(k.t, arrived[number], "%d was answered", number)
	}
	return twice
}

// TestExporter_killed kills a real process again and again while it writes to disk. What it had answered arrives, whole,
// in order and once.
func TestExporter_killed(t *testing.T) {
	k := newKilling(t)
	for number := range k.rounds {
		k.round(number)
	}
	k.start()
	k.controllers[0].restart()
	k.settled()
	require.Zero(t, k.arrived())
}

// TestExporter_killedWhileSending kills it while it also empties the disk. What was under way then comes again, and the
// order is kept.
func TestExporter_killedWhileSending(t *testing.T) {
	k := newKilling(t)
	k.round(0)
	k.controllers[0].restart()
	for number := range k.rounds {
		k.round(number + 1)
	}
	k.start()
	k.settled()
	require.LessOrEqual(t, k.arrived(), (k.rounds+1)*(flowsAtOnce+1))
}

// runAndKill lets the process answer some batches, kills it, and gives those that it has answered.
func runAndKill(t *testing.T, directory string) (answered []uint64) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDirectory+"="+directory)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(output)
	left := 20 + rand.IntN(200)
	for lines.Scan() {
		number, err := strconv.ParseUint(strings.TrimSpace(lines.Text()), 10, 64)
		require.NoError(t, err)
		answered = append(answered, number)
		if left--; left == 0 {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait(), "it was killed")
	require.LessOrEqual(t, left, 0)
	return answered
}
