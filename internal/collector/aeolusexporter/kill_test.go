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

// TestExporter_killed kills a real process again and again while it writes to disk. What it had answered arrives, whole
// and in order.
func TestExporter_killed(t *testing.T) {
	b := newBench(t, withStorage)
	b.stop()
	c := b.controllers[0]
	c.stop()
	directory := t.TempDir()
	b.directory = filepath.Join(directory, "spool")
	require.NoError(t, os.Mkdir(b.directory, 0o700))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600))
	}
	write("crt", string(b.config.TLS.CertPEM))
	write("key", string(b.config.TLS.KeyPEM))
	write("ca", b.config.TLS.CAPEM)
	write("endpoint", c.address)
	rounds := 5
	if testkit.Full() {
		rounds = 100
	}
	var answered []uint64
	for round := range rounds {
		// Each round has numbers of its own: the last one of a round may be on disk without having been answered.
		write("last", strconv.Itoa(round*1_000_000))
		answered = append(answered, runAndKill(t, directory)...)
	}
	b.start()
	c.restart()
	b.settled()
	arrived := map[uint64]bool{}
	var before uint64
	for _, got := range c.got() {
		number := got.(uint64)
		require.Greater(t, number, before, "in order, and once")
		before = number
		arrived[number] = true
	}
	for _, number := range answered {
		require.True(t, arrived[number], "%d was answered", number)
	}
	require.LessOrEqual(t, len(arrived), len(answered)+rounds)
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
