// SPDX-License-Identifier: Apache-2.0

package run_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	compiler "github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/run"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
	"github.com/aeolus-ebpf/aeolus/test/kernel"
	"github.com/aeolus-ebpf/aeolus/test/kernel/console"
	"github.com/aeolus-ebpf/aeolus/test/kernel/probe"
)

// root is that of the repository, seen from here, and from the same place in a guest.
const root = "../../../.."

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// expectations is expected.yaml: by document and kernel, the hooks that run there, or "not: " and why. The row "all" is for
// kernels that are not named.
type expectations map[string]map[string]string

func (e expectations) of(document, kernel string) string {
	if known, named := e[document][kernel]; named {
		return known
	}
	return e[document]["all"]
}

func readExpectations(t *testing.T) expectations {
	text, err := os.ReadFile("expected.yaml")
	require.NoError(t, err)
	var table expectations
	require.NoError(t, yaml.Unmarshal(text, &table))
	return table
}

// guest is what kernels.yaml calls this kernel; empty for the kernel at hand.
func guest() string { return os.Getenv(console.KernelVariable) }

// share is the share of a processor that a probe may take, in millionths.
const share = 500_000

// position is where in a document something is wrong, which is of no interest here.
var position = regexp.MustCompile(` \(line \d+, column \d+\)`)

// refusal is the first line of why a document does not run.
func refusal(err error) string {
	return "not: " + position.ReplaceAllString(probe.Lines(err.Error())[0], "")
}

// running is a document at work, or why it is not.
type running struct {
	document probe.Document
	outcome  string
	probe    *run.Probe
	mutex    sync.Mutex
	events   []ir.Event
	drained  chan struct{}
}

func start(ctx context.Context, document probe.Document, target compiler.Target) (*running, error) {
	r := &running{document: document}
	compiled, err := compiler.Compile(document.Text, target)
	if err != nil {
		r.outcome = refusal(err)
		return r, nil
	}
	// An emulated processor is many times slower than those that budgets are made for, and this one may be busy.
	compiled.Resolved.Budget.CPU = share
	if compiled.Object, err = gen.Generate(compiled.Resolved, target.Gen); err != nil {
		return nil, err
	}
	r.probe, err = run.Start(ctx, run.Config{Compiled: compiled, Target: target, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.outcome = refusal(err)
		return r, nil
	}
	var hooks []string
	for _, hook := range r.probe.Status().Hooks {
		hooks = append(hooks, hook.Name)
	}
	r.outcome = strings.Join(hooks, ", ")
	r.drained = make(chan struct{})
	go func() {
		defer close(r.drained)
		for event := range r.probe.Events() {
			r.mutex.Lock()
			r.events = append(r.events, event)
			r.mutex.Unlock()
		}
	}()
	return r, nil
}

func (r *running) found(t *testing.T) *found {
	snapshot, err := r.probe.Rows()
	require.NoError(t, err)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	rows := snapshot.Rows
	return &found{resolved: r.probe.Compiled().Resolved, rows: rows, events: append([]ir.Event(nil), r.events...)}
}

// TestProbes runs every document on this kernel, all at once, and holds what each found against the kernel's counters and
// what the traffic's own ends know. In a guest it also holds what runs, and what it was compiled to, against the tables.
func TestProbes(t *testing.T) {
	testkit.RequireRoot(t)
	target, err := run.Host(t.Context(), run.HostConfig{Raw: true})
	require.NoError(t, err)
	world, err := newWorld()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, world.close()) })

	all := probe.Documents(t, root)
	if guest() != "" {
		// What plain go test runs has no symbols.
		all = append(all, selfDocument(t))
	}
	var started []*running
	for _, document := range all {
		began := time.Now()
		r, err := start(t.Context(), document, target)
		if err != nil {
			t.Errorf("%s: %v", document.Name, err)
		}
		t.Logf("%s: %s, in %s", document.Name, r.outcome, time.Since(began).Round(time.Millisecond))
		started = append(started, r)
	}
	defer func() {
		for _, r := range started {
			if r.probe != nil {
				require.NoError(t, r.probe.Close())
				<-r.drained
			}
		}
	}()
	require.NoError(t, world.run())
	require.Equal(t, calls, callAll())
	for _, r := range started {
		t.Run(r.document.Name, func(t *testing.T) { r.check(t, world, target) })
	}
}

func (r *running) check(t *testing.T, w *world, target compiler.Target) {
	if name := guest(); name != "" {
		assert.Equal(t, readExpectations(t).of(r.document.Name, name), r.outcome, "what expected.yaml says of %s", name)
	} else {
		r.checkHost(t, target)
	}
	if r.probe == nil {
		return
	}
	if asked := oracles[r.document.Name]; asked != nil {
		testkit.Eventually(t, 10*time.Second, func() string { return asked(r.found(t), w) })
	}
	status := r.probe.Status()
	require.Equal(t, run.Running, status.State, status.Why)
	t.Logf("%d runs, %s, losses %v, %s", status.Cost.Runs, status.Cost.Time, status.Losses, strings.Join(status.Notes, "; "))
	if guest() == "" {
		return // others are at work as well
	}
	// Of two stacks with the same hash the kernel keeps one, however much room there is.
	for _, loss := range []ir.Loss{ir.KeysFull, ir.EventsFull, ir.PairsFull, ir.SwitchedOff} {
		require.Zero(t, status.Losses[loss], loss.String())
	}
}

// checkHost is for a kernel of which no table knows. A document that does not run there either has a hook that trials
// showed not to work, or asks for what one of the known kernels does not have either.
func (r *running) checkHost(t *testing.T, target compiler.Target) {
	if r.probe != nil || !probe.Supported(t, r.document, target) {
		return
	}
	for _, name := range kernel.Names() {
		if len(probe.ReadGolden(t, root, name).Probes[r.document.Name].Refused) > 0 {
			return
		}
	}
	t.Errorf("every kernel that is known compiles it, and this one: %s", r.outcome)
}

// TestExpected holds that the table speaks of every document and kernel, and of nothing else.
func TestExpected(t *testing.T) {
	table := readExpectations(t)
	names := []string{selfName}
	for _, document := range probe.Documents(t, root) {
		names = append(names, document.Name)
	}
	require.ElementsMatch(t, names, slices.Collect(maps.Keys(table)), "the documents, and the rows of expected.yaml")
	for _, document := range names {
		for _, name := range kernel.Names() {
			require.NotEmpty(t, table.of(document, name), "%s on %s", document, name)
		}
		for name := range table[document] {
			require.Contains(t, append(kernel.Names(), "all"), name, document)
		}
	}
}

// TestGolden holds that a guest, which knows its own types and features, compiles what was compiled for it elsewhere.
func TestGolden(t *testing.T) {
	testkit.RequireRoot(t)
	name := guest()
	if name == "" {
		t.Skip("golden files are of the kernels that guests boot")
	}
	want := probe.ReadGolden(t, root, name)
	target, err := run.Host(t.Context(), run.HostConfig{Raw: true})
	require.NoError(t, err)
	blob, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	require.NoError(t, err)
	sum := sha256.Sum256(blob)
	require.Equal(t, hex.EncodeToString(sum[:]), target.Lang.Kernel.Hash())
	for _, document := range probe.Documents(t, root) {
		want.Check(t, document.Name, target.Lang.Kernel.Hash(), probe.OutcomeOf(document, target))
	}
}

// TestFormats holds that the records of tracepoints that are kept for compiling elsewhere are those of this kernel.
func TestFormats(t *testing.T) {
	testkit.RequireRoot(t)
	name := guest()
	if name == "" {
		t.Skip("records are kept of the kernels that guests boot")
	}
	for tracepoint, kept := range probe.Formats(t, root, name) {
		text, err := os.ReadFile("/sys/kernel/tracing/events/" + tracepoint + "/format")
		require.NoError(t, err)
		// What stands before is the tracepoint's number, which is another with each build.
		_, format, found := strings.Cut(string(text), "\nformat:\n")
		require.True(t, found)
		require.Equal(t, "format:\n"+format, kept, tracepoint)
	}
}
