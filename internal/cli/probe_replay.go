// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	proberun "github.com/aeolus-ebpf/aeolus/internal/probe/run"
)

func (a *app) probeTestCommand() *cobra.Command {
	var kernel probeKernel
	var record string
	cmd := &cobra.Command{
		Use:   "test FILE --record EVENTS [flags]",
		Short: "Try a probe on what another one has recorded",
		Long: `Replays a recording through the probe, in Go and without a kernel, and shows what the probe would have found. A recording is
made by aeolus probe run --record: it has the values that the probe's expressions read, so that thresholds, keys and measures
can be tried again and again; what was not recorded is refused by name. Times count from the recording's first line.`,
		Example: `  sudo aeolus probe run slow-handshakes.yaml --record handshakes.jsonl --for 10s
  aeolus probe test slower-handshakes.yaml --record handshakes.jsonl
  aeolus probe test slower-handshakes.yaml --record handshakes.jsonl -o json`,
		Args: cobra.ArbitraryArgs,
	}
	f := a.outputFlag(cmd)
	source := a.probeSource(cmd)
	kernel.flag(cmd)
	cmd.Flags().StringVar(&record, "record", "", "`file` that aeolus probe run --record has written")
	group(cmd.Flags(), "What it does", "record")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if record == "" {
			return usagef("which recording? %s FILE --record EVENTS (aeolus probe run FILE --record EVENTS makes one)", cmd.CommandPath())
		}
		document, err := source.document(cmd, args)
		if err != nil {
			return err
		}
		return a.testProbe(cmd.Context(), document, replaying{kernel: &kernel, raw: source.raw, record: record, format: *f})
	}
	return cmd
}

// replaying is how a probe is tried.
type replaying struct {
	kernel *probeKernel
	raw    bool
	record string
	format format
}

func (a *app) testProbe(ctx context.Context, document probeDocument, how replaying) error {
	target, _, err := how.kernel.target(ctx, a.Root, how.raw)
	if err != nil {
		return err
	}
	compiled, err := probe.Compile(document.text, target)
	if err != nil {
		return a.refuseProbe(document, target, err)
	}
	file, err := os.Open(filepath.Clean(how.record))
	if err != nil {
		return fmt.Errorf("reading a recording: %w", err)
	}
	defer func() { _ = file.Close() }()
	recording, err := interp.Open(file)
	if err != nil {
		return fmt.Errorf("%s: %w", how.record, err)
	}
	if here := target.Lang.Kernel.Hash(); recording.Kernel() != here {
		a.note("the recording is of a kernel with other types (%.12s, here %.12s): --btf FILE compiles for that one", recording.Kernel(), here)
	}
	r := newReplayed(a, compiled.Resolved, how.format)
	if err := r.run(ctx, recording); err != nil {
		return fmt.Errorf("%s: %w", how.record, err)
	}
	return r.show(recording)
}

// replayed is a probe and what it has found in a recording.
type replayed struct {
	session  *probeSession
	resolved *ir.Probe
	replay   *interp.Replay
	// first and last are when the recording begins and ends.
	first, last uint64
}

func newReplayed(a *app, resolved *ir.Probe, f format) *replayed {
	// A recording knows no wall clock: its times are since its first line.
	own := *a
	own.Location = time.UTC
	names := &probeNames{enums: resolved.Enums}
	r := &replayed{resolved: resolved}
	r.session = &probeSession{
		probeRunning: &probeRunning{app: &own, format: f}, resolved: resolved, rows: &probeTable{probe: resolved, names: names},
		objects: newProbeObjects(resolved, names), instant: func(at uint64) time.Time { return r.instant(at) },
	}
	r.session.events = r.session.eventTable().Stream(&r.session.lines, own.style(f))
	return r
}

// instant is a time since the first line.
func (r *replayed) instant(at uint64) time.Time {
	return time.Unix(0, int64(at-r.first))
}

// run lets the probe see the whole recording.
func (r *replayed) run(ctx context.Context, recording *interp.Recording) error {
	replay, err := interp.NewReplay(r.resolved, recording)
	if err != nil {
		return err
	}
	r.replay = replay
	for ctx.Err() == nil {
		sighting, _, err := replay.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if r.first == 0 {
			r.first = sighting.Now
		}
		r.last = max(r.last, sighting.Now)
	}
	return ctx.Err()
}

// show writes events, rows and what was lost, as a probe that runs would.
func (r *replayed) show(recording *interp.Recording) error {
	events := r.replay.Machine.Events()
	for i := range events {
		if err := r.session.event(&events[i]); err != nil {
			return err
		}
	}
	snapshot := r.snapshot()
	if r.session.format.machine() {
		if err := r.session.writeRows(&snapshot); err != nil {
			return err
		}
		return r.session.writeLine(r.session.format, r.end(recording))
	}
	if err := r.session.finally(&snapshot); err != nil {
		return err
	}
	r.conclude(recording, len(events) == 0 && len(snapshot.Rows) == 0)
	return nil
}

// snapshot is what a probe that ran would have told, with the most first.
func (r *replayed) snapshot() proberun.Snapshot {
	snapshot := proberun.Snapshot{Since: r.instant(r.first), Time: r.instant(r.last)}
	snapshot.Rows, snapshot.Other = r.replay.Machine.Top()
	snapshot.Keys = len(r.replay.Machine.Rows())
	for _, row := range r.replay.Machine.Rows() {
		if len(row.Keys) == 0 && len(r.resolved.Keys) > 0 {
			snapshot.Keys-- // what found no room
		}
	}
	return snapshot
}

// conclude says what was replayed, and what is missing.
func (r *replayed) conclude(recording *interp.Recording, empty bool) {
	if empty {
		r.session.note("nothing matched")
	}
	lost := "nothing was lost"
	if text := lossText(r.replay.Machine.Losses()); text != "" {
		lost = "lost: " + text
	}
	skipped := ""
	if r.replay.Skipped > 0 {
		skipped = fmt.Sprintf(", %s of other hooks left out", plural(r.replay.Skipped, "line", "lines"))
	}
	r.session.note("replayed %s%s; %s", plural(r.replay.Runs, "run", "runs"), skipped, lost)
	for _, cause := range missing(recording) {
		r.session.note("the recording itself lacks %d runs: %s", recording.Losses()[cause], cause)
	}
}

// missing are the causes for which a recording lacks something.
func missing(recording *interp.Recording) []string {
	var causes []string
	for cause, n := range recording.Losses() {
		if n > 0 {
			causes = append(causes, cause)
		}
	}
	slices.Sort(causes)
	return causes
}

// end says for machines what was replayed, and what is missing.
func (r *replayed) end(recording *interp.Recording) ordered {
	losses, lacking := ordered{}, ordered{}
	for cause, n := range r.replay.Machine.Losses() {
		losses = append(losses, member{ir.Loss(cause).String(), n})
	}
	for _, cause := range missing(recording) {
		lacking = append(lacking, member{cause, recording.Losses()[cause]})
	}
	return ordered{
		{"type", "end"}, {"probe", r.resolved.Name}, {"recordedBy", recording.Probe()}, {"runs", r.replay.Runs}, {"skipped", r.replay.Skipped},
		{"losses", losses}, {"recordingLacks", lacking},
	}
}
