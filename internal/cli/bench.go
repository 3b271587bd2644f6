// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/bench"
	"github.com/aeolus-ebpf/aeolus/internal/settings"
)

func (a *app) benchCommand() *cobra.Command {
	var list, full bool
	var prometheus string
	var about []string
	for _, b := range bench.All() {
		about = append(about, fmt.Sprintf("  %-10s %s", b.Name(), b.About()))
	}
	cmd := &cobra.Command{
		Use:   "bench NAME [flags]",
		Short: "Measure what Aeolus costs and how fast it is, here",
		Long: `Measures on this host, and shows each figure with the baseline that was measured in turn with it, and with its goal.
A goal that is missed is no failure: the exit status is 0 whenever everything could be measured.

` + strings.Join(about, "\n"),
		Example: `  sudo aeolus bench events               the table
  sudo aeolus bench events -o json       one object, for comparing
  aeolus bench --list                    the names`,
		Args: cobra.ArbitraryArgs, ValidArgs: benchNames(),
	}
	f := a.outputFlag(cmd)
	cmd.Flags().BoolVar(&list, "list", false, "list the names of the benchmarks and end")
	cmd.Flags().BoolVar(&full, "full", true, "as many rounds as published figures are made with; --full=false only shows that it works")
	cmd.Flags().StringVar(&prometheus, "prometheus", "", "`program` that query compares with (default: the prometheus that is found, if there is one)")
	group(cmd.Flags(), "What it does", "list", "full", "prometheus")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if list {
			_, err := fmt.Fprintln(a.Out, strings.Join(benchNames(), "\n"))
			return err
		}
		chosen, err := chooseBench(args)
		if err != nil {
			return err
		}
		return a.measure(cmd.Context(), chosen, bench.Run{Full: full, Prometheus: prometheus}, *f)
	}
	return cmd
}

func (a *app) measure(ctx context.Context, chosen bench.Bench, run bench.Run, f format) error {
	run.Logger, run.Progress = a.logger(a.verbose), func(line string) { a.progress("%s: %s", chosen.Name(), line) }
	result, err := bench.Measure(ctx, chosen, run)
	a.progressDone()
	if errors.Is(err, bench.ErrStatistics) {
		return fmt.Errorf("refusing to measure: %w", err)
	}
	if errors.Is(err, syscall.EPERM) {
		return hint(err, "measuring needs root: sudo aeolus bench %s", chosen.Name())
	}
	if err != nil {
		return err
	}
	if f.machine() {
		return a.document(f, result)
	}
	return result.WriteTable(a.Out, a.style(f))
}

func chooseBench(args []string) (bench.Bench, error) {
	names := benchNames()
	if len(args) != 1 {
		return nil, usagef("bench needs the name of one benchmark: %s", strings.Join(names, ", "))
	}
	for _, b := range bench.All() {
		if b.Name() == args[0] {
			return b, nil
		}
	}
	if near := settings.Nearest(args[0], names); near != "" {
		return nil, usagef("there is no benchmark %q (did you mean %s?)", args[0], near)
	}
	return nil, usagef("there is no benchmark %q (there are %s)", args[0], strings.Join(names, ", "))
}

func benchNames() []string {
	var names []string
	for _, b := range bench.All() {
		names = append(names, b.Name())
	}
	return names
}

// trafficCommand is what a benchmark's traffic runs as.
func (a *app) trafficCommand() *cobra.Command {
	return &cobra.Command{
		Use: bench.TrafficCommand, Hidden: true, DisableFlagParsing: true, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return bench.TrafficMain(cmd.Context(), a.Out, args) },
	}
}

// socketsCommand is what keeps a benchmark's sockets.
func (a *app) socketsCommand() *cobra.Command {
	return &cobra.Command{
		Use: bench.SocketsCommand, Hidden: true, DisableFlagParsing: true, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return bench.SocketsMain(cmd.Context(), a.In, a.Out, args)
		},
	}
}

// senderCommand is what replays bodies to a controller that is measured.
func (a *app) senderCommand() *cobra.Command {
	return &cobra.Command{
		Use: bench.SenderCommand, Hidden: true, DisableFlagParsing: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return bench.SenderMain(cmd.Context(), a.In, a.Out) },
	}
}

// loadsCommand is what runs into the hooks that a benchmark measures.
func (a *app) loadsCommand() *cobra.Command {
	return &cobra.Command{
		Use: bench.LoadsCommand, Hidden: true, DisableFlagParsing: true, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return bench.LoadsMain(cmd.Context(), a.In, a.Out, args)
		},
	}
}

// askCommand is what runs a benchmark's probes.
func (a *app) askCommand() *cobra.Command {
	return &cobra.Command{
		Use: bench.AskCommand, Hidden: true, DisableFlagParsing: true, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return bench.AskMain(cmd.Context(), a.In, a.Out, args)
		},
	}
}

// measuredCommand is a controller that is measured.
func (a *app) measuredCommand() *cobra.Command {
	return &cobra.Command{
		Use: bench.ControllerCommand, Hidden: true, DisableFlagParsing: true, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return bench.ControllerMain(cmd.Context(), a.In, a.Out, args)
		},
	}
}
