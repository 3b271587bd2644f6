// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	proberun "github.com/aeolus-ebpf/aeolus/internal/probe/run"
)

// probeRunning is what aeolus probe run was asked for.
type probeRunning struct {
	*app
	source *probeSource
	format format
	// length is for how long, every how often the table is shown, count after how many events it ends.
	length, every time.Duration
	count         uint64
	record        string
}

func (a *app) probeRunCommand() *cobra.Command {
	r := &probeRunning{app: a, format: formatTable}
	cmd := &cobra.Command{
		Use:   "run [FILE] [flags]",
		Short: "Ask the kernel, and show the answers as they come",
		Long: `Compiles a probe for this kernel, loads it, and shows what it finds: a table that is brought up to date in place, with the
most first, and a line for each event. Ctrl-C takes it out of the kernel, and shows the table for the last time together with what was
lost, by cause. Whatever happens to the command, nothing stays in the kernel. What a file asks is changed in the file; how far it goes
is changed by --scope and the bounds below, which stand in place of what the file says.

With -o json each line is an object: "event" for each event; "row" for each row at the end, and each time that --every says; "end"
for how it ended, what it cost and what was lost. Times are in nanoseconds and sizes in bytes there.`,
		Example: `  sudo aeolus probe run slow-handshakes.yaml
  sudo aeolus probe run --hook event:tcp_retransmit_skb --by 'sock(sk).daddr' --measure 'count()'
  sudo aeolus probe run -e 'tcp(sk).srtt > duration("50ms")' --hook event:tcp_probe --emit 'sock(sk).daddr' --count 10
  sudo aeolus probe run --hook call:tcp_sendmsg --measure 'sizes=histogram(size)' --scope workload=checkout --for 10s
  sudo aeolus probe run slow-handshakes.yaml --scope workload=checkout --ttl 1h --cpu 2%
  sudo aeolus probe run slow-handshakes.yaml -o json --every 1s`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := cmd.Flags()
	flags.DurationVar(&r.length, "for", 0, "end after this `time` (default: at Ctrl-C, or when the probe's own time is over)")
	flags.Uint64Var(&r.count, "count", 0, "end after this `many` events")
	group(flags, "Time", "for", "count")
	flags.VarP(&r.format, "output", "o", "table, wide, json or yaml")
	flags.DurationVar(&r.every, "every", 0, "`time` between two tables (default 1s on a terminal, else only at the end)")
	flags.StringVar(&r.record, "record", "", "also write what the hooks see into a `file`, for aeolus probe test")
	group(flags, "Output", "output", "every", "record")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	r.source = a.probeSource(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return r.run(cmd, args) }
	return cmd
}

// leastEvery is the least time between two tables: reading them costs something, too.
const leastEvery = 100 * time.Millisecond

func (r *probeRunning) run(cmd *cobra.Command, args []string) error {
	if r.length < 0 || r.every < 0 || r.every > 0 && r.every < leastEvery {
		return usagef("--for must not be negative, and --every not less than %s", leastEvery)
	}
	document, err := r.source.document(cmd, args)
	if err != nil {
		return err
	}
	switch {
	case runtime.GOOS != "linux":
		return fmt.Errorf("running a probe: %w", proberun.ErrUnsupported)
	case !r.Root:
		return hint(errors.New("running a probe: only root may load programs into the kernel"), "sudo aeolus probe run …; aeolus probe check and explain need no privileges")
	}
	target, err := proberun.Host(cmd.Context(), proberun.HostConfig{Raw: r.source.raw})
	if err != nil {
		return fmt.Errorf("running a probe: %w", err)
	}
	compiled, err := probe.Compile(document.text, target)
	if err != nil {
		if document, problems := document.problems(target, err); len(problems) > 0 {
			if err := r.writeProblems(r.Err, document, problems); err != nil {
				return err
			}
			return errSilent
		}
		return fmt.Errorf("running a probe: %w", err)
	}
	if r.count > 0 && len(compiled.Resolved.Emit) == 0 {
		return usagef("--count counts events, and this probe emits none: give it something to --emit, or use --for")
	}
	return r.serve(cmd.Context(), compiled, target)
}

// serve runs a compiled probe until it ends.
func (r *probeRunning) serve(ctx context.Context, compiled *probe.Compiled, target probe.Target) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	config := proberun.Config{Compiled: compiled, Target: target, Logger: r.logger(r.verbose)}
	names := &probeNames{enums: compiled.Resolved.Enums}
	if !compiled.Written.Scope.IsHost() || shows(compiled.Resolved, ir.Owner) {
		people, err := newPeople(ctx, r.app)
		if err != nil {
			return fmt.Errorf("running a probe: %w", err)
		}
		defer people.close()
		config.Owners, names.owner = proberun.LocalOwners(people.resolver), people.name
	}
	if shows(compiled.Resolved, ir.Symbol) || shows(compiled.Resolved, ir.Stack) {
		names.symbol = (&lazySymbols{a: r.app}).name
	}
	started, err := proberun.Start(ctx, config)
	if err != nil {
		return r.refused(err)
	}
	names.stack = started.Stack
	recording, err := r.startRecording(ctx, config)
	if err != nil {
		return errors.Join(err, started.Close())
	}
	s := newProbeSession(r, started, names)
	err = s.follow(ctx)
	return errors.Join(err, recording.close())
}

// refused shows the expression that the verifier does not take.
func (r *probeRunning) refused(err error) error {
	var refusal *proberun.Refusal
	if errors.As(err, &refusal) {
		r.note("%s", refusal.Explain())
		return errSilent
	}
	return fmt.Errorf("running a probe: %w", err)
}

// shows tells whether any of a probe's values is shown as something else than the number that it is.
func shows(p *ir.Probe, hint ir.Hint) bool {
	for _, fields := range [][]ir.Field{p.Keys, p.Emit} {
		for _, field := range fields {
			if field.Type.Hint == hint {
				return true
			}
		}
	}
	return false
}
